//! Greeting, CAPA, STLS, QUIT, lines that cannot be read, and every way a connection ends with a word.

use super::{ERR, err};
use crate::row::Status;

rows! {
    "X-P1" GREETING = Status::Ok, "{host} POP3 ready" {
        ja: "{host} POP3 サーバーの準備ができました",
        rfc: "RFC 1939 section 4",
        when: "A client has connected (and, on the pop3s port, finished its TLS handshake).",
        cause: "The server is up and waits for the login.",
        remedy: "Nothing to do."
    }
    "T-P24" GREETING_APOP = Status::Ok, "{host} POP3 ready {timestamp}" {
        ja: "{host} POP3 サーバーの準備ができました {timestamp}",
        rfc: "RFC 1939 section 7",
        when: "As X-P1, where APOP is switched on and every account can use it.",
        cause: "The server is up and waits for the login; the timestamp is what APOP answers to.",
        remedy: "Nothing to do."
    }
    // SMTP has rows for a greeting that refuses; POP3 needs the same ones.
    "T-P1" GREETING_STOPPING = err("SYS/TEMP"), "Server is stopping; try again in a few minutes" {
        ja: "サーバーを停止しています。数分後にもう一度お試しください",
        rfc: "RFC 3206 section 4",
        when: "A client connects while the server is being stopped.",
        cause: "The server no longer takes new sessions.",
        remedy: "Fetch mail again in a few minutes; nothing is lost."
    }
    "T-P2" TOO_MANY_SESSIONS = err("SYS/TEMP"), "Too many sessions; try later" {
        ja: "接続が多すぎます。しばらくしてからお試しください",
        rfc: "RFC 3206 section 4",
        when: "A client connects while `limits.sessions` sessions are open on the listener.",
        cause: "The server is as busy as it is allowed to be.",
        remedy: "Try again in a minute. Administrator: if it happens every day, raise `limits.sessions`."
    }
    "T-P3" TOO_MANY_FROM_ADDRESS = err("SYS/TEMP"), "Connection limit for {peer} reached; close some first" {
        ja: "{peer} からの接続数が上限に達しました。使っていない接続を閉じてください",
        rfc: "RFC 3206 section 4",
        when: "A client connects while its address already holds `limits.sessions_per_ip` sessions.",
        cause: "One address may not take all the places. Many people behind one router share an address.",
        remedy: "Close unused connections. Administrator: list the network in `limits.exempt`."
    }
    "T-P4" TOO_FAST = err("SYS/TEMP"), "Too many new connections from {peer}; wait a minute" {
        ja: "{peer} からの新しい接続が多すぎます。1 分ほどお待ちください",
        rfc: "RFC 3206 section 4",
        when: "An address opens connections faster than `limits.connect_rate`.",
        cause: "A mail program set to look for mail every few seconds, or an attack.",
        remedy: "Let the mail program look every few minutes. Administrator: list the network in `limits.exempt`."
    }
    "T-P5" EARLY_TALKER = ERR, "You spoke before the greeting; wait for it" {
        ja: "サーバーの挨拶より先に送信されました。挨拶をお待ちください",
        rfc: "RFC 1939 section 4",
        when: "Bytes arrived before the server had sent its greeting.",
        cause: "A program that does not wait its turn, or a TLS client on a port that starts in clear.",
        remedy: "Wait for the greeting; use port 995 for TLS from the first byte."
    }
    "T-P40" ADDRESS_REFUSED = ERR, "Connections from {peer} are refused" {
        ja: "{peer} からの接続は受け付けていません",
        rfc: "RFC 1939 section 4",
        when: "A client connects from a network listed in `limits.refuse_from`; the connection is then closed.",
        cause: "The administrator of this server wants no connections from there.",
        remedy: "Connect from another network, or ask the administrator by another way, such as the telephone."
    }
    "X-P2" CAPABILITIES = Status::Ok, "Capabilities follow" {
        ja: "利用できる機能は次のとおりです",
        rfc: "RFC 2449 section 5",
        when: "CAPA; one line per capability follows, ended by a dot.",
        cause: "The client asked what the server can do right now.",
        remedy: "Nothing to do.",
        shape: List
    }
    "PO-1" START_TLS_NOW = Status::Ok, "TLS handshake may start" {
        ja: "TLS ハンドシェイクを開始してください",
        rfc: "RFC 2595 section 4",
        when: "STLS on a connection in clear, before login.",
        cause: "The client asked for encryption.",
        remedy: "Nothing to do."
    }
    "PE-16" TLS_UNAVAILABLE = err("SYS/TEMP"), "TLS could not be started; retry later" {
        ja: "TLS を開始できませんでした。後でもう一度お試しください",
        rfc: "RFC 2595 section 4",
        when: "STLS while the certificate or its key cannot be used.",
        cause: "The certificate files are missing, unreadable or do not belong together.",
        remedy: "Administrator: `tegami check` names the file and the fault."
    }
    "PE-17" TLS_ALREADY_ON = ERR, "TLS is on already" {
        ja: "TLS はすでに有効です",
        rfc: "RFC 2595 section 4",
        when: "STLS on an encrypted connection.",
        cause: "The client is set to STLS but connected to the port with TLS from the first byte.",
        remedy: "Set the client to port 995 with SSL/TLS, or to port 110 with STARTTLS."
    }
    "PE-18" TLS_NOT_OFFERED = ERR, "TLS is not offered here" {
        ja: "このポートでは TLS を提供していません",
        rfc: "RFC 2595 section 4",
        when: "STLS on a listener without TLS.",
        cause: "The administrator switched TLS off.",
        remedy: "Use port 995, if it is open."
    }
    "PO-4" GOODBYE = Status::Ok, "Goodbye" {
        ja: "ご利用ありがとうございました",
        rfc: "RFC 1939 section 6",
        when: "QUIT with no message flagged as deleted, or before login.",
        cause: "The client ended the session in good order.",
        remedy: "Nothing to do."
    }
    "PO-3" GOODBYE_REMOVED = Status::Ok, "Goodbye, messages removed: {removed}" {
        ja: "{removed} 通のメッセージを削除しました。ご利用ありがとうございました",
        rfc: "RFC 1939 section 6",
        when: "QUIT after DELE; the removal is safely on disk.",
        cause: "The mail program deletes from the server what it has fetched.",
        remedy: "If mail should stay, switch `leave messages on server` on. Deleted mail can be brought back for a while: `tegami store undelete`."
    }
    // PE-22 speaks of a maildrop that cannot be opened; at QUIT the reader must know that nothing was removed.
    "T-P6" NOT_REMOVED = err("SYS/TEMP"), "Deletion could not be recorded; the messages are still here" {
        ja: "削除を記録できませんでした。メッセージはまだ残っています",
        rfc: "RFC 1939 section 6",
        when: "QUIT after DELE, when the removal cannot be written safely.",
        cause: "The disk or the file system reported a fault.",
        remedy: "Fetch mail again later; some messages may appear twice. Administrator: look at the log and the disk."
    }
    "PE-02" LINE_FLOOD = ERR, "Over-long line, closing" {
        ja: "行が長すぎるため、接続を閉じます",
        rfc: "RFC 2449 section 4",
        when: "The third over-long line of a session, or 64 kB without an end of line.",
        cause: "What arrives is not POP3.",
        remedy: "Check the port and protocol in the client's settings."
    }
    "PE-03" LINE_TOO_LONG = ERR, "Over-long line" {
        ja: "行が長すぎます",
        rfc: "RFC 2449 section 4",
        when: "A command line of more than 255 octets.",
        cause: "A faulty client, or a user name or password that was pasted wrongly.",
        remedy: "Keep command lines within 255 octets, the end of line included."
    }
    "PE-06" WRONG_ARGUMENTS = ERR, "Wrong arguments for this command" {
        ja: "このコマンドの引数が正しくありません",
        rfc: "RFC 1939 section 3",
        when: "A command with too few or too many arguments, such as RETR alone or STAT 1.",
        cause: "A mistake in the client.",
        remedy: "Check how the command is written."
    }
    "PE-14" STOPPING = err("SYS/TEMP"), "Server is stopping; nothing was deleted" {
        ja: "サーバーを停止します。メッセージは削除されていません",
        rfc: "RFC 3206 section 4",
        when: "The server is being stopped while the session is open; the connection is then closed.",
        cause: "An administrator or the system asked the server to stop.",
        remedy: "Fetch mail again in a few minutes. Messages flagged as deleted are still here."
    }
    "PE-20" ERROR_LIMIT = ERR, "Bad-command limit reached; check the client's settings" {
        ja: "誤ったコマンドの数が上限に達しました。メールソフトの設定をご確認ください",
        rfc: "RFC 1939 section 3",
        when: "The session reached `limits.errors` unknown or malformed commands; the connection is then closed.",
        cause: "The client does not speak POP3 properly.",
        remedy: "Look at the replies before this one: each names its own mistake."
    }
    "T-P26" IDLE_LIMIT = ERR, "Too many commands without a login; connect again" {
        ja: "ログインしないままのコマンドが多すぎます。接続し直してください",
        rfc: "RFC 1939 section 3",
        when: "A hundred commands before login, PASS and AUTH not counted; the connection is then closed.",
        cause: "A program in a loop, or an attempt to keep the server busy.",
        remedy: "Open a connection when there is mail to fetch, and log in at once."
    }
    "PE-21" UNKNOWN_VERB = ERR, "Verb not known" {
        ja: "不明なコマンドです",
        rfc: "RFC 1939 section 3",
        when: "A line begins with a word that is no POP3 command, or cannot be read at all.",
        cause: "A typing mistake, another protocol, or a client that lost step.",
        remedy: "Check the port and protocol in the client's settings."
    }
    // PE-21 asks that a known verb in the wrong state be told which state it is; a text apart helps more.
    "T-P7" NOT_BEFORE_LOGIN = ERR, "Log in first; the session is in the AUTHORIZATION state" {
        ja: "先にログインしてください。現在は AUTHORIZATION 状態です",
        rfc: "RFC 1939 section 3",
        when: "A command that needs an open maildrop, before login.",
        cause: "The client did not log in, or its login was refused.",
        remedy: "Look at the reply to the login: it names the reason."
    }
    "T-P8" NOT_AFTER_LOGIN = ERR, "Only before login; the session is in the TRANSACTION state" {
        ja: "ログイン前にのみ使えるコマンドです。現在は TRANSACTION 状態です",
        rfc: "RFC 1939 section 3",
        when: "USER, PASS, STLS or UTF8 after login.",
        cause: "One session belongs to one maildrop; TLS and UTF8 mode start before the login.",
        remedy: "QUIT and connect again."
    }
    // The same defence as SMTP's X-23, against web pages that post to mail ports.
    "T-P9" NOT_A_WEB_SERVER = ERR, "Not a web server" {
        ja: "ここはウェブサーバーではありません",
        rfc: "RFC 1939 section 3",
        when: "An HTTP request arrived, such as `GET / HTTP/1.1`; the connection is then closed.",
        cause: "A browser or a web page was pointed at the mail port, perhaps to smuggle commands into it.",
        remedy: "Open the web page on its own port; mail programs connect here."
    }
    // A panic in one connection ends that connection and never the server; the peer is told the truth.
    "T-P10" INTERNAL_FAILURE = err("SYS/TEMP"), "Internal failure on our side; nothing was deleted" {
        ja: "サーバー内部で障害が発生しました。メッセージは削除されていません",
        rfc: "RFC 3206 section 4",
        when: "The session failed inside the server and cannot go on.",
        cause: "A fault in the server. No message was deleted.",
        remedy: "Fetch mail again. Please report it with the lines of the server's log around it."
    }
}
