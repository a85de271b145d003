//! Very large messages at once, on a server that is not to need more memory than a small machine has.

use std::net::SocketAddr;
use std::thread;

use anyhow::{Result, anyhow, ensure};

use super::{Figure, Ground};
use crate::torture::wire::Wire;

/// Messages at once, and the lines each is made of.
const MESSAGES: usize = 50;
const LINES: usize = 25_000_000 / LINE.len();
const LINE: &[u8] =
    b"seventy-eight octets in every line, with its end, until twenty-five million.\r\n";
/// Lines that are sent together.
const TOGETHER: usize = 1000;
/// All memory of the machine it should fit into, in MiB.
const MEMORY: f64 = 128.0;

pub(super) fn measure(ground: &Ground) -> Result<Vec<Figure>> {
    let server = ground
        .site("large")?
        .with("TEGAMI_MAILBOX__QUOTA", "0")
        .start()?;
    let address = server.address("smtp")?;
    thread::scope(|scope| {
        let senders: Vec<_> = (0..MESSAGES)
            .map(|_| scope.spawn(move || send(address)))
            .collect();
        senders.into_iter().try_for_each(|one| {
            one.join()
                .unwrap_or_else(|_| Err(anyhow!("a sender panicked")))
        })
    })?;
    let figure = Figure::new(
        format!("{MESSAGES} messages of 25 MB at once: the most memory"),
        server.memory_mib("VmHWM")?,
        MEMORY,
        "MiB",
    );
    server.stop()?;
    Ok(vec![figure])
}

fn send(address: SocketAddr) -> Result<()> {
    let mut wire = Wire::connect(address)?;
    wire.reply()?;
    let mut ask = |line: &str, wanted: &str| -> Result<()> {
        wire.send(format!("{line}\r\n").as_bytes())?;
        let reply = wire.reply()?;
        ensure!(reply.starts_with(wanted), "{line}: {reply}");
        Ok(())
    };
    ask("EHLO client.elsewhere.test", "250")?;
    ask("MAIL FROM:<>", "250")?;
    ask("RCPT TO:<user0@example.test>", "250")?;
    ask("DATA", "354")?;
    let lines = LINE.repeat(TOGETHER);
    for _ in 0..LINES / TOGETHER {
        wire.send(&lines)?;
    }
    wire.send(b".\r\n")?;
    let reply = wire.reply()?;
    ensure!(reply.starts_with("250"), "the end of 25 MB: {reply}");
    Ok(())
}
