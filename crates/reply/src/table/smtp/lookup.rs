//! VRFY and EXPN.

use super::coded;

rows! {
    "S-250k" VERIFIED = coded(250, 1, 5), "{mailbox}" {
        rfc: "RFC 5321 section 3.5.1",
        when: "VRFY of an existing mailbox with `smtp.vrfy` = `verify`; the text is `Full Name <user@domain>`.",
        cause: "The mailbox exists and takes mail.",
        remedy: "Nothing to do."
    }
    "S-250l" EXPANDED = coded(250, 1, 5), "{member}" {
        rfc: "RFC 5321 section 3.5.1",
        when: "EXPN of an alias with `smtp.expn` = `on`; one mailbox per line.",
        cause: "These addresses receive what is sent to the alias.",
        remedy: "Nothing to do."
    }
    "S-252a" NOT_VERIFIED = coded(252, 0, 0), "Not verified; send mail and we will try" {
        rfc: "RFC 5321 section 3.5.3",
        when: "VRFY or EXPN where the server does not say who exists.",
        cause: "The same answer for every name keeps address collectors away.",
        remedy: "Send a message: an address that does not exist is refused at RCPT."
    }
    "S-502b" VRFY_OFF = coded(502, 5, 1), "VRFY not offered" {
        rfc: "RFC 5321 section 7.3",
        when: "VRFY with `smtp.vrfy` = `unimplemented`.",
        cause: "The administrator switched the command off altogether.",
        remedy: "Send a message instead. Administrator: `noncommittal` is what the standard asks for."
    }
    "S-502c" EXPN_OFF = coded(502, 5, 1), "EXPN not offered" {
        rfc: "RFC 5321 section 3.5.2",
        when: "EXPN with `smtp.expn` = `off`, which is the default.",
        cause: "The members of an alias are nobody else's business.",
        remedy: "Administrator: `tegami alias list` shows the members."
    }
    "S-501p" VRFY_USAGE = coded(501, 5, 4), "Usage: VRFY <user>" {
        rfc: "RFC 5321 section 4.1.1.6",
        when: "VRFY without an argument.",
        cause: "The command is incomplete.",
        remedy: "Name a user or an address."
    }
    "X-24a" AMBIGUOUS = coded(553, 1, 4), "Ambiguous: {candidates}" {
        rfc: "RFC 5321 section 3.5.1",
        when: "VRFY with `smtp.vrfy` = `verify`, of a name that several mailboxes share.",
        cause: "The same part before the @ exists in several domains.",
        remedy: "Ask again with the full address."
    }
    "X-24c" UTF8_REPLY = coded(252, 6, 8), "The answer has letters beyond ASCII; ask again with SMTPUTF8" {
        rfc: "RFC 6531 section 3.7.4.2",
        when: "VRFY or EXPN without the parameter SMTPUTF8, where the server tells, and an address in the answer is not ASCII.",
        cause: "A client that did not ask for UTF-8 must not be sent any.",
        remedy: "Add SMTPUTF8 behind the name: `VRFY name SMTPUTF8`."
    }
    "X-24b" NO_SUCH_USER = coded(550, 1, 1), "No such user or alias here" {
        rfc: "RFC 5321 section 3.5.1",
        when: "VRFY or EXPN, where the server does say who exists, of a name nobody has.",
        cause: "A typing mistake, or an account that was removed.",
        remedy: "Check the spelling."
    }
}
