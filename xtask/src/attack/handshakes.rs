//! TLS handshakes: very many, for very many names, begun and not continued, and once more within a session.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Figure, Ground};
use crate::torture::wire::Wire;

/// Handshakes that are not continued.
const STALLED: usize = 2000;
/// When the server gives them up, in seconds, and some air for it.
const GIVEN_UP: f64 = 30.0 + 3.0;
/// Server names.
const NAMES: u32 = 10_000;
/// Memory they may take, in MiB.
const MEMORY: f64 = 16.0;

/// Handshakes one after the other, each for another name; some first, for what any handshake costs once.
const CLIENT: &str = "import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as plain:
        with context.wrap_socket(plain, server_hostname='n%d.example.test' % number) as tls:
            assert tls.recv(4) == b'220 '
            tls.sendall(b'QUIT\\r\\n')
            while tls.recv(4096):
                pass
";

pub(super) fn names(ground: &Ground) -> Result<Vec<Figure>> {
    let server = ground.server("names")?;
    let port = server.address("submissions")?.port();
    let shake = |from: u32, to: u32| -> Result<()> {
        let status = Command::new("python3")
            .args(["-c", CLIENT, &port.to_string()])
            .args([from.to_string(), to.to_string()])
            .status()
            .context("python3")?;
        if !status.success() {
            bail!("the handshakes did not go through");
        }
        Ok(())
    };
    shake(0, 500)?;
    let before = server.memory_mib("VmRSS")?;
    shake(500, 500 + NAMES)?;
    let figure = Figure::new(
        format!("{NAMES} handshakes, each for another name: memory beyond that of the first 500"),
        server.memory_mib("VmRSS")? - before,
        MEMORY,
        "MiB",
    );
    server.stop()?;
    Ok(vec![figure])
}

pub(super) fn renegotiation(ground: &Ground) -> Result<Vec<Figure>> {
    let server = ground.server("renegotiation")?;
    let mut client = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-msg", "-connect"])
        .arg(server.address("submissions")?.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("openssl")?;
    let mut typed = client.stdin.take().context("stdin is piped")?;
    // What is typed before the handshake is over would be taken for mail.
    for line in ["EHLO a\n", "R\n"] {
        thread::sleep(Duration::from_secs(2));
        typed.write_all(line.as_bytes())?;
        typed.flush()?;
    }
    thread::sleep(Duration::from_secs(2));
    client.kill()?;
    let said = client.wait_with_output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    let begun = said.matches(", ClientHello\n").count();
    if begun != 2 {
        bail!("openssl asked for {begun} handshakes in place of two");
    }
    let answered = said.matches(", ServerHello\n").count();
    server.stop()?;
    Ok(vec![Figure::new(
        "handshakes within a session of TLS 1.2",
        answered as f64 - 1.0,
        0.0,
        "",
    )])
}

pub(super) fn stalled(ground: &Ground) -> Result<Vec<Figure>> {
    let server = ground.server("stalled")?;
    let address = server.address("submissions")?;
    let mut connections = Vec::new();
    for _ in 0..STALLED {
        connections.push((TcpStream::connect(address)?, Instant::now()));
    }
    let begun = Instant::now();
    Wire::connect(server.address("smtp")?)?.reply()?;
    let greeted = begun.elapsed();
    let mut longest = Duration::ZERO;
    for (mut connection, begun) in connections {
        connection.set_read_timeout(Some(Duration::from_secs(60)))?;
        let read = connection.read(&mut [0; 64]);
        if matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock) {
            bail!("a stalled handshake is still open after a minute");
        }
        longest = longest.max(begun.elapsed());
    }
    server.stop()?;
    Ok(vec![
        Figure::new(
            format!("{STALLED} stalled handshakes: the last one is gone after"),
            longest.as_secs_f64(),
            GIVEN_UP,
            "s",
        ),
        Figure::new(
            "a newcomer's greeting meanwhile",
            greeted.as_secs_f64(),
            1.0,
            "s",
        ),
    ])
}
