//! What proxies say, well and badly.

use super::{Claim, Origin, Said, xclient, xforward};

#[track_caller]
fn claims(argument: &str, expected: Claim) {
    assert_eq!(xclient(argument.as_bytes()).ok(), Some(expected));
}

#[track_caller]
fn refused(argument: &str, row: &str) {
    let reply = xclient(argument.as_bytes()).map(|claim| format!("{claim:?}"));
    assert_eq!(reply.map_err(|reply| reply.row().id), Err(row));
}

#[test]
fn a_claim_is_what_its_attributes_say() {
    claims(
        "NAME=client.example ADDR=192.0.2.7 PORT=4242 PROTO=ESMTP HELO=client.example LOGIN=alice",
        Claim {
            address: Said::This("192.0.2.7".parse().unwrap()),
            name: Said::This("client.example".to_owned()),
            helo: Said::This("client.example".to_owned()),
            extended: Said::This(true),
        },
    );
    claims(
        "addr=ipv6:2001:DB8::7  proto=smtp",
        Claim {
            address: Said::This("2001:db8::7".parse().unwrap()),
            extended: Said::This(false),
            ..Claim::default()
        },
    );
    claims(
        "ADDR=IPV6:::ffff:192.0.2.7 HELO=+5B192.0.2.7+5D",
        Claim {
            address: Said::This("192.0.2.7".parse().unwrap()),
            helo: Said::This("[192.0.2.7]".to_owned()),
            ..Claim::default()
        },
    );
    claims("LOGIN=any+20thing+FF", Claim::default());
    let name = format!("{0}.{0}.{0}.example", "a".repeat(60));
    claims(
        &format!("NAME={name}"),
        Claim {
            name: Said::This(name),
            ..Claim::default()
        },
    );
}

#[test]
fn what_the_proxy_does_not_know_is_unknown() {
    claims(
        "NAME=[TEMPUNAVAIL] ADDR=[unavailable] HELO=[UNAVAILABLE] PROTO=[UNAVAILABLE] PORT=[UNAVAILABLE]",
        Claim {
            address: Said::Unknown,
            name: Said::Unknown,
            helo: Said::Unknown,
            extended: Said::Unknown,
        },
    );
}

#[test]
fn mistakes_are_told_apart() {
    refused("", "S-501q");
    refused("NAME", "S-501e");
    refused("ADDR=192.0.2.1 x", "S-501e");
    refused("=x", "S-501e");
    refused(&format!("NAME={}", "a".repeat(256)), "S-501d");
    refused(&format!("LOGIN={}", "+41".repeat(256)), "S-501d");
    for bad in [
        "COLOUR=blue",
        "DESTADDR=192.0.2.1",
        "IDENT=x",
        "ADDR=",
        "ADDR=[192.0.2.1]",
        "ADDR=localhost",
        "ADDR=IPV6:192.0.2.1",
        "ADDR=192.0.2.1 ADDR=192.0.2.2",
        "NAME=",
        "NAME=a+20b",
        "NAME=[192.0.2.1]",
        "NAME=a+0D+0Ab",
        "NAME=a(b",
        "HELO=a+2",
        "HELO=a=b",
        "HELO=a+2db",
        "PROTO=HTTP",
        "PORT=-1",
        "PORT=65536",
        "PORT=",
    ] {
        refused(bad, "T-43");
    }
}

#[test]
fn the_origin_of_a_message_is_gathered_over_several_commands() {
    let first = xforward(
        b"NAME=a.example ADDR=192.0.2.7 SOURCE=REMOTE",
        Origin::default(),
    );
    let both = xforward(
        b"NAME=[UNAVAILABLE] PORT=25 PROTO=ESMTP HELO=b IDENT=4+2B2",
        first.unwrap(),
    );
    let expected = Origin {
        name: None,
        address: Some("192.0.2.7".parse().unwrap()),
        port: Some(25),
        protocol: Some("ESMTP".to_owned()),
        helo: Some("b".to_owned()),
        ident: Some("4+2".to_owned()),
    };
    assert_eq!(both.ok(), Some(expected));
    for (argument, row) in [
        ("SOURCE=MARS", "T-43"),
        ("IDENT=a+0Ab", "T-43"),
        ("PROTO=+28x+29", "T-43"),
        ("LOGIN=alice", "T-43"),
        ("NAME", "S-501e"),
    ] {
        let reply = xforward(argument.as_bytes(), Origin::default());
        assert_eq!(
            reply.map_err(|reply| reply.row().id),
            Err(row),
            "{argument}"
        );
    }
}
