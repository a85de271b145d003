//! USER, PASS and AUTH (RFC 1939 section 7, RFC 5034).

use super::{ERR, err};
use crate::row::Status;

rows! {
    "PC-USER" SEND_PASSWORD = Status::Ok, "Send PASS" {
        ja: "PASS を送信してください",
        rfc: "RFC 1939 section 7",
        when: "USER with a name, whether or not anybody has it.",
        cause: "The server does not say who exists.",
        remedy: "Nothing to do."
    }
    "PO-2" MAILDROP_OPEN = Status::Ok, "Maildrop open, messages: {count}" {
        ja: "メールボックスを開きました。メッセージは {count} 通です",
        rfc: "RFC 1939 section 4",
        when: "The right password by PASS or AUTH, and the maildrop is ours alone.",
        cause: "The session sees the mail as it is now; mail that arrives later waits for the next session.",
        remedy: "Nothing to do."
    }
    "X-P6" CHALLENGE = Status::Continue, "{challenge}" {
        ja: "{challenge}",
        rfc: "RFC 5034 section 4",
        when: "The AUTH mechanism wants an answer; the text is base64 and may be empty.",
        cause: "The login is under way.",
        remedy: "Nothing to do."
    }
    // AUTH alone is a habit of old clients (PC-AUTH has no row): it lists the mechanisms as CAPA's SASL line does.
    "T-P11" MECHANISMS = Status::Ok, "Mechanisms follow" {
        ja: "利用できる認証方式は次のとおりです",
        rfc: "RFC 5034 section 4",
        when: "AUTH without an argument; one mechanism per line follows, ended by a dot.",
        cause: "An old client asks in its own way what CAPA tells.",
        remedy: "Nothing to do.",
        shape: List
    }
    "T-P12" MECHANISM_NOT_OFFERED = ERR, "Mechanism not offered; CAPA lists those that are" {
        ja: "その認証方式は提供していません。提供中の方式は CAPA でご確認ください",
        rfc: "RFC 5034 section 4",
        when: "AUTH with a mechanism that is unknown or switched off.",
        cause: "Client and server do not share that way of logging in.",
        remedy: "Choose `normal password` in the mail program (over TLS)."
    }
    "T-P13" AUTH_CANCELLED = ERR, "Login abandoned by client" {
        ja: "ログインはクライアントにより中止されました",
        rfc: "RFC 5034 section 4",
        when: "The client answered a challenge with `*`.",
        cause: "The client or its user gave up the login.",
        remedy: "Log in again when ready."
    }
    "T-P14" NOT_BASE64 = ERR, "Cannot decode the response; it must be base64" {
        ja: "応答をデコードできません。base64 で送信してください",
        rfc: "RFC 5034 section 4",
        when: "A response or initial response of AUTH is not proper base64.",
        cause: "The client encodes wrongly, or a person typed the response by hand.",
        remedy: "Encode as standard base64 with its padding and nothing else on the line."
    }
    "T-P15" MALFORMED_RESPONSE = ERR, "The response does not fit the mechanism" {
        ja: "応答が認証方式の形式に合っていません",
        rfc: "RFC 5034 section 4",
        when: "A response decodes, but is not what the mechanism expects, such as PLAIN without its two NULs.",
        cause: "The client builds the response wrongly.",
        remedy: "For PLAIN send: NUL, user name, NUL, password; all of it as one base64 text."
    }
    "T-P16" RESPONSE_TOO_LONG = ERR, "AUTH line too long" {
        ja: "AUTH の行が長すぎます",
        rfc: "RFC 5034 section 4",
        when: "A response of more than 12288 octets.",
        cause: "No mechanism needs that much.",
        remedy: "Check what the client sends; a password this long is not needed."
    }
    "T-P17" ALREADY_LOGGED_IN = ERR, "Session is already logged in" {
        ja: "すでにログインしています",
        rfc: "RFC 5034 section 4",
        when: "AUTH after login.",
        cause: "One session belongs to one maildrop.",
        remedy: "QUIT and connect again to open another maildrop."
    }
    "X-P5" LOGIN_TOO_SOON = err("LOGIN-DELAY"), "Minimum interval between logins is {seconds} s" {
        ja: "ログインの間隔は {seconds} 秒以上あけてください",
        rfc: "RFC 2449 section 8.1.1",
        when: "The right password, less than `pop3.login_delay` after the last login to the same account.",
        cause: "A mail program looks for mail more often than this server wants.",
        remedy: "Let the mail program look for mail less often. Administrator: lower `pop3.login_delay`."
    }
    "X-P4" BAD_CREDENTIALS = err("AUTH"), "User name or password incorrect" {
        ja: "ユーザー名またはパスワードが正しくありません",
        rfc: "RFC 3206 section 5",
        when: "A wrong password, an unknown or disabled account, or a login on behalf of somebody else.",
        cause: "The answer is the same in all these cases, so that nobody can find out which accounts exist.",
        remedy: "Type the full address and the password again. Administrator: `tegami account password ADDRESS` sets a new one."
    }
    // RFC 3206 section 5 has AUTH for every fault of the credentials, violations of policy among them. These three are
    // what SMTP says as S-432, S-534 and X-09.
    "T-P60" TRANSITION_NEEDED = err("AUTH"), "Log in once with the normal password to enable this mechanism" {
        ja: "この認証方式を有効にするには、通常のパスワードで一度ログインしてください",
        rfc: "RFC 3206 section 5",
        when: "AUTH with SCRAM for an account that has no keys for it yet, where `auth.transition_hint` is on; otherwise the answer to a wrong password.",
        cause: "The account's password was stored before this mechanism was there, or came as a hash. The password is not in doubt.",
        remedy: "Log in once with USER and PASS, or PLAIN, under TLS; from then on this mechanism works, too."
    }
    "T-P61" LOGIN_TOO_WEAK = err("AUTH"), "Login too weak for this account; use SCRAM" {
        ja: "このアカウントでは、この方式でのログインは認められていません。SCRAM をお使いください",
        rfc: "RFC 3206 section 5",
        when: "The right password by PASS, APOP or a mechanism other than SCRAM, for an account that may log in with SCRAM only.",
        cause: "The account is held to logins in which the password does not cross the network: `login = \"scram\"`.",
        remedy: "Choose `encrypted password` in the mail program. Administrator: `tegami account set ADDRESS --login any`."
    }
    "T-P62" ACCOUNT_DISABLED = err("AUTH"), "Account disabled" {
        ja: "このアカウントは無効になっています",
        rfc: "RFC 3206 section 5",
        when: "The right password of an account that is switched off, where `auth.reveal_disabled` is on; otherwise the answer to a wrong password.",
        cause: "An administrator disabled the account. Its mail is kept.",
        remedy: "Ask the administrator. Administrator: `tegami account enable ADDRESS`."
    }
    // RFC 3206 section 6: [AUTH] makes mail programs forget the saved password, so it is for credentials only.
    "T-P18" LOGIN_THROTTLED = err("SYS/TEMP"), "Too many failed logins from {peer}; wait a few minutes" {
        ja: "{peer} からのログイン失敗が多すぎます。数分お待ちください",
        rfc: "RFC 3206 section 4",
        when: "A login from an address or network with many failed logins in the last minutes.",
        cause: "Somebody is guessing passwords, or a device still has an old one. The account itself is not locked.",
        remedy: "Correct the password in every device, wait a few minutes, try again."
    }
    "PE-01" APOP_OFF = ERR, "APOP is switched off" {
        ja: "APOP は無効になっています",
        rfc: "RFC 1939 section 7",
        when: "APOP, which the greeting without a timestamp did not offer.",
        cause: "APOP needs passwords that can be read back, and MD5. It is off unless `pop3.apop` is on and every account was allowed it.",
        remedy: "Choose `normal password` over TLS in the mail program."
    }
    "PE-04" APOP_DIGEST = ERR, "Digest must be 32 hex digits in lower case" {
        ja: "ダイジェストは小文字の 16 進数 32 桁でなければなりません",
        rfc: "RFC 1939 section 7",
        when: "APOP with a second argument that is no MD5 digest.",
        cause: "The client sends the password itself, or writes the digest in another way.",
        remedy: "Send MD5 of the greeting's timestamp, angle brackets included, followed by the password; as 32 lower-case hexadecimal digits."
    }
    "T-P25" INITIAL_RESPONSE_UNWANTED = ERR, "Initial response not allowed; wait for the challenge" {
        ja: "初期応答は使えません。チャレンジを待ってください",
        rfc: "RFC 5034 section 4",
        when: "AUTH with an initial response and a mechanism in which the server speaks first, such as CRAM-MD5.",
        cause: "There is nothing the client could answer yet.",
        remedy: "Send the mechanism's name alone, then answer the challenge."
    }
    "PE-11" NO_MAILDROP = err("SYS/PERM"), "Account has no maildrop" {
        ja: "このアカウントにはメールボックスがありません",
        rfc: "RFC 3206 section 4",
        when: "The right password of an account that has no mailbox: `mailbox = false`.",
        cause: "The account may send mail only, such as that of a scanner.",
        remedy: "Take the account out of what fetches mail. Administrator: `tegami account set ADDRESS --mailbox yes`."
    }
    "PE-12" USER_FIRST = ERR, "Give USER first" {
        ja: "先に USER を送信してください",
        rfc: "RFC 1939 section 7",
        when: "PASS without a USER before it.",
        cause: "The client lost step, or STLS made the server forget the name given before it.",
        remedy: "Send USER, then PASS."
    }
    "PE-13" TLS_FOR_PASSWORDS = err("AUTH"), "Password login needs TLS; use STLS" {
        ja: "パスワードでのログインには TLS が必要です。STLS をお使いください",
        rfc: "RFC 2595 section 2.3",
        when: "PASS, or AUTH with a mechanism that shows the password, on a connection in clear.",
        cause: "The password would cross the network readable.",
        remedy: "Set the mail program to port 995 with SSL/TLS, or to STARTTLS on port 110."
    }
    // RFC 3206 section 5: the AUTH code is never given to USER, so the same refusal is a row without it.
    "T-P19" TLS_FOR_USER = ERR, "Password login needs TLS; use STLS" {
        ja: "パスワードでのログインには TLS が必要です。STLS をお使いください",
        rfc: "RFC 2595 section 2.3",
        when: "USER on a connection in clear.",
        cause: "The password that comes next would cross the network readable.",
        remedy: "Set the mail program to port 995 with SSL/TLS, or to STARTTLS on port 110."
    }
    "PE-22" MAILDROP_UNAVAILABLE = err("SYS/TEMP"), "Maildrop could not be opened; retry later" {
        ja: "メールボックスを開けませんでした。後でもう一度お試しください",
        rfc: "RFC 3206 section 4",
        when: "The right password, but the mail store does not answer.",
        cause: "The disk or the file system reported a fault.",
        remedy: "Fetch mail again later. Administrator: look at the log and the disk."
    }
    "PE-23" MISCONFIGURED = err("SYS/PERM"), "Login service misconfigured; tell the administrator" {
        ja: "ログインサービスの設定に誤りがあります。管理者にお知らせください",
        rfc: "RFC 3206 section 4",
        when: "A login that cannot be checked because the server is set up wrongly.",
        cause: "The account's stored password cannot be read or is in an unknown form.",
        remedy: "Administrator: set the password again: `tegami account password ADDRESS`."
    }
    "PE-24" LOGIN_UNAVAILABLE = err("SYS/TEMP"), "Login service unavailable; retry in a minute" {
        ja: "ログインサービスを利用できません。1 分後にもう一度お試しください",
        rfc: "RFC 3206 section 4",
        when: "A login while passwords cannot be checked, or more logins wait than the queue holds.",
        cause: "The server is busy checking other passwords, or its account store does not answer. The password is not in doubt.",
        remedy: "Try again in a minute with the same password."
    }
    "X-P3" IN_USE = err("IN-USE"), "Maildrop locked by another session" {
        ja: "メールボックスは別のセッションで使用中です",
        rfc: "RFC 2449 section 8.1.2",
        when: "The right password while another POP3 session holds the same maildrop.",
        cause: "Another device is fetching mail, or its connection died a moment ago.",
        remedy: "Try again in a few minutes; let devices look for mail less often."
    }
}
