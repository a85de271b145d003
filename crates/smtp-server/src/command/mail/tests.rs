//! Known answers for the argument of MAIL.

use super::parse;
use crate::ask::{Body, MailFrom};
use crate::config::Role;
use crate::hold::Hold;

/// Says in one line what was understood, or the refusal's catalogue id.
fn shown(argument: &[u8], role: Role) -> String {
    match parse(argument, role) {
        Ok(MailFrom {
            reverse_path,
            size,
            body,
            ret,
            envid,
            auth,
            smtputf8,
            requiretls,
            deliver_by,
            hold,
        }) => {
            let mut text = reverse_path.to_string();
            if let Some(size) = size {
                text += &format!(" size={size}");
            }
            if body == Body::EightBitMime {
                text += " 8bit";
            }
            if let Some(ret) = ret {
                text += &format!(" ret={ret}");
            }
            if let Some(envid) = envid {
                text += &format!(" envid={envid}");
            }
            if let Some(auth) = auth {
                text += &format!(" auth={auth}");
            }
            if smtputf8 {
                text += " smtputf8";
            }
            if requiretls {
                text += " requiretls";
            }
            if let Some(by) = deliver_by {
                text += &format!(" by={by}");
            }
            if let Some(Hold::For(seconds)) = hold {
                text += &format!(" hold={seconds}");
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
fn well_formed_senders() {
    check("FROM:<>", "<>");
    check("FROM:<a@b>", "<a@b>");
    check("from:<a@b>", "<a@b>");
    check("FROM: <a@b>", "<a@b>");
    check("FROM: \t <a@b>", "<a@b>");
    check("FROM:<a@b> SIZE=0", "<a@b> size=0");
    check(
        "FROM:<a@b>  size=12345678901234567890",
        "<a@b> size=12345678901234567890",
    );
    check(
        "FROM:<a@b> SIZE=99999999999999999999",
        "<a@b> size=18446744073709551615",
    );
    check("FROM:<a@b> SIZE=00000000000000000001", "<a@b> size=1");
    check("FROM:<a@b> BODY=7BIT", "<a@b>");
    check("FROM:<a@b> body=8bitmime", "<a@b> 8bit");
    check(
        "FROM:<a@b> RET=HDRS ENVID=x+20y",
        "<a@b> ret=HDRS envid=x+20y",
    );
    check("FROM:<a@b> AUTH=<>", "<a@b> auth=<>");
    check(
        "FROM:<a@b> AUTH=e+3Dmc2@example.com",
        "<a@b> auth=<e=mc2@example.com>",
    );
    check("FROM:<a@b> AUTH=somebody", "<a@b> auth=<>");
    check("FROM:<@x,@y:a@b>", "<a@b>");
}

#[test]
fn malformed_senders() {
    check("", "S-501k");
    check("garbage", "S-501k");
    check("a@b", "S-501k");
    check("TO:<a@b>", "S-501k");
    check("FROM", "S-501k");
    check("FROM:", "S-501k");
    check("FROM :<a@b>", "S-501k");
    check("FROM:a@b", "S-501k");
    check("FROM:<x", "S-501c");
    check("FROM:<a b@c>", "S-501c");
    check("FROM:<a@b", "S-501c");
    check("FROM:< >", "S-501c");
    check("FROM:<;sleep 66;>", "S-501c");
    check("FROM:<jürgen@l>", "T-12");
    check(
        &format!("FROM:<{}@l>", "a".repeat(64)),
        &format!("<{}@l>", "a".repeat(64)),
    );
    check(&format!("FROM:<{}@l>", "a".repeat(65)), "S-553a");
    assert_eq!(shown(b"FROM:<a\xff@b>", Role::Exchange), "S-501c");
}

#[test]
fn faulty_parameters() {
    check("FROM:<a@b>SIZE=1", "S-501");
    check("FROM:<a@b> =x", "S-501");
    check("FROM:<a@b> -X=1", "S-501");
    check("FROM:<a@b> SIZE=", "S-501");
    check("FROM:<a@b> X=a=b", "S-501");
    check("FROM:<a@b> FOO=1", "S-555");
    check("FROM:<a@b> FOO", "S-555");
    check("FROM:<a@b> NOTIFY=NEVER", "S-555");
    check("FROM:<a@b> MT-PRIORITY=3", "S-555");
    check("FROM:<a@b> SIZE", "S-501a");
    check("FROM:<a@b> SIZE=abc", "S-501a");
    check("FROM:<a@b> SIZE=-1", "S-501a");
    check("FROM:<a@b> SIZE=123456789012345678901", "S-501a");
    check("FROM:<a@b> SIZE=1 SIZE=1", "S-501a");
    check("FROM:<a@b> BODY=BINARYMIME", "S-555");
    check("FROM:<a@b> BODY=9BIT", "T-14");
    check("FROM:<a@b> BODY", "T-14");
    check("FROM:<a@b> BODY=7BIT BODY=7BIT", "T-14");
    check("FROM:<a@b> AUTH", "T-14");
    check("FROM:<a@b> AUTH=a+zz", "T-14");
    check("FROM:<a@b> AUTH=<> AUTH=<>", "T-14");
    check("FROM:<a@b> SMTPUTF8=1", "T-14");
    check("FROM:<a@b> SMTPUTF8 smtputf8", "T-14");
    check("FROM:<a@b> SIZE=１", "S-501a");
    check("FROM:<a@b> ENVID=é SMTPUTF8", "X-21");
    check("FROM:<a@b> RET=ALL", "X-21");
    check("FROM:<a@b> RET=FULL RET=FULL", "X-21");
    check("FROM:<a@b> ENVID=a ENVID=a", "X-21");
    check("FROM:<a@b> ENVID=a+0A", "X-21");
    check(&format!("FROM:<a@b> ENVID={}", "e".repeat(101)), "X-21");
}

#[test]
fn letters_beyond_ascii_need_smtputf8() {
    check("FROM:<jürgen@l>", "T-12");
    check("FROM:<a@bücher.example>", "T-12");
    check("FROM:<jürgen@l> SIZE=1", "T-12");
    check("FROM:<jürgen@l> SMTPUTF8", "<jürgen@l> smtputf8");
    check(
        "FROM:<a@BÜCHER.example> BODY=8BITMIME smtputf8",
        "<a@xn--bcher-kva.example> 8bit smtputf8",
    );
    check("FROM:<> SMTPUTF8", "<> smtputf8");
    check("FROM:<jürgen..x@l> SMTPUTF8", "S-501c");
    for broken in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80"] {
        let argument = [b"FROM:<a", broken, b"@b> SMTPUTF8"].concat();
        assert_eq!(shown(&argument, Role::Exchange), "S-501c");
    }
    let bare = "FROM:jürgen@l SMTPUTF8".as_bytes();
    assert_eq!(shown(bare, Role::Submission), "<jürgen@l> smtputf8");
    assert_eq!(shown("FROM:jürgen@l".as_bytes(), Role::Submission), "T-12");
}

#[test]
fn brackets_may_be_missing_from_users_only() {
    assert_eq!(shown(b"FROM:a@b SIZE=5", Role::Submission), "<a@b> size=5");
    assert_eq!(shown(b"FROM: a@b", Role::Submission), "<a@b>");
    assert_eq!(shown(b"FROM:a", Role::Submission), "S-501c");
    assert_eq!(shown(b"FROM:", Role::Submission), "S-501k");
}

#[test]
fn all_parameters_at_their_longest_fit() {
    let envid = "e".repeat(100);
    let auth = format!("{}@{}.{}", "a".repeat(64), "d".repeat(63), "d".repeat(63));
    let line = format!("FROM:<a@b> SIZE=10 BODY=8BITMIME RET=FULL ENVID={envid} AUTH={auth}");
    check(
        &line,
        &format!("<a@b> size=10 8bit ret=FULL envid={envid} auth=<{auth}>"),
    );
}

// LIM-02, TLS-11, SUB-13, EXT-25
#[test]
fn promises_about_tls_and_time() {
    check("FROM:<a@b> REQUIRETLS", "<a@b> requiretls");
    check("FROM:<a@b> requiretls by=60;n", "<a@b> requiretls by=60;N");
    check("FROM:<a@b> REQUIRETLS=1", "T-14");
    check("FROM:<a@b> BY=60;R BODY=7BIT", "<a@b> by=60;R");
    check("FROM:<a@b> BY", "X-20a");
    check("FROM:<a@b> BY=60;R BY=60;R", "X-20a");
    check("FROM:<a@b> HOLDFOR=60", "<a@b> hold=60");
    check(
        "FROM:<a@b> HOLDFOR=60 HOLDUNTIL=2030-01-31T08:00:00Z",
        "X-20c",
    );
    check("FROM:<a@b> HOLDFOR", "X-20c");
    check("FROM:<a@b> HOLDFOR=60 SIZE=x", "S-501a");
}
