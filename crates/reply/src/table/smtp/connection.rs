//! Greetings, and every way a connection ends.

use super::{coded, plain};

rows! {
    "S-220a" GREETING = plain(220), "{host} ESMTP ready" {
        rfc: "RFC 5321 section 4.3.1",
        when: "A client has connected (and, on the submissions port, finished its TLS handshake).",
        cause: "The server is up and waits for EHLO.",
        remedy: "Nothing to do."
    }
    "S-221" GOODBYE = coded(221, 0, 0), "{host} goodbye" {
        rfc: "RFC 5321 section 4.1.1.10",
        when: "The client said QUIT; the server then closes the connection.",
        cause: "The client ended the session in good order.",
        remedy: "Nothing to do."
    }
    "S-421a" STOPPING = coded(421, 3, 2), "{host} Server is stopping; try again in a few minutes" {
        rfc: "RFC 5321 section 3.8",
        when: "The server is being stopped or restarted while the session is open.",
        cause: "An administrator or the system asked the server to stop, and sessions are being drained.",
        remedy: "Mail servers retry by themselves. A person can send again once the server is back."
    }
    // RFC 2034 section 4 forbids the enhanced code in greeting position, so the drain needs a second row.
    "T-01" GREETING_STOPPING = plain(421), "{host} Server is stopping; try again in a few minutes" {
        rfc: "RFC 5321 section 3.8",
        when: "A client connects while the server is being stopped.",
        cause: "The server no longer takes new sessions.",
        remedy: "Mail servers retry by themselves. A person can send again once the server is back."
    }
    "S-421c" TOO_MANY_SESSIONS = plain(421), "{host} Too many sessions; try later" {
        rfc: "RFC 5321 section 4.5.4.2",
        when: "A client connects while `limits.sessions` sessions are open, or `sessions` of a `[[device]]` on its listener.",
        cause: "The server is as busy as it is allowed to be.",
        remedy: "Try again in a minute. If it happens every day, raise that limit."
    }
    "S-421d" TOO_MANY_FROM_ADDRESS = plain(421), "{host} Connection limit for {peer} reached; close some first" {
        rfc: "RFC 5321 section 7.8",
        when: "A client connects while its address already holds `limits.sessions_per_ip` sessions.",
        cause: "One address may not take all the places. Many people behind one router share an address.",
        remedy: "Close unused connections. Administrator: list the network in `limits.exempt`."
    }
    // The connection rate is a limit of its own: closing connections, as S-421d advises, would not help.
    "T-02" TOO_FAST = plain(421), "{host} Too many new connections from {peer}; wait a minute" {
        rfc: "RFC 5321 section 7.8",
        when: "An address opens connections faster than `limits.connect_rate`.",
        cause: "A misconfigured program that reconnects in a loop, or an attack.",
        remedy: "Wait a minute and use one connection for several messages. Administrator: list the network in `limits.exempt`."
    }
    // RFC 5321 section 4.3.1 lets a server refuse who talks first, without naming a reply for it.
    "T-03" EARLY_TALKER = plain(421), "{host} You spoke before the greeting; wait for it" {
        rfc: "RFC 5321 section 4.3.1",
        when: "Bytes arrived before the server had sent its greeting.",
        cause: "The client does not wait its turn: usually a spam program, or a TLS client on a port that starts in clear.",
        remedy: "Wait for the 220 line before sending anything; use port 465 for TLS from the first byte."
    }
    // RFC 5321 section 3.1 wants 554 to be followed by a wait for QUIT; whoever is at the wrong door gets no more time.
    "T-80" NOT_A_DEVICE = plain(421), "{host} Only devices of listed networks may connect here, not {peer}" {
        rfc: "RFC 5321 section 3.8",
        when: "A client connects to the listener of a `[[device]]` from an address outside its `networks`.",
        cause: "That port is for printers, scanners and the like, which need neither TLS nor a login there.",
        remedy: "Use port 465 or 587 with a login. For a device: add its address to `networks` of its `[[device]]`; the address of a default gateway does not count."
    }
    "S-421e" TIMEOUT = coded(421, 4, 2), "{host} Timeout waiting for the client" {
        rfc: "RFC 5321 section 4.5.3.2.7",
        when: "The client sent nothing for `smtp.command_timeout`, between commands or inside a message.",
        cause: "The client or the network between has stalled.",
        remedy: "Connect again. If it keeps happening, look for a firewall that drops idle connections."
    }
    // Slow DATA is judged by a minimum rate, so that a trickle of one byte a minute cannot hold a place for ever.
    "T-04" TOO_SLOW = coded(421, 4, 2), "{host} Data arrives too slowly" {
        rfc: "RFC 5321 section 4.5.3.2.5",
        when: "A message, or a single command, comes in more slowly than the minimum rate.",
        cause: "A very bad line, or a client that keeps the connection busy on purpose.",
        remedy: "Send again over a better connection."
    }
    "S-421f" ERROR_LIMIT = coded(421, 7, 0), "{host} Too many errors; check the client's settings" {
        rfc: "RFC 5321 section 3.8",
        when: "The session reached `limits.errors` unknown, malformed or refused commands.",
        cause: "The client does not speak SMTP properly, or is guessing addresses or passwords.",
        remedy: "Look at the replies before this one: each names its own mistake."
    }
    // Commands that carry no mail cost the peer nothing; ERROR_LIMIT would name the wrong reason.
    "T-16" IDLE_LIMIT = coded(421, 7, 0), "{host} Too many commands without a message; connect again" {
        rfc: "RFC 5321 section 7.8",
        when: "Hundreds of NOOP, RSET, HELP, VRFY, EXPN, EHLO or HELO without an accepted message between them.",
        cause: "A program in a loop, or an attempt to keep the server busy.",
        remedy: "Open a connection when there is mail to send, and close it afterwards."
    }
    // Argon2id is costly on purpose; an address that keeps failing is put off before a hash is computed.
    "T-05" LOGIN_THROTTLED = coded(421, 7, 0), "{host} Too many failed logins from {peer}; wait a few minutes" {
        rfc: "RFC 4954 section 9",
        when: "AUTH from an address or network with many failed logins in the last minutes.",
        cause: "Somebody is guessing passwords, or a device still has an old one. The account itself is not locked.",
        remedy: "Correct the password in every device, wait a few minutes, try again."
    }
    // A panic in one connection ends that connection and never the server; the peer is told the truth.
    "T-06" INTERNAL_FAILURE = coded(421, 3, 0), "{host} Internal failure on our side; try again later" {
        rfc: "RFC 5321 section 3.8",
        when: "The session failed inside the server and cannot go on.",
        cause: "A fault in the server. Nothing of the message in hand was accepted.",
        remedy: "Send again. Please report it with the lines of the server's log around it."
    }
    "S-554b" ADDRESS_REFUSED = plain(554), "{host} Connections from {peer} are refused" {
        rfc: "RFC 5321 section 3.1",
        when: "A client connects from a network listed in `limits.refuse_from`. QUIT is all that is taken then.",
        cause: "The administrator of this server wants no connections from there.",
        remedy: "Ask the administrator by another way, such as the telephone, or send through another server."
    }
    "S-421b" SUSPENDED = plain(421), "{host} Service suspended; try later" {
        rfc: "RFC 5321 section 3.8",
        when: "A client connects to an SMTP port after `tegami suspend`, or while `suspended = true`.",
        cause: "The administrator is doing maintenance. No mail is taken meanwhile; users can still fetch theirs.",
        remedy: "Mail servers retry by themselves. Administrator: `tegami status` says whether the command or the configuration did it, `tegami resume` ends it."
    }
    // Without a word to sessions that are open already, a suspension would begin only when the last of them ends.
    "T-40" SUSPENDED_NOW = coded(421, 3, 2), "{host} Service suspended; try later" {
        rfc: "RFC 5321 section 3.8",
        when: "MAIL in a session that was open when the service was suspended. A message that was coming in is taken.",
        cause: "The administrator has begun maintenance.",
        remedy: "Mail servers retry by themselves. Administrator: `tegami status` says whether the command or the configuration did it, `tegami resume` ends it."
    }
    "S-521" NO_MAIL = plain(521), "{host} is not a mail receiver" {
        rfc: "RFC 7504 section 3",
        when: "A client connects to port 25 while `smtp.no_mail` is on.",
        cause: "This host takes no mail from anybody. Its domains should say so in DNS with a null MX (RFC 7505).",
        remedy: "The address is wrong, or its owner has given up mail. Do not try again; ask the owner by another way."
    }
    // RFC 2034 section 4 forbids the enhanced code in greeting position, so what follows needs a second row.
    "T-41" NO_MAIL_EVER = coded(521, 3, 2), "This host never accepts mail" {
        rfc: "RFC 7504 section 3",
        when: "Any command but QUIT after the greeting of S-521.",
        cause: "The client did not read the greeting, or sends without waiting for it.",
        remedy: "The address is wrong, or its owner has given up mail. Do not try again; ask the owner by another way."
    }
    "X-23" NOT_A_WEB_SERVER = coded(421, 7, 0), "{host} Not a web server" {
        rfc: "RFC 5321 section 7.8",
        when: "An HTTP request arrived, such as `GET / HTTP/1.1`.",
        cause: "A browser or a web page was pointed at the mail port, perhaps to smuggle commands into it.",
        remedy: "Open the web page on its own port; mail programs connect here."
    }
}
