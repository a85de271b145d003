//! Replies of the commands that concern the session as a whole: HELO, EHLO, STARTTLS, HELP, NOOP, RSET.

use super::{coded, plain};

rows! {
    "S-250a" HELO = plain(250), "{host} Hello {client} [{peer}]" {
        rfc: "RFC 5321 section 4.1.1.1",
        when: "HELO with a name.",
        cause: "The client introduced itself in the old way, without extensions.",
        remedy: "Nothing to do."
    }
    "S-250b" EHLO = plain(250), "{host} Hello {client} [{peer}]" {
        rfc: "RFC 5321 section 4.1.1.1",
        when: "EHLO with a name; one line per extension follows.",
        cause: "The client introduced itself. Any transaction it had open is forgotten.",
        remedy: "Nothing to do."
    }
    "S-220b" START_TLS_NOW = coded(220, 0, 0), "TLS handshake may start" {
        rfc: "RFC 3207 section 4",
        when: "STARTTLS on a connection in clear.",
        cause: "The client asked for encryption. After the handshake it begins again with EHLO.",
        remedy: "Nothing to do."
    }
    "S-454b" TLS_UNAVAILABLE = coded(454, 7, 0), "TLS currently unavailable; retry later" {
        rfc: "RFC 3207 section 4",
        when: "STARTTLS while the certificate or its key cannot be used.",
        cause: "The certificate files are missing, unreadable or do not belong together.",
        remedy: "Administrator: `tegami check` names the file and the fault."
    }
    "S-554c" TLS_ALREADY_ON = coded(503, 5, 1), "TLS is on already" {
        rfc: "RFC 3207 section 4.2",
        when: "STARTTLS on an encrypted connection.",
        cause: "The client is set to STARTTLS but connected to the port with TLS from the first byte.",
        remedy: "Set the client to port 465 with SSL/TLS, or to port 587 with STARTTLS."
    }
    "X-10" START_TLS_FIRST = coded(530, 7, 0), "Start TLS first" {
        rfc: "RFC 3207 section 4",
        when: "On a submission port in clear: any command but EHLO, HELO, NOOP, STARTTLS and QUIT.",
        cause: "Passwords and mail of users cross the network only encrypted.",
        remedy: "Switch STARTTLS on in the mail program, or use port 465 with SSL/TLS."
    }
    "X-11" TLS_TOO_WEAK = coded(554, 7, 0), "TLS security insufficient; a newer version is required" {
        rfc: "RFC 3207 section 4.1",
        when: "Any command but QUIT on the ports for users, under a TLS version older than `tls.submission_min`.",
        cause: "The mail program, or the system under it, is too old to encrypt as well as is wanted here.",
        remedy: "Update the mail program or the system, or switch TLS 1.3 on in its settings."
    }
    "S-250i" RESET = coded(250, 0, 0), "State cleared" {
        rfc: "RFC 5321 section 4.1.1.5",
        when: "RSET.",
        cause: "The client dropped the transaction it had begun, if any.",
        remedy: "Nothing to do."
    }
    "S-250j" NOOP = coded(250, 0, 0), "OK" {
        rfc: "RFC 5321 section 4.1.1.9",
        when: "NOOP.",
        cause: "The client only asked whether the server is still there.",
        remedy: "Nothing to do."
    }
    "S-211" STATUS = coded(211, 0, 0), "Status: tls={tls} login={login} size={size}" {
        rfc: "RFC 5321 section 4.2.3",
        when: "HELP STATUS in a session that has logged in.",
        cause: "The client asked what the server knows about its session.",
        remedy: "Nothing to do."
    }
    "S-214" HELP = coded(214, 0, 0), "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP VRFY EXPN STARTTLS AUTH" {
        rfc: "RFC 5321 section 4.1.1.8",
        when: "HELP without a topic.",
        cause: "The client asked what can be said here.",
        remedy: "HELP with a verb explains that verb."
    }
    // HELP with a verb answers with the usage line of that verb; its text is an argument, so it is a row apart.
    "T-07" HELP_TOPIC = coded(214, 0, 0), "{usage}" {
        rfc: "RFC 5321 section 4.1.1.8",
        when: "HELP with a verb of ours.",
        cause: "The client asked how one command is written.",
        remedy: "Nothing to do."
    }
    "S-504b" NO_SUCH_TOPIC = coded(504, 5, 4), "No help on that topic; say HELP alone for the list" {
        rfc: "RFC 5321 section 4.2.3",
        when: "HELP with a word that is no verb of ours.",
        cause: "The topic is not known here.",
        remedy: "HELP without an argument lists the commands."
    }
}
