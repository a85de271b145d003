//! Known answers for paths: decode, compare, encode, decode again.

use super::{Domain, ForwardPath, PathError, ReversePath, forward_path, reverse_path, unbracketed};

/// Feeds `input` to [`reverse_path`]; a good row says how it is printed and what is left over.
#[track_caller]
fn reverse(input: &str, expected: Result<(&str, &str), PathError>) {
    let parsed = reverse_path(input.as_bytes());
    let seen = parsed
        .as_ref()
        .map(|(path, rest)| (path.to_string(), rest.to_vec()))
        .map_err(|error| *error);
    let expected = expected.map(|(path, rest)| (path.to_owned(), rest.as_bytes().to_vec()));
    assert_eq!(seen, expected, "{input:?}");
    if let Ok((path, _)) = parsed {
        assert_eq!(
            path.to_string().parse::<ReversePath>(),
            Ok(path),
            "{input:?}"
        );
    }
}

/// The same for [`forward_path`].
#[track_caller]
fn forward(input: &str, expected: Result<(&str, &str), PathError>) {
    let parsed = forward_path(input.as_bytes());
    let seen = parsed
        .as_ref()
        .map(|(path, rest)| (path.to_string(), rest.to_vec()))
        .map_err(|error| *error);
    let expected = expected.map(|(path, rest)| (path.to_owned(), rest.as_bytes().to_vec()));
    assert_eq!(seen, expected, "{input:?}");
    if let Ok((path, _)) = parsed {
        assert_eq!(
            path.to_string().parse::<ForwardPath>(),
            Ok(path),
            "{input:?}"
        );
    }
}

#[test]
fn well_formed_paths() {
    reverse("<>", Ok(("<>", "")));
    reverse("<> SIZE=1", Ok(("<>", " SIZE=1")));
    reverse("<a@b>", Ok(("<a@b>", "")));
    reverse("<a@b>FOO", Ok(("<a@b>", "FOO")));
    reverse("<a@b> SIZE=1", Ok(("<a@b>", " SIZE=1")));
    reverse(
        "<User.Name@Example.TEST>",
        Ok(("<User.Name@example.test>", "")),
    );
    reverse("<\"user\"@l>", Ok(("<user@l>", "")));
    reverse("<\"a>b\"@l> X", Ok(("<\"a>b\"@l>", " X")));
    reverse("<\"\"@l>", Ok(("<\"\"@l>", "")));
    reverse("<a@[192.0.2.1]>", Ok(("<a@[192.0.2.1]>", "")));
    reverse("<a@[IPv6:2001:db8::1]>", Ok(("<a@[IPv6:2001:db8::1]>", "")));
    reverse("<a@[ipv6:2001:DB8::1]>", Ok(("<a@[IPv6:2001:db8::1]>", "")));
    reverse("<a%b@l>", Ok(("<a%b@l>", "")));
    reverse("<a!b@l>", Ok(("<a!b@l>", "")));
    forward("<Postmaster>", Ok(("<Postmaster>", "")));
    forward(
        "<pOstMaster> NOTIFY=NEVER",
        Ok(("<Postmaster>", " NOTIFY=NEVER")),
    );
    forward("<postmaster@l>", Ok(("<postmaster@l>", "")));
    forward("<u@l>", Ok(("<u@l>", "")));
}

#[test]
fn source_routes_are_dropped() {
    forward("<@a:u@l>", Ok(("<u@l>", "")));
    forward("<@a,@b:u@l>", Ok(("<u@l>", "")));
    forward(
        "<@a.example,@b.example,@c.example:\"u\"@l>",
        Ok(("<u@l>", "")),
    );
    forward("<@l,@l:u@x>", Ok(("<u@x>", "")));
    forward("<@a,b:u@l>", Err(PathError::Syntax));
    forward("<@a,:u@l>", Err(PathError::Syntax));
    forward("<@:u@l>", Err(PathError::Syntax));
    forward("<@a u@l>", Err(PathError::Syntax));
    forward("<@a:>", Err(PathError::Syntax));
    forward("<@[192.0.2.1]:u@x>", Err(PathError::Syntax));
    forward("<@a:@b:u@x>", Err(PathError::Syntax));
}

#[test]
fn malformed_paths() {
    for input in [
        "",
        "<",
        ">",
        "< >",
        "<a@b",
        "a@b",
        "a@b>",
        "<a>",
        "<@>",
        "<@l>",
        "<a@>",
        "<a b@c>",
        "<a@b c>",
        "<a@@b>",
        "<u@x@l>",
        "<a@b.>",
        "<a@.b>",
        "<a@b..c>",
        "<a@-b>",
        "<a@b->",
        "<a@b_c>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a@[192.0.2]>",
        "<a@[192.0.2.1>",
        "<a@[x]>",
        "<a@[192.0.2.1].l>",
        "<\"a@b>",
        "<\"a\"b@c>",
        "<\"u@x\">",
        "<\"u%x\">",
        "<a\nBcc:u@l>",
        "<a\r@l>",
        "<a\0@l>",
        "<a\u{1b}@l>",
        "<;sleep 66;>",
        "<<a@b>>",
        "<a,b@c>",
        "<a(b)@c>",
        "<a:b@c>",
        "<a@b(c)>",
        "<a@b,c@d>",
    ] {
        reverse(input, Err(PathError::Syntax));
        forward(input, Err(PathError::Syntax));
    }
    forward("<>", Err(PathError::Syntax));
    reverse("<postmaster>", Err(PathError::Syntax));
    forward("<postmaste>", Err(PathError::Syntax));
}

#[test]
fn letters_beyond_ascii_are_read_and_broken_octets_are_not() {
    reverse("<jürgen@l> SMTPUTF8", Ok(("<jürgen@l>", " SMTPUTF8")));
    reverse("<a@bücher.example>", Ok(("<a@xn--bcher-kva.example>", "")));
    reverse("<a@BÜCHER.example>", Ok(("<a@xn--bcher-kva.example>", "")));
    forward("<\"jürgen\"@l>", Ok(("<jürgen@l>", "")));
    forward("<\"jür gen\"@l>", Ok(("<\"jür gen\"@l>", "")));
    forward(
        "<@bücher.example:手紙@日本語.jp>",
        Ok(("<手紙@xn--wgv71a119e.jp>", "")),
    );
    reverse("<a b@c> ü", Err(PathError::Syntax));
    reverse("<jürgen@bü cher.example>", Err(PathError::Syntax));
    reverse("<jürgen@l", Err(PathError::Syntax));
    reverse("<jürgen@\u{fffd}.example>", Err(PathError::Syntax));
    reverse("<a@bücher..example>", Err(PathError::Syntax));
    reverse("<a@[手紙]>", Err(PathError::Syntax));
    for broken in [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3",
        b"\xbc",
    ] {
        for path in [
            [b"<a", broken, b"@l>"].concat(),
            [b"<\"a", broken, b"\"@l>"].concat(),
            [b"<a@l", broken, b">"].concat(),
        ] {
            assert_eq!(
                reverse_path(&path).unwrap_err(),
                PathError::Syntax,
                "{}",
                path.escape_ascii()
            );
        }
    }
}

#[test]
fn limits_count_the_octets_of_utf_8() {
    let local = "ü".repeat(32);
    let ok = format!("<{local}@l>");
    reverse(&ok, Ok((&ok, "")));
    reverse(&format!("<{local}ü@l>"), Err(PathError::LocalPartTooLong));
    let domain = vec!["ü".repeat(40); 4].join(".");
    assert!(Domain::parse(&domain).is_ok_and(|domain| domain.as_str().len() < 252));
    reverse(&format!("<a@{domain}>"), Err(PathError::TooLong));
}

/// Nothing that was taken may be lost for having grown: envelopes are kept as text.
#[test]
fn a_path_that_grew_when_it_was_written_reads_again() {
    let letters = vec!["ü"; 31].join(".");
    let labels = vec!["xn--tda"; 31].join(".");
    let local = "a".repeat(20);
    let longer = format!("<{local}@{labels}>");
    assert!(longer.len() > 256);
    reverse(&format!("<{local}@{letters}>"), Ok((&longer, "")));
    forward(&format!("<{local}@{letters}>"), Ok((&longer, "")));
    assert_eq!("<@r:a@b>".parse::<ReversePath>(), Err(PathError::Syntax));
    assert_eq!("<a@b> ".parse::<ForwardPath>(), Err(PathError::Syntax));
}

#[test]
fn limits_of_64_255_and_256_octets() {
    let local = "a".repeat(64);
    let ok = format!("<{local}@l>");
    reverse(&ok, Ok((&ok, "")));
    reverse(&format!("<{local}a@l>"), Err(PathError::LocalPartTooLong));
    reverse(&format!("<{local}a@l..l>"), Err(PathError::Syntax));

    let label = "d".repeat(63);
    let longest = [label.as_str(); 4].join(".");
    let ok = format!("<a@{longest}>");
    reverse(&ok, Ok((&ok, "")));
    reverse(&format!("<a@{longest}d>"), Err(PathError::Syntax));

    let domain = format!("{label}.{label}.{}", &label[2..]);
    let ok = format!("<{local}@{domain}>");
    assert_eq!(ok.len(), 256);
    reverse(&ok, Ok((&ok, "")));
    reverse(&format!("<{local}@{domain}d>"), Err(PathError::TooLong));
    reverse(
        &format!("<@r:{}@{domain}>", &local[3..]),
        Ok((&format!("<{}@{domain}>", &local[3..]), "")),
    );
    reverse(
        &format!("<@r:{}@{domain}>", &local[2..]),
        Err(PathError::TooLong),
    );
    reverse(&format!("<@r:a@{longest}>"), Err(PathError::TooLong));
}

#[test]
fn bare_mailboxes_end_where_the_host_ends() {
    let (mailbox, rest) = unbracketed(b"a@b SIZE=1").unwrap();
    assert_eq!(
        (mailbox.to_string().as_str(), rest),
        ("a@b", b" SIZE=1".as_slice())
    );
    assert_eq!(unbracketed(b"a").unwrap_err(), PathError::Syntax);
    assert!(unbracketed("ä@b".as_bytes()).is_ok());
}
