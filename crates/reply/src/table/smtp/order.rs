//! Commands that came too early, too late or twice (RFC 5321 section 4.1.4).

use super::coded;

rows! {
    "S-503d" EHLO_FIRST = coded(503, 5, 1), "Greet with EHLO first" {
        rfc: "RFC 5321 section 4.1.1.1",
        when: "MAIL, ETRN or ATRN before EHLO or HELO; also right after STARTTLS, which starts the session anew.",
        cause: "The client did not introduce itself.",
        remedy: "Send EHLO with the client's name, again after STARTTLS."
    }
    "S-503i" EHLO_BEFORE_AUTH = coded(503, 5, 1), "Greet with EHLO before AUTH" {
        rfc: "RFC 4954 section 4",
        when: "AUTH before EHLO or HELO.",
        cause: "The client cannot know yet which mechanisms are offered.",
        remedy: "Send EHLO with the client's name, then AUTH."
    }
    "S-503a" MAIL_FIRST = coded(503, 5, 1), "Give MAIL first" {
        rfc: "RFC 5321 section 3.3",
        when: "RCPT, DATA or BDAT outside a transaction.",
        cause: "The sender is not known, often because MAIL was refused just before.",
        remedy: "Look at the reply to MAIL; begin with MAIL FROM."
    }
    "S-503b" RCPT_FIRST = coded(503, 5, 1), "Give RCPT first" {
        rfc: "RFC 5321 section 4.1.1.4",
        when: "DATA or BDAT after MAIL, with no RCPT tried.",
        cause: "Nobody was named to receive the message.",
        remedy: "Name at least one recipient with RCPT TO."
    }
    "S-503c" SENDER_ALREADY_SET = coded(503, 5, 1), "A sender is already set" {
        rfc: "RFC 5321 section 4.1.4",
        when: "MAIL inside a transaction. The first sender stays.",
        cause: "The client began a second message before it ended the first.",
        remedy: "Finish with DATA, or drop the transaction with RSET."
    }
    "S-503" OUT_OF_ORDER = coded(503, 5, 1), "Command out of order" {
        rfc: "RFC 3030 section 2",
        when: "DATA or RCPT after the first BDAT of a message. What has come of the message stays.",
        cause: "A message that begins with BDAT goes on with BDAT.",
        remedy: "Finish with BDAT and LAST, or drop the transaction with RSET."
    }
    "S-503e" NOT_IN_TRANSACTION = coded(503, 5, 1), "Not during a mail transaction" {
        rfc: "RFC 4954 section 4",
        when: "AUTH, STARTTLS, ETRN, XCLIENT or XFORWARD after MAIL. The transaction stays as it is.",
        cause: "Who sends and how it is protected is settled before a message begins.",
        remedy: "Send RSET, then AUTH, STARTTLS or ETRN, then MAIL."
    }
    "S-503f" ONLY_QUIT = coded(503, 5, 1), "Only QUIT is accepted in this session" {
        rfc: "RFC 5321 section 3.1",
        when: "Any command but QUIT after the greeting of S-554b.",
        cause: "The client did not read the greeting, or sends without waiting for it.",
        remedy: "Read the greeting, say QUIT; ask the administrator of this server by another way."
    }
}
