//! Headers as proxies send them, headers nobody should send, and what stands behind them.

use tokio::io::AsyncWriteExt as _;

use super::*;

/// Reads a header off `sent`, which comes in pieces of `piece` octets and then ends; says what it was and what was
/// left untouched.
async fn heard(sent: &[u8], piece: usize) -> (Result<Passed, ProxyError>, Vec<u8>) {
    let (mut proxy, mut io) = tokio::io::duplex(piece);
    let sent = sent.to_vec();
    let sending = tokio::spawn(async move { proxy.write_all(&sent).await });
    let header = read(&mut io).await;
    let mut left = Vec::new();
    if header.is_ok() {
        io.read_to_end(&mut left).await.unwrap();
    }
    drop(io);
    let _cut_short = sending.await.unwrap();
    (header, left)
}

/// The header, whether it comes at once or octet by octet, and nothing but the header.
#[track_caller]
fn check(header: &[u8], expected: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    for behind in [&b""[..], b"EHLO client\r\n"] {
        let sent = [header, behind].concat();
        for piece in [1, 7, sent.len()] {
            let (heard, left) = runtime.block_on(heard(&sent, piece));
            let said = match heard {
                Ok(Passed::Own) => "own".to_owned(),
                Ok(Passed::On { peer, local }) => format!("{peer} to {local}"),
                Err(ref error) => format!("{error:?}"),
            };
            assert_eq!(said, expected, "{:?}", header.escape_ascii().to_string());
            if heard.is_ok() {
                assert_eq!(left, behind);
            }
        }
    }
}

/// A header of version 2.
fn v2(command: u8, transport: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&V2[..], &[command, transport], &length, rest].concat()
}

const CLIENT_V4: [u8; 12] = [192, 0, 2, 9, 198, 51, 100, 1, 0x04, 0x01, 0, 25];

#[test]
fn version_1_names_the_client() {
    for (line, expected) in [
        (
            "PROXY TCP4 192.0.2.9 198.51.100.1 1025 25",
            "192.0.2.9:1025 to 198.51.100.1:25",
        ),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
            "255.255.255.255:65535 to 255.255.255.255:65535",
        ),
        (
            "PROXY TCP6 2001:db8::9 2001:db8::1 1025 25",
            "[2001:db8::9]:1025 to [2001:db8::1]:25",
        ),
        (
            "PROXY TCP6 ::ffff:192.0.2.9 2001:db8::1 1025 0",
            "192.0.2.9:1025 to [2001:db8::1]:0",
        ),
        ("PROXY UNKNOWN", "own"),
        (
            "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535",
            "own",
        ),
    ] {
        check(format!("{line}\r\n").as_bytes(), expected);
    }
}

#[test]
fn a_malformed_line_of_version_1_is_refused() {
    for line in [
        "PROXY TCP4 192.0.2.9 198.51.100.1 1025",
        "PROXY TCP4 192.0.2.9 198.51.100.1 1025 25 ",
        "PROXY TCP4 192.0.2.9 198.51.100.1 1025 25 26",
        "PROXY TCP4  192.0.2.9 198.51.100.1 1025 25",
        "PROXY TCP4 192.0.2.9 198.51.100.1 65536 25",
        "PROXY TCP4 192.0.2.9 198.51.100.1 +125 25",
        "PROXY TCP4 192.0.2.9 198.51.100.1 0125 25",
        "PROXY TCP4 192.0.2.9 198.51.100.1  25",
        "PROXY TCP4 192.0.2.009 198.51.100.1 1025 25",
        "PROXY TCP4 192.0.2 198.51.100.1 1025 25",
        "PROXY TCP4 2001:db8::9 2001:db8::1 1025 25",
        "PROXY TCP6 192.0.2.9 198.51.100.1 1025 25",
        "PROXY TCP6 fe80::1%eth0 2001:db8::1 1025 25",
        "PROXY UDP4 192.0.2.9 198.51.100.1 1025 25",
        "PROXY UNKNOWNS and more",
        "PROXY tcp4 192.0.2.9 198.51.100.1 1025 25",
        "PROXY TCP4 192.0.2.9\n198.51.100.1 1025 25",
        "PROXY TCP4 192.0.2.9 198.51.100.1 1025 25\r",
    ] {
        check(format!("{line}\r\n").as_bytes(), "Malformed");
    }
    check(
        b"PROXY TCP4 192.0.2.9 198.51.100.1 1025 25\n\n",
        "Malformed",
    );
    check(
        b"PROXY TCP4 \xff\xff\xff\xff 198.51.100.1 1 2\r\n",
        "Malformed",
    );
}

#[test]
fn a_line_of_107_octets_is_the_longest() {
    let line = |octets: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(octets - 16));
    check(line(LONGEST_V1).as_bytes(), "own");
    check(line(LONGEST_V1 + 1).as_bytes(), "Malformed");
    check("PROXY UNKNOWN ".repeat(1000).as_bytes(), "Malformed");
}

#[test]
fn version_2_names_the_client_and_its_extensions_are_passed_over() {
    let client = "192.0.2.9:1025 to 198.51.100.1:25";
    check(&v2(0x21, 0x11, &CLIENT_V4), client);
    let extensions = [&CLIENT_V4[..], &[0x05, 0, 2, b'i', b'd', 0x04, 0, 0]].concat();
    check(&v2(0x21, 0x11, &extensions), client);
    let mut longest = CLIENT_V4.to_vec();
    longest.resize(usize::from(u16::MAX), 0x04);
    check(&v2(0x21, 0x11, &longest), client);

    let (source, destination): (Ipv6Addr, Ipv6Addr) = (
        "2001:db8::9".parse().unwrap(),
        "2001:db8::1".parse().unwrap(),
    );
    let v6 = [
        &source.octets()[..],
        &destination.octets(),
        &[0x04, 0x01, 0, 25],
    ]
    .concat();
    check(
        &v2(0x21, 0x21, &v6),
        "[2001:db8::9]:1025 to [2001:db8::1]:25",
    );
}

#[test]
fn version_2_may_speak_for_the_proxy_itself() {
    check(&v2(0x20, 0x00, b""), "own");
    check(&v2(0x20, 0x11, &CLIENT_V4), "own");
    check(&v2(0x20, 0x77, b"whatever"), "own");
    check(&v2(0x21, 0x00, b""), "own");
    check(&v2(0x21, 0x00, b"extensions"), "own");
}

#[test]
fn what_version_2_cannot_say_here_is_refused() {
    for (command, transport) in [
        (0x11, 0x11),
        (0x31, 0x11),
        (0x22, 0x11),
        (0x21, 0x12),
        (0x21, 0x22),
        (0x21, 0x31),
        (0x21, 0x13),
    ] {
        check(&v2(command, transport, &[0; 216]), "Foreign");
    }
    check(&v2(0x21, 0x11, &CLIENT_V4[..11]), "Malformed");
    check(&v2(0x21, 0x21, &CLIENT_V4), "Malformed");
}

#[tokio::test(start_paused = true)]
async fn a_header_cut_short_is_no_header() {
    let whole = v2(0x21, 0x11, &CLIENT_V4);
    for end in 1..whole.len() {
        let (header, _) = heard(&whole[..end], 64).await;
        assert!(
            matches!(header, Err(ProxyError::Missing | ProxyError::Malformed)),
            "{header:?} after {end}"
        );
    }
    let (header, _) = heard(b"", 64).await;
    assert!(matches!(header, Err(ProxyError::Silent)), "{header:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_no_proxy_is_found_out_by_its_first_octets() {
    for line in [
        "EHLO pc\r\n",
        "P",
        "PROXYTCP4 ",
        "\r\n\r\nQUIT\r\n",
        "\x16\x03\x01",
    ] {
        let (mut client, mut io) = tokio::io::duplex(64);
        client.write_all(line.as_bytes()).await.unwrap();
        let begun = tokio::time::Instant::now();
        let header = read(&mut io).await;
        if line == "P" {
            assert!(matches!(header, Err(ProxyError::TooSlow)), "{header:?}");
            assert_eq!(begun.elapsed(), HEADER_DEADLINE);
        } else {
            assert!(
                matches!(header, Err(ProxyError::Missing)),
                "{line:?}: {header:?}"
            );
            assert!(begun.elapsed().is_zero());
        }
    }
}
