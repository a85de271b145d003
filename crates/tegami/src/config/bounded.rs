//! Files that people write, read whole: only regular ones, and only up to a size that none of them has.
//!
//! A slip such as `/dev/zero` is refused instead of read for ever, and a named pipe instead of waited for.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The largest configuration or accounts file: tens of thousands of accounts.
pub const LARGEST: u64 = 4 << 20;

/// The whole file as text. What is wrong is a sentence's end: "cannot read ...: it is not a regular file".
///
/// # Errors
/// It cannot be read, is not a regular file, is larger than `largest` octets, or is not UTF-8.
pub fn read(path: &Path, largest: u64) -> Result<String, String> {
    let octets = octets(path, largest)?;
    String::from_utf8(octets).map_err(|_| "it is not UTF-8 text".to_owned())
}

fn octets(path: &Path, largest: u64) -> Result<Vec<u8>, String> {
    let said = |error: io::Error| error.to_string();
    // Without NONBLOCK, opening a pipe that nobody writes to would wait for somebody.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock.cast_signed())
        .open(path)
        .map_err(said)?;
    if !file.metadata().map_err(said)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut octets = Vec::new();
    file.take(largest + 1)
        .read_to_end(&mut octets)
        .map_err(said)?;
    if octets.len() as u64 > largest {
        return Err(format!(
            "it has more than {} KiB, so it is something else",
            largest / 1024
        ));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_small_regular_files_of_text_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("good"), "a\n").unwrap();
        std::os::unix::fs::symlink(at("good"), at("link")).unwrap();
        fs::write(at("full"), [b'x'; 2048]).unwrap();
        fs::write(at("large"), [b'x'; 2049]).unwrap();
        fs::write(at("odd"), b"\xff").unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        for (path, expected) in [
            (at("good"), Ok("a\n".to_owned())),
            (at("link"), Ok("a\n".to_owned())),
            (at("full"), Ok("x".repeat(2048))),
            (
                at("large"),
                Err("it has more than 2 KiB, so it is something else"),
            ),
            (at("odd"), Err("it is not UTF-8 text")),
            (at("pipe"), Err("it is not a regular file")),
            (at(""), Err("it is not a regular file")),
            ("/dev/zero".into(), Err("it is not a regular file")),
            (at("absent"), Err("No such file or directory (os error 2)")),
        ] {
            assert_eq!(
                read(&path, 2048),
                expected.map_err(str::to_owned),
                "{}",
                path.display()
            );
        }
    }
}
