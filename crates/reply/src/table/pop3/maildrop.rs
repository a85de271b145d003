//! The commands on an open maildrop: STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP.

use super::{ERR, err};
use crate::row::Status;

rows! {
    "PC-STAT" TOTALS = Status::Ok, "{count} {octets}" {
        ja: "{count} {octets}",
        rfc: "RFC 1939 section 5",
        when: "STAT: number and octets of the messages not flagged as deleted.",
        cause: "The client asked how much mail there is.",
        remedy: "Nothing to do."
    }
    "PC-LIST" SIZES = Status::Ok, "Messages: {count}, octets: {octets}" {
        ja: "メッセージは {count} 通、合計 {octets} オクテットです",
        rfc: "RFC 1939 section 5",
        when: "LIST; one line per message with its number and octets follows, ended by a dot.",
        cause: "The client asked for the sizes.",
        remedy: "Nothing to do."
    }
    // LIST and UIDL with a number answer on one line that programs parse; REPLIES.md keeps them in PC-LIST, PC-UIDL.
    "T-P20" SIZE = Status::Ok, "{message} {octets}" {
        ja: "{message} {octets}",
        rfc: "RFC 1939 section 5",
        when: "LIST with a message number.",
        cause: "The client asked for one size.",
        remedy: "Nothing to do."
    }
    "PC-UIDL" UNIQUE_IDS = Status::Ok, "Unique ids follow" {
        ja: "固有 ID は次のとおりです",
        rfc: "RFC 1939 section 7",
        when: "UIDL; one line per message with its number and unique id follows, ended by a dot.",
        cause: "The client compares with what it has fetched before.",
        remedy: "Nothing to do."
    }
    "T-P21" UNIQUE_ID = Status::Ok, "{message} {id}" {
        ja: "{message} {id}",
        rfc: "RFC 1939 section 7",
        when: "UIDL with a message number.",
        cause: "The client compares with what it has fetched before.",
        remedy: "Nothing to do."
    }
    "PC-RETR" MESSAGE = Status::Ok, "{octets} octets" {
        ja: "{octets} オクテットです",
        rfc: "RFC 1939 section 5",
        when: "RETR; the message follows, ended by a dot.",
        cause: "The client fetches a message.",
        remedy: "Nothing to do."
    }
    "PC-TOP" TOP = Status::Ok, "Top of message follows" {
        ja: "メッセージの先頭部分は次のとおりです",
        rfc: "RFC 1939 section 7",
        when: "TOP; the header and the wanted number of lines follow, ended by a dot.",
        cause: "The client looks into a message without fetching it.",
        remedy: "Nothing to do."
    }
    "PO-5" DELETED = Status::Ok, "Message {message} flagged for removal" {
        ja: "メッセージ {message} に削除の印を付けました",
        rfc: "RFC 1939 section 5",
        when: "DELE. The message goes at QUIT and not before.",
        cause: "The mail program deletes from the server what it has fetched.",
        remedy: "RSET takes the flag away again."
    }
    "PC-NOOP" NOOP = Status::Ok, "Still here" {
        ja: "接続は維持されています",
        rfc: "RFC 1939 section 5",
        when: "NOOP.",
        cause: "The client only asked whether the server is still there.",
        remedy: "Nothing to do."
    }
    "PC-RSET" RESET = Status::Ok, "Flags removed; messages: {count}, octets: {octets}" {
        ja: "削除の印を取り消しました。メッセージは {count} 通、合計 {octets} オクテットです",
        rfc: "RFC 1939 section 5",
        when: "RSET.",
        cause: "The client took back its DELE commands.",
        remedy: "Nothing to do."
    }
    "PE-05" NOT_A_NUMBER = ERR, "Not a message number" {
        ja: "メッセージ番号が正しくありません",
        rfc: "RFC 1939 section 5",
        when: "LIST, UIDL, RETR, TOP or DELE with an argument that is no number above zero.",
        cause: "A mistake in the client.",
        remedy: "Message numbers begin with 1; LIST shows them."
    }
    "PE-07" NOT_A_LINE_COUNT = ERR, "Line count is not a number" {
        ja: "行数が数値ではありません",
        rfc: "RFC 1939 section 7",
        when: "TOP with a second argument that is no number.",
        cause: "A mistake in the client.",
        remedy: "Give the number of body lines, 0 for the header only."
    }
    "PE-08" FLAGGED_AS_DELETED = ERR, "Message {message} is flagged as deleted" {
        ja: "メッセージ {message} には削除の印が付いています",
        rfc: "RFC 1939 section 5",
        when: "LIST, UIDL, RETR, TOP or DELE with a message that was deleted in this session.",
        cause: "The message is still here until QUIT, but counts as gone.",
        remedy: "RSET brings it back."
    }
    "PE-09" MESSAGE_GONE = ERR, "Message {message} is gone from the store" {
        ja: "メッセージ {message} はもう保存されていません",
        rfc: "RFC 1939 section 5",
        when: "RETR or TOP with a message that was removed by somebody else since the login.",
        cause: "An administrator deleted it while the session was open.",
        remedy: "Log in again to see the maildrop as it is now."
    }
    // PE-09 asks for [SYS/PERM] when the file is lost; that is a different fact from an orderly removal.
    "T-P22" MESSAGE_DAMAGED = err("SYS/PERM"), "Message {message} is damaged in the store; tell the administrator" {
        ja: "保存されているメッセージ {message} が破損しています。管理者にお知らせください",
        rfc: "RFC 3206 section 4",
        when: "RETR or TOP with a message whose stored octets fail their checksum.",
        cause: "The disk returned other octets than were written.",
        remedy: "Administrator: `tegami store verify`, check the disk, restore the message from a backup."
    }
    // RFC 3206 section 4: a read that may work next time is SYS/TEMP.
    "T-P23" MESSAGE_UNREADABLE = err("SYS/TEMP"), "Message {message} cannot be read now; retry later" {
        ja: "メッセージ {message} を現在読み出せません。後でもう一度お試しください",
        rfc: "RFC 3206 section 4",
        when: "RETR or TOP while the mail store does not answer.",
        cause: "The disk or the file system reported a fault.",
        remedy: "Fetch mail again later. Administrator: look at the log and the disk."
    }
    "PE-10" NUMBER_OUT_OF_RANGE = ERR, "Message number out of range" {
        ja: "メッセージ番号が範囲外です",
        rfc: "RFC 1939 section 5",
        when: "LIST, UIDL, RETR, TOP or DELE with a number of more than 32 bits.",
        cause: "A mistake in the client.",
        remedy: "LIST shows the numbers."
    }
    "PE-15" LINE_COUNT_OUT_OF_RANGE = ERR, "Line count out of range" {
        ja: "行数が範囲外です",
        rfc: "RFC 1939 section 7",
        when: "TOP with a line count of more than 32 bits.",
        cause: "A mistake in the client.",
        remedy: "Ask for fewer lines, or fetch the message with RETR."
    }
    "PE-19" NO_SUCH_MESSAGE = ERR, "No message numbered {message}" {
        ja: "番号 {message} のメッセージはありません",
        rfc: "RFC 1939 section 5",
        when: "LIST, UIDL, RETR, TOP or DELE with a number above the last message.",
        cause: "The maildrop holds fewer messages; mail that arrives during a session is not in it.",
        remedy: "LIST shows the numbers; log in again to see new mail."
    }
}
