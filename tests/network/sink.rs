//! A mail server for elsewhere: it takes what it is told to take, puts off or refuses the rest, and shows what came.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Far longer than any delivery takes; only so that a hanging test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running one. It ends with the process of its test.
pub struct Sink {
    pub port: u16,
    open: Arc<AtomicBool>,
    letters: Receiver<Letter>,
}

/// A message that was taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Letter {
    /// The line by which the client said its name.
    pub hello: String,
    /// As MAIL said it, with its parameters.
    pub from: String,
    /// As RCPT said them.
    pub to: Vec<String>,
    pub text: String,
}

impl Sink {
    /// One that takes everything, but for `later@`, who are put off until it [opens](Sink::open), and `never@`, who are not
    /// there.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let open = Arc::new(AtomicBool::new(false));
        let (sender, letters) = channel();
        let (opened, sender) = (Arc::clone(&open), Arc::new(Mutex::new(sender)));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (open, sender) = (Arc::clone(&opened), Arc::clone(&sender));
                thread::spawn(move || talk(&stream, &open, &sender));
            }
        });
        Self {
            port,
            open,
            letters,
        }
    }

    /// From now on `later@` is taken, too.
    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// The next message that is taken.
    pub fn letter(&self) -> Letter {
        self.letters
            .recv_timeout(PATIENCE)
            .expect("a message comes")
    }

    /// What has come that nobody looked at.
    pub fn rest(&self) -> Vec<Letter> {
        self.letters.try_iter().collect()
    }
}

/// One connection. When the other side is gone there is nobody to tell.
fn talk(stream: &TcpStream, open: &AtomicBool, letters: &Mutex<Sender<Letter>>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    let mut say = move |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).ok();
    say("220 sink.test ESMTP")?;
    let (mut hello, mut from, mut to) = (String::new(), String::new(), Vec::new());
    loop {
        let line = read(&mut reader)?;
        let word = line.to_ascii_uppercase();
        if word.starts_with("EHLO") {
            hello.clone_from(&line);
            say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")?;
        } else if word.starts_with("MAIL FROM:") {
            from = line[10..].to_owned();
            to.clear();
            say("250 2.1.0 ok")?;
        } else if word.starts_with("RCPT TO:") {
            let path = line[8..].to_owned();
            if path.starts_with("<never@") {
                say("550 5.1.1 There is no such person")?;
            } else if path.starts_with("<later@") && !open.load(Ordering::SeqCst) {
                say("450 4.2.1 Come back when the moon is full")?;
            } else {
                to.push(path);
                say("250 2.1.5 ok")?;
            }
        } else if word == "DATA" {
            if to.is_empty() {
                say("503 5.5.1 nobody to send it to")?;
                continue;
            }
            say("354 go on")?;
            let mut text = String::new();
            loop {
                let line = read(&mut reader)?;
                if line == "." {
                    break;
                }
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
                text.push_str("\r\n");
            }
            let letter = Letter {
                hello: hello.clone(),
                from: std::mem::take(&mut from),
                to: std::mem::take(&mut to),
                text,
            };
            say("250 2.0.0 taken")?;
            letters.lock().ok()?.send(letter).ok()?;
        } else if word == "QUIT" {
            say("221 2.0.0 bye")?;
            return None;
        } else {
            say("250 2.0.0 ok")?;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    Some(line.strip_suffix("\r\n")?.to_owned())
}
