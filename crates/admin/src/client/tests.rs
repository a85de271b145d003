//! A server that hangs, as the command line meets it: nobody takes the connection, or nobody says a word.

use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

fn short() -> Patience {
    let moment = Duration::from_millis(50);
    Patience {
        silence: moment,
        longest: moment,
        moving: moment,
    }
}

#[track_caller]
fn is_silent<T: std::fmt::Debug>(result: Result<T, ClientError>, directory: &Path) {
    match result {
        Err(ClientError::Silent { directory: of, .. }) => assert_eq!(of, directory),
        other => panic!("{other:?}"),
    }
}

/// A socket whose server takes no connection, which is what a stopped process leaves.
fn nobody_home() -> (tempfile::TempDir, UnixListener) {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join(SOCKET_NAME)).unwrap();
    (directory, listener)
}

fn to(directory: &Path) -> Client {
    Client::connect_within(directory, short()).unwrap().unwrap()
}

#[test]
fn whatever_is_asked_of_a_server_that_hangs_is_given_up() {
    let (directory, _listener) = nobody_home();
    let directory = directory.path();
    is_silent(to(directory).ask(&Request::Status), directory);
    is_silent(to(directory).hold(), directory);
    let errand = Errand::Compact { force: false };
    is_silent(to(directory).carry(&errand), directory);
}

#[test]
fn a_full_queue_of_connections_is_not_waited_for() {
    let (directory, listener) = nobody_home();
    rustix::net::listen(&listener, 0).unwrap();
    let mut waiting = Vec::new();
    let last = loop {
        match Client::connect_within(directory.path(), short()) {
            Ok(Some(client)) if waiting.len() < 100 => waiting.push(client),
            other => break other,
        }
    };
    is_silent(last, directory.path());
}

/// Lets a server say this to whatever is asked, then close or, in `forever`, say no more.
fn saying(octets: &'static [u8], forever: bool) -> (tempfile::TempDir, thread::JoinHandle<()>) {
    let (directory, listener) = nobody_home();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(octets).unwrap();
        let mut request = Vec::new();
        // Until the client goes, or only until it has asked.
        if forever {
            stream.read_to_end(&mut request).unwrap();
        } else {
            BufReader::new(&stream)
                .read_until(b'\n', &mut request)
                .unwrap();
        }
    });
    (directory, served)
}

#[test]
fn an_answer_comes_behind_word_that_it_is_worked_on() {
    let answer = b"   {\"version\":1,\"answer\":{\"done\":\"allowed\"}}\n";
    let patient = || Patience::default();
    let (directory, served) = saying(answer, false);
    let client = Client::connect_within(directory.path(), patient());
    let answered = client.unwrap().unwrap().ask(&Request::Status).unwrap();
    assert_eq!(answered, Ok(Response::Allowed));
    served.join().unwrap();
    let (directory, served) = saying(answer, false);
    let client = Client::connect_within(directory.path(), patient());
    let errand = Errand::Compact { force: false };
    let (_, response) = client.unwrap().unwrap().carry(&errand).unwrap().unwrap();
    assert_eq!(response, Response::Allowed);
    served.join().unwrap();
}

#[test]
fn a_server_that_falls_silent_after_a_word_is_given_up_too() {
    let (directory, served) = saying(b"  ", true);
    is_silent(
        to(directory.path()).ask(&Request::AccountList),
        directory.path(),
    );
    served.join().unwrap();
    let (directory, served) = saying(b" ", true);
    let errand = Errand::Compact { force: false };
    is_silent(to(directory.path()).carry(&errand), directory.path());
    served.join().unwrap();
}
