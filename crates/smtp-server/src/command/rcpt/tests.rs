//! Known answers for the argument of RCPT.

use super::{Letters, parse};
use crate::ask::RcptTo;
use crate::config::Role;

fn shown(argument: &[u8], role: Role) -> String {
    match parse(argument, role) {
        Ok((
            RcptTo {
                path,
                notify,
                orcpt,
            },
            letters,
        )) => {
            let mut text = path.to_string();
            if let Some(notify) = notify {
                text += &format!(" notify={notify}");
            }
            if let Some(orcpt) = orcpt {
                text += &format!(" orcpt={orcpt}");
            }
            if letters == Letters::Utf8 {
                text += " utf8";
            }
            text
        }
        Err(reply) => {
            assert!(reply.is_complete(), "{reply:?}");
            reply.row().id.to_owned()
        }
    }
}

#[track_caller]
fn check(argument: &str, expected: &str) {
    assert_eq!(
        shown(argument.as_bytes(), Role::Exchange),
        expected,
        "{argument:?}"
    );
}

#[test]
fn well_formed_recipients() {
    check("TO:<u@l>", "<u@l>");
    check("to: <u@l>", "<u@l>");
    check("TO:<pOstmaster>", "<Postmaster>");
    check("TO:<@a,@b:u@l>", "<u@l>");
    check("TO:<\"u\"@L>", "<u@l>");
    check("TO:<u@[192.0.2.1]>", "<u@[192.0.2.1]>");
    check("TO:<u@l> NOTIFY=never", "<u@l> notify=NEVER");
    check(
        "TO:<u@l> ORCPT=rfc822;U@l NOTIFY=SUCCESS,DELAY",
        "<u@l> notify=SUCCESS,DELAY orcpt=rfc822;U@l",
    );
    let longest = format!("rfc822;{}", "a".repeat(493));
    check(
        &format!("TO:<u@l> ORCPT={longest}"),
        &format!("<u@l> orcpt={longest}"),
    );
}

#[test]
fn letters_beyond_ascii_are_noticed() {
    check("TO:<jürgen@l>", "<jürgen@l> utf8");
    check("TO:<u@bücher.example>", "<u@xn--bcher-kva.example> utf8");
    check("TO:<u@xn--bcher-kva.example>", "<u@xn--bcher-kva.example>");
    check(
        "TO:<u@l> ORCPT=utf-8;jürgen@l",
        "<u@l> orcpt=utf-8;jürgen@l utf8",
    );
    check("TO:<u@l> ORCPT=rfc822;jürgen@l", "X-21");
    check("TO:<u@l> ÖRCPT=x", "S-501");
}

#[test]
fn malformed_recipients() {
    check("", "S-501m");
    check("a@b", "S-501m");
    check("FROM:<a@b>", "S-501m");
    check("TO:a@b", "S-501m");
    check("TO:", "S-501m");
    check("TO:<>", "S-501b");
    check("TO:<@>", "S-501b");
    check("TO:<a b@c>", "S-501b");
    check("TO:<a@@b>", "S-501b");
    check("TO:<u@x@l>", "S-501b");
    check("TO:<u@x.>", "S-501b");
    check("TO:<\"u@x\">", "S-501b");
    check("TO:<@[192.0.2.1]:u@x>", "S-501b");
    check("TO:<u@l", "S-501b");
    check("TO:<jürgen..x@l>", "S-501b");
    check(&format!("TO:<{}@l>", "a".repeat(65)), "S-553a");
}

#[test]
fn faulty_parameters() {
    check("TO:<u@l> FOO", "S-555");
    check("TO:<u@l> SIZE=1", "S-555");
    check("TO:<u@l>NOTIFY=NEVER", "S-501");
    check("TO:<u@l> NOTIFY", "X-21");
    check("TO:<u@l> NOTIFY=NEVER,SUCCESS", "X-21");
    check("TO:<u@l> NOTIFY=NEVER NOTIFY=NEVER", "X-21");
    check("TO:<u@l> ORCPT=rfc822;a ORCPT=rfc822;a", "X-21");
    check("TO:<u@l> ORCPT=nonsense", "X-21");
}

#[test]
fn brackets_may_be_missing_from_users_only() {
    assert_eq!(
        shown(b"TO:u@l NOTIFY=NEVER", Role::Submission),
        "<u@l> notify=NEVER"
    );
    assert_eq!(shown(b"TO:postmaster", Role::Submission), "S-501b");
}
