//! DATA and the end of the message.

use super::{coded, plain};

rows! {
    "S-354" SEND_MESSAGE = plain(354), "Send message; finish with a line holding only a dot" {
        rfc: "RFC 5321 section 4.1.1.4",
        when: "DATA after an accepted recipient.",
        cause: "The message itself comes next.",
        remedy: "Nothing to do."
    }
    "X-17" CHUNK_RECEIVED = coded(250, 0, 0), "{octets} octets received" {
        rfc: "RFC 3030 section 2",
        when: "BDAT with all of its octets, when it is not the last one of the message.",
        cause: "A piece of the message has come in; nothing is stored before the last piece.",
        remedy: "Nothing to do."
    }
    // The client's next octets cannot be told from commands, so the session ends here.
    "T-17" BDAT_USAGE = coded(501, 5, 4), "Usage: BDAT <octets> [LAST]; closing the connection" {
        rfc: "RFC 3030 section 2",
        when: "BDAT without a number of octets that can be, or with anything but LAST behind it. The connection is closed.",
        cause: "A mistake in the client; where the chunk would end and the next command begin cannot be known.",
        remedy: "Connect again, and announce each chunk by its size in octets, in digits only."
    }
    "S-250h" STORED = coded(250, 0, 0), "Stored; id={id}" {
        rfc: "RFC 5321 section 4.1.1.4",
        when: "The message is complete, accepted and safely on disk.",
        cause: "The server now answers for the message. The id is in its Received field and in the log.",
        remedy: "Nothing to do."
    }
    "S-451c" NOT_STORED = coded(451, 3, 0), "Could not store the message; retry later" {
        rfc: "RFC 5321 section 4.2.5",
        when: "The end of the message, when it cannot be written safely.",
        cause: "The disk or the file system reported a fault. Nothing was delivered.",
        remedy: "Mail servers retry by themselves. Administrator: look at the log and the disk at once."
    }
    "S-554a" CANNOT_PROCESS = coded(554, 6, 0), "Message cannot be processed: it contains NUL octets" {
        rfc: "RFC 5321 section 4.5.2",
        when: "The end of a message that holds NUL octets.",
        cause: "NUL has no place in mail text; programs that read it later would cut it off there.",
        remedy: "Send binary files as attachments; mail programs encode them."
    }
    // RFC 2852 section 4.1.3 wants such a message returned; refused here, it is its client who returns it.
    "T-60" DELIVER_BY_EXPIRED = coded(554, 4, 7), "Delivery time given with BY is over" {
        rfc: "RFC 2852 section 4.1",
        when: "The end of a message that took longer to come than MAIL allowed with BY in mode R.",
        cause: "The sender wanted it delivered in time or not at all. Nothing was delivered.",
        remedy: "Send it again with more time, or without BY."
    }
    "X-07b" UTF8_NOT_TAKEN = coded(554, 6, 9), "UTF-8 header fields not accepted for a recipient" {
        rfc: "RFC 6531 section 3.5",
        when: "The end of a message with SMTPUTF8 and UTF-8 in its header, when a recipient's account has `utf8 = false`.",
        cause: "The recipient's programs cannot read such header fields. Nothing was delivered, to nobody.",
        remedy: "Send it without letters beyond ASCII in addresses and file names, or with them encoded; mail programs without SMTPUTF8 do so."
    }
    "S-554e" ALL_REFUSED = coded(554, 5, 1), "All recipients were refused" {
        rfc: "RFC 5321 section 3.3",
        when: "DATA or BDAT after RCPT commands none of which was accepted.",
        cause: "Nobody is left to receive the message; each RCPT was told why.",
        remedy: "Correct the recipient addresses and send again."
    }
    "S-554f" MAIL_LOOP = coded(554, 4, 6), "Mail loop suspected: {count} Received fields" {
        rfc: "RFC 5321 section 6.3",
        when: "The end of a message with more than `smtp.max_received` Received fields.",
        cause: "Two servers send the message to each other in a circle, usually through forwarding rules.",
        remedy: "Find the two forwards that point at each other, and take one away."
    }
    // A bound on the header keeps memory flat; it is no limit on the message, so S-552a would mislead.
    "T-13" HEADER_TOO_LARGE = coded(554, 6, 0), "Header of the message exceeds {limit} octets" {
        rfc: "RFC 5321 section 4.3.2",
        when: "The end of a message whose header section is larger than the limit.",
        cause: "A program went wrong while adding header fields, or wrote every recipient into them.",
        remedy: "Use Bcc or an alias for long recipient lists, and look for the program that adds fields."
    }
    "X-18" BARE_NEWLINE = coded(550, 5, 2), "Bare CR or LF in the message; lines must end with CRLF" {
        rfc: "RFC 5321 section 2.3.8",
        when: "The end of a message that holds a CR without LF or an LF without CR.",
        cause: "The sending program ends lines wrongly; attackers use that to smuggle a second message in.",
        remedy: "Let the program end lines with CRLF. Administrator: for an old device see `smtp.bare_newline`."
    }
}
