//! Maildirs, trees of files and lists of unique ids, as other servers leave them.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use mailfolder::{Files, Format, Maildir, MaildirWriter, Uidls, is_uidl};
use tempfile::TempDir;

/// A directory with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for part in ["cur", "new", "tmp"] {
        fs::create_dir(directory.path().join(part)).unwrap();
    }
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

/// Every item as a line, without the directory.
fn lines(root: &Path, files: Files) -> Vec<String> {
    files
        .map(|item| {
            let line = match item {
                Ok(letter) => {
                    let id = letter.uidl.map(|id| format!("[{id}]")).unwrap_or_default();
                    let text = String::from_utf8_lossy(&letter.octets);
                    format!("{}{id} {}", letter.place, text.replace("\r\n", "|"))
                }
                Err(fault) => fault.to_string(),
            };
            line.replace(&format!("{}/", root.display()), "")
        })
        .collect()
}

#[track_caller]
fn check(directory: &TempDir, list: Option<&str>, format: Option<&str>, expected: &[&str]) {
    let root = directory.path();
    let format = format.map(|format| Format::parse(format).unwrap());
    let list = list
        .map(|list| root.join(list))
        .or_else(|| Uidls::list_of(root));
    let uidls = match list {
        Some(list) => {
            let (uidls, faults) = Uidls::read(&list, format.as_ref()).unwrap();
            assert!(faults.is_empty(), "{faults:?}");
            uidls
        }
        None => Uidls::default(),
    };
    let letters = Maildir::open(root).unwrap().letters(Arc::new(uidls), 1_000);
    assert_eq!(lines(root, letters), expected);
}

#[test]
fn messages_come_in_the_order_of_their_times() {
    let directory = tree(&[
        ("cur/1276528490.M1P1.host:2,S", "A: 3\n"),
        ("new/1276528489.M1P1.host", "A: 2\r\n\r\nx\n"),
        ("cur/999999999.M1P1.host:2,FRS", "A: 1\n\nno end"),
        ("tmp/1.half", "A"),
        ("cur/.hidden", "A"),
        ("cur/oddly named", "A: 4\n"),
    ]);
    check(
        &directory,
        None,
        None,
        &[
            "cur/999999999.M1P1.host:2,FRS A: 1||no end",
            "new/1276528489.M1P1.host A: 2||x|",
            "cur/1276528490.M1P1.host:2,S A: 3|",
            "cur/oddly named A: 4|",
        ],
    );
}

#[test]
fn what_is_no_message_is_named() {
    let directory = tree(&[
        ("cur/1.a:2,", ""),
        ("cur/2.b:2,", &"x".repeat(1_001)),
        ("cur/3.c:2,", &"x\n".repeat(400)),
        ("cur/4.d/x", "A: b\n"),
        ("cur/6.f", "A: b\n"),
    ]);
    symlink("/etc/passwd", directory.path().join("cur/5.e")).unwrap();
    check(
        &directory,
        None,
        None,
        &[
            "cur/1.a:2,: an empty message",
            "cur/2.b:2,: a message of more than 1000 octets",
            "cur/3.c:2,: a message of more than 1000 octets",
            "cur/4.d: not a regular file",
            "cur/5.e: not a regular file",
            "cur/6.f A: b|",
        ],
    );
    let missing = Maildir::open(Path::new("/nowhere/at all")).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("/nowhere/at all/cur: cannot be read: "),
        "{missing}"
    );
}

#[test]
fn folders_are_named_and_not_read() {
    let directory = tree(&[
        ("cur/1.a", "A: b\n"),
        (".Sent/cur/2.b", "A: c\n"),
        (".Sent/new/3.c", "A: d\n"),
        (".nothing/x", ""),
    ]);
    let maildir = Maildir::open(directory.path()).unwrap();
    assert_eq!(maildir.folders(), [directory.path().join(".Sent")]);
    assert_eq!(maildir.count(), 1);
    assert_eq!(Maildir::open(&maildir.folders()[0]).unwrap().count(), 2);
}

#[test]
fn dovecot_s_list_gives_ids_and_order() {
    let messages = [
        ("cur/10.a:2,S", "A: 1\n"),
        ("cur/20.b,S=5:2,", "A: 2\n"),
        ("new/30.c", "A: 3\n"),
        ("new/40.d", "A: 4\n"),
    ];
    let with = |list: &str| {
        let directory = tree(&messages);
        fs::write(directory.path().join("dovecot-uidlist"), list).unwrap();
        directory
    };
    let list = "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n\
                25006 :30.c\n25017 W2481 Pkept.id :20.b,S=5:2,F\n25020 P :10.a\n";
    check(
        &with(list),
        None,
        None,
        &[
            "new/30.c[000061ae4c0907b0] A: 3|",
            "cur/20.b,S=5:2,[kept.id] A: 2|",
            "cur/10.a:2,S[10.a] A: 1|",
            "new/40.d A: 4|",
        ],
    );
    check(
        &with("3 V7 N9\n1 :40.d\n2 O1 :30.c\n3 Gabc :20.b,S=5\n"),
        None,
        Some("%g-%v.%u"),
        &[
            "new/30.c[30.c-7.2] A: 3|",
            "new/40.d[40.d-7.1] A: 4|",
            "cur/20.b,S=5:2,[abc-7.3] A: 2|",
            "cur/10.a:2,S A: 1|",
        ],
    );
    check(
        &with("1 255 4\n1 20.b,S=5:2,S\n2 10.a\n"),
        None,
        None,
        &[
            "cur/20.b,S=5:2,[00000001000000ff] A: 2|",
            "cur/10.a:2,S[00000002000000ff] A: 1|",
            "new/30.c A: 3|",
            "new/40.d A: 4|",
        ],
    );
    check(
        &with("3 V7 N9 P%v.%u\n1 :40.d\n"),
        None,
        None,
        &[
            "new/40.d[7.1] A: 4|",
            "cur/10.a:2,S A: 1|",
            "cur/20.b,S=5:2, A: 2|",
            "new/30.c A: 3|",
        ],
    );
}

#[test]
fn courier_s_list_gives_ids() {
    let directory = tree(&[
        ("cur/10.a:2,S", "A: 1\n"),
        ("cur/20.b c,S=5:2,", "A: 2\n"),
        ("cur/30.c:2,", "A: 3\n"),
        ("cur/40.d:2,", "A: 4\n"),
    ]);
    let list = "/3 4 1109709855\n10.a:2,S 5 1:1109709855:0\n20.b c,S=5:2, 5 0:0\n30.c:2, 5 2:0:0\n";
    fs::write(directory.path().join("courierpop3dsizelist"), list).unwrap();
    check(
        &directory,
        None,
        None,
        &[
            "cur/10.a:2,S[UID1-1109709855] A: 1|",
            "cur/30.c:2,[UID2] A: 3|",
            "cur/20.b c,S=5:2,[20.b+20c,S=5] A: 2|",
            "cur/40.d:2, A: 4|",
        ],
    );
}

#[test]
fn a_plain_list_goes_by_name_or_number() {
    let directory = tree(&[
        ("cur/10.a:2,S", "A: 1\n"),
        ("cur/20.b c:2,", "A: 2\n"),
        ("cur/30.c:2,", "A: 3\n"),
        (
            "ids",
            "# by hand\n\n3 third\n./cur/10.a:2,S\tfirst\n20.b c  second\n",
        ),
    ]);
    check(
        &directory,
        Some("ids"),
        None,
        &[
            "cur/10.a:2,S[first] A: 1|",
            "cur/20.b c:2,[second] A: 2|",
            "cur/30.c:2,[third] A: 3|",
        ],
    );
}

/// What is wrong with a list of this name.
#[track_caller]
fn check_list(name: &str, text: &[u8], expected: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    let faults = match Uidls::read(&path, None) {
        Ok((_, faults)) => faults,
        Err(fault) => vec![fault],
    };
    let faults: Vec<String> = faults
        .iter()
        .map(|fault| {
            fault
                .to_string()
                .replace(&format!("{}/", directory.path().display()), "")
        })
        .collect();
    assert_eq!(faults, expected);
}

#[test]
fn lines_that_do_not_fit_are_named() {
    let entry = "not an entry of the list: a name or number and a unique id";
    let id = "x".repeat(71);
    check_list(
        "ids",
        b"1 a\n2\n",
        &[&format!("ids, line 2 (octet 4): {entry}")],
    );
    check_list(
        "ids",
        b"0 a\n",
        &[&format!("ids, line 1 (octet 0): {entry}")],
    );
    check_list(
        "ids",
        format!("1 {id}\n2 b\n").as_bytes(),
        &[&format!("ids, line 1 (octet 0): {entry}")],
    );
    check_list(
        "ids",
        "1 ü\n".as_bytes(),
        &[&format!("ids, line 1 (octet 0): {entry}")],
    );
    check_list(
        "ids",
        b"1 a\n\xff 2\n",
        &[&format!("ids, line 2 (octet 4): {entry}")],
    );
    check_list(
        "ids",
        "a".repeat(100_000).as_bytes(),
        &[&format!("ids, line 1 (octet 0): {entry}")],
    );
    let head = "not the first line of dovecot-uidlist";
    check_list(
        "dovecot-uidlist",
        b"",
        &[&format!("dovecot-uidlist, line 1 (octet 0): {head}")],
    );
    check_list(
        "dovecot-uidlist",
        b"2 V1 N1\n",
        &[&format!("dovecot-uidlist, line 1 (octet 0): {head}")],
    );
    check_list(
        "dovecot-uidlist",
        b"3 V1 N1\nx :a\n1 a\n",
        &[
            &format!("dovecot-uidlist, line 2 (octet 8): {entry}"),
            &format!("dovecot-uidlist, line 3 (octet 13): {entry}"),
        ],
    );
    let head = "not the first line of courierpop3dsizelist";
    check_list(
        "courierpop3dsizelist",
        b"/1 2 3\n",
        &[&format!("courierpop3dsizelist, line 1 (octet 0): {head}")],
    );
    check_list(
        "courierpop3dsizelist",
        b"/3 2 3\na 1\n",
        &[&format!("courierpop3dsizelist, line 2 (octet 7): {entry}")],
    );
}

#[test]
fn a_tree_of_eml_files_is_read_in_the_order_of_names() {
    let directory = tree(&[
        ("a/2.eml", "A: 2\n"),
        ("a/1.EML", "A: 1\n"),
        ("b/c/3.eml", "A: 3\n"),
        ("b/4.txt", "A: 4\n"),
        ("ids", "2.eml two\n3 three\n"),
    ]);
    let root = directory.path();
    let (uidls, _) = Uidls::read(&root.join("ids"), None).unwrap();
    let files = Files::tree(root, Arc::new(uidls), 100).unwrap();
    assert_eq!(files.count_all(), 3);
    assert_eq!(
        lines(root, files),
        [
            "a/1.EML A: 1|",
            "a/2.eml[two] A: 2|",
            "b/c/3.eml[three] A: 3|"
        ]
    );
}

#[test]
fn what_is_called_eml_and_is_no_message_is_named() {
    let directory = tree(&[
        ("1.eml", "Subject : old style\n"),
        ("2.eml", "\nno header at all\n"),
        ("3.eml", ">From a@example.test\nA: b\n"),
        ("4.eml", "PK\u{3}\u{4} no mail: at all\n"),
        ("5.eml", "a line of prose\n"),
    ]);
    let root = directory.path();
    let files = Files::tree(root, Arc::default(), 100).unwrap();
    assert_eq!(
        lines(root, files),
        [
            "1.eml Subject : old style|",
            "2.eml |no header at all|",
            "3.eml >From a@example.test|A: b|",
            "4.eml: no message: it does not begin with a header field",
            "5.eml: no message: it does not begin with a header field",
        ]
    );
}

#[test]
fn a_maildir_that_is_written_comes_back_with_its_ids() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Maildir");
    let mut writer = MaildirWriter::create(&path, 1_700_000_000).unwrap();
    let messages: [(Option<&str>, &[u8]); 4] = [
        (Some("1.a"), b"A: b\r\n\r\nFrom x\r\n"),
        (Some("old:id"), b"A: b\r\n\r\nno end"),
        (None, b"a\rb\r\r\n"),
        (Some("last"), b"X-UIDL: theirs\r\n\r\n"),
    ];
    for (uidl, octets) in messages {
        writer.begin(uidl).unwrap();
        octets
            .chunks(3)
            .for_each(|piece| writer.write(piece).unwrap());
        writer.end().unwrap();
    }
    assert!(!path.exists(), "it has its name before it is complete");
    writer.finish().unwrap();
    assert_eq!(
        fs::read_to_string(path.join("dovecot-uidlist")).unwrap(),
        "3 V1700000000 N0000000005\n\
         1 P1.a :1700000000.Q000000001.tegami,W=16\n\
         2 Pold:id :1700000000.Q000000002.tegami,W=14\n\
         3 :1700000000.Q000000003.tegami,W=6\n\
         4 Plast :1700000000.Q000000004.tegami,W=18\n"
    );
    let file = path.join("new/1700000000.Q000000001.tegami,W=16");
    assert_eq!(fs::read(file).unwrap(), b"A: b\n\nFrom x\n");
    let (uidls, faults) = Uidls::read(&Uidls::list_of(&path).unwrap(), None).unwrap();
    assert!(faults.is_empty());
    let letters = Maildir::open(&path)
        .unwrap()
        .letters(Arc::new(uidls), 1_000);
    let back: Vec<_> = letters.map(|letter| letter.unwrap()).collect();
    assert_eq!(back.len(), messages.len());
    for (letter, (uidl, octets)) in back.iter().zip(messages) {
        assert_eq!(letter.octets, octets);
        // Without an id of its own, Dovecot would give it this one.
        assert_eq!(letter.uidl.as_deref(), uidl.or(Some("000000036553f100")));
    }
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn unique_ids_are_what_rfc_1939_says() {
    for (text, is) in [
        ("a", true),
        ("!~", true),
        ("", false),
        ("a b", false),
        ("ü", false),
        ("\x7f", false),
    ] {
        assert_eq!(is_uidl(text), is, "{text:?}");
    }
    assert!(is_uidl(&"x".repeat(70)) && !is_uidl(&"x".repeat(71)));
}
