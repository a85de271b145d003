module interop.test/send

go 1.19
