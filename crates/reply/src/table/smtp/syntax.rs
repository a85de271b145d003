//! Lines that cannot be read, arguments that do not fit, verbs and parameters that are not offered.

use super::{coded, plain};

rows! {
    "S-500a" UNKNOWN_VERB = coded(500, 5, 2), "Unknown verb; say HELP for the list" {
        rfc: "RFC 5321 section 4.2.4",
        when: "A line begins with a word that is no SMTP command.",
        cause: "A typing mistake, another protocol, or a client that lost step.",
        remedy: "HELP lists the commands."
    }
    "S-500b" LINE_TOO_LONG = coded(500, 5, 2), "Command line exceeds the limit" {
        rfc: "RFC 5321 section 4.5.3.1.4",
        when: "A command line longer than its verb and parameters may be. The rest of the line is thrown away.",
        cause: "A faulty client, or an attempt to fill the server's memory.",
        remedy: "Keep command lines within 512 octets plus what the extensions add."
    }
    "S-500c" UNPARSABLE = coded(500, 5, 2), "Line cannot be parsed" {
        rfc: "RFC 5321 section 4.3.2",
        when: "An empty line, a line with control or 8-bit octets in its verb, a line with a bare CR or LF, or TLS on a port that starts in clear.",
        cause: "What arrived is not an SMTP command.",
        remedy: "If the mail program is set to SSL/TLS on this port, set it to STARTTLS or use port 465."
    }
    "S-501" BAD_ARGUMENT = coded(501, 5, 4), "Bad argument" {
        rfc: "RFC 5321 section 4.3.2",
        when: "A known command with an argument that cannot be read.",
        cause: "A mistake in the client.",
        remedy: "HELP with the verb shows how it is written."
    }
    // The parameter's name is worth more to the reader than the generic S-501.
    "T-14" BAD_PARAMETER = coded(501, 5, 4), "Bad or repeated parameter {parameter}" {
        rfc: "RFC 5321 section 4.1.1.11",
        when: "MAIL or RCPT with a parameter of ours whose value is wrong, or which is given twice.",
        cause: "A mistake in the client.",
        remedy: "Check how the client writes the parameter."
    }
    "S-501a" BAD_SIZE = coded(501, 5, 4), "SIZE value is not a number in range" {
        rfc: "RFC 1870 section 5",
        when: "MAIL with a SIZE that is no number of 1 to 20 digits, or given twice.",
        cause: "A mistake in the client.",
        remedy: "Declare the size in octets, in digits only."
    }
    "X-21" BAD_DSN_PARAMETER = coded(501, 5, 4), "Bad DSN parameter {parameter}" {
        rfc: "RFC 3461 section 4.5",
        when: "RET, ENVID, NOTIFY or ORCPT with a wrong value, or given twice.",
        cause: "A mistake in the client's request for delivery reports.",
        remedy: "Send without delivery reports, or correct the parameter; NOTIFY=NEVER stands alone."
    }
    "S-501h" DATA_USAGE = coded(501, 5, 4), "Usage: DATA (no arguments)" {
        rfc: "RFC 5321 section 4.3.2",
        when: "DATA with an argument.",
        cause: "A mistake in the client.",
        remedy: "Send DATA alone on its line."
    }
    "S-501i" EHLO_USAGE = plain(501), "Usage: EHLO <name>" {
        rfc: "RFC 5321 section 4.1.1.1",
        when: "EHLO without a name, or with one that is neither a host name nor an address in brackets.",
        cause: "The client does not know its own name, or it contains characters that names may not have.",
        remedy: "Give the client's host name, or its address as in [192.0.2.1]."
    }
    "S-501j" HELO_USAGE = plain(501), "Usage: HELO <name>" {
        rfc: "RFC 5321 section 4.1.1.1",
        when: "HELO without a name, or with one that is neither a host name nor an address in brackets.",
        cause: "The client does not know its own name, or it contains characters that names may not have.",
        remedy: "Give the client's host name, or its address as in [192.0.2.1]."
    }
    "S-501k" MAIL_USAGE = coded(501, 5, 4), "Usage: MAIL FROM:<address> [parameters]" {
        rfc: "RFC 5321 section 4.1.1.2",
        when: "MAIL without FROM:, or without the angle brackets.",
        cause: "The command is not written as the standard says.",
        remedy: "Write MAIL FROM:<name@example.org>."
    }
    "S-501m" RCPT_USAGE = coded(501, 5, 4), "Usage: RCPT TO:<address> [parameters]" {
        rfc: "RFC 5321 section 4.1.1.3",
        when: "RCPT without TO:, or without the angle brackets.",
        cause: "The command is not written as the standard says.",
        remedy: "Write RCPT TO:<name@example.org>."
    }
    "S-501l" NOOP_OCTETS = coded(501, 5, 4), "NOOP argument has illegal octets" {
        rfc: "RFC 5321 section 4.1.2",
        when: "NOOP with control octets in its argument. Any printable argument is ignored.",
        cause: "What arrived is not text.",
        remedy: "Send NOOP alone."
    }
    "S-501n" RSET_USAGE = coded(501, 5, 4), "Usage: RSET (no arguments)" {
        rfc: "RFC 5321 section 4.3.2",
        when: "RSET with an argument.",
        cause: "A mistake in the client.",
        remedy: "Send RSET alone on its line."
    }
    "S-501o" STARTTLS_USAGE = coded(501, 5, 4), "Usage: STARTTLS (no arguments)" {
        rfc: "RFC 3207 section 4",
        when: "STARTTLS with an argument.",
        cause: "A mistake in the client.",
        remedy: "Send STARTTLS alone on its line."
    }
    // C-QUIT in REPLIES.md answers 501 too, without naming a row.
    "T-15" QUIT_USAGE = coded(501, 5, 4), "Usage: QUIT (no arguments)" {
        rfc: "RFC 5321 section 4.3.2",
        when: "QUIT with an argument. The session goes on.",
        cause: "A mistake in the client.",
        remedy: "Send QUIT alone on its line."
    }
    "S-501q" MISSING_ARGUMENT = coded(501, 5, 4), "Missing argument" {
        rfc: "RFC 3463 section 3.6",
        when: "EXPN, XCLIENT or XFORWARD without an argument.",
        cause: "The command is incomplete.",
        remedy: "Say what it is about: EXPN an alias or an address, XCLIENT and XFORWARD at least one attribute."
    }
    "S-502a" NOT_IMPLEMENTED = coded(502, 5, 1), "Verb known but not offered" {
        rfc: "RFC 5321 section 4.2.4",
        when: "SEND, SOML, SAML or TURN; ETRN, ATRN or XCLIENT where they are not offered; STARTTLS where TLS is switched off; mail on port 366.",
        cause: "The command exists, but this server does not do it; EHLO does not list it.",
        remedy: "Use what EHLO lists."
    }
    "S-555" UNKNOWN_PARAMETER = coded(555, 5, 4), "Parameter {parameter} not known" {
        rfc: "RFC 5321 section 4.1.1.11",
        when: "MAIL or RCPT with a parameter that EHLO did not offer.",
        cause: "The client uses an extension without asking whether it is there.",
        remedy: "Use only what EHLO lists."
    }
}
