//! What depends on the queue: wishes about time, and customers who ask for their mail (ETRN, ATRN).

use super::coded;

rows! {
    "S-455" WISH_NOT_NOW = coded(455, 3, 3), "Parameter {parameter} cannot be honoured now" {
        rfc: "RFC 5321 section 4.1.1.11",
        when: "MAIL with BY, HOLDFOR or HOLDUNTIL while mail to other servers is paused.",
        cause: "The server knows the parameter, but while its queue stands still it cannot promise when a message leaves.",
        remedy: "Try again later, or send without the parameter. Administrator: `tegami queue resume`."
    }
    // The catalogue has it within X-20.
    "T-92" HOLD_TOO_LONG = coded(501, 5, 4), "Mail is held back for {seconds} s at most" {
        rfc: "RFC 4865 section 4.2",
        when: "MAIL with a HOLDFOR or HOLDUNTIL beyond the longest time that EHLO announces with FUTURERELEASE.",
        cause: "The message is to leave later than the server keeps messages.",
        remedy: "Name an earlier time, or let the mail program keep the message until it is due."
    }
    "S-250m" QUEUE_RUN = coded(250, 0, 0), "Queue run for {node} accepted" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN was accepted, where nothing is said about what waits.",
        cause: "What waits for that host is sent to it now, over a connection of its own.",
        remedy: "Nothing to do."
    }
    "S-251b" QUEUE_EMPTY = coded(251, 0, 0), "Queue for {node} is empty" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN, and nothing waits for that host.",
        cause: "All mail has been delivered already.",
        remedy: "Nothing to do."
    }
    "S-252b" QUEUE_BEGUN = coded(252, 0, 0), "Queue run for {node} begun" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN, and something waits for that host; how much is not said.",
        cause: "What waits is sent now, over a connection of its own.",
        remedy: "Nothing to do."
    }
    "S-253" QUEUE_COUNTED = coded(253, 0, 0), "Queue run for {node} begun, {count} messages" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN, and so many messages wait for that host.",
        cause: "They are sent now, over a connection of its own.",
        remedy: "Nothing to do."
    }
    "S-458" QUEUE_STUCK = coded(458, 3, 0), "Queue for {node} cannot be run now" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN while mail to other servers is paused, or the queue cannot be read.",
        cause: "An administrator stopped the queue, or something is wrong on our side.",
        remedy: "Try again later. Administrator: `tegami queue resume`; the log names a fault."
    }
    "S-459" QUEUE_FORBIDDEN = coded(459, 7, 1), "{node} may not use ETRN: {reason}" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN for a host that is not listed for it, from a client that is not, or without a login where one is wanted.",
        cause: "Only hosts that were agreed on have their queue run, by clients that were agreed on.",
        remedy: "Log in first, if the reply says so. Administrator: list the domain and the client."
    }
    "S-500d" ETRN_USAGE = coded(500, 5, 2), "Usage: ETRN <domain>" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN without an argument, or with more than one.",
        cause: "The command does not say whose queue is meant.",
        remedy: "Name one domain: `ETRN example.org`, or `ETRN @example.org` for all hosts below it as well."
    }
    "S-501f" ETRN_NAME = coded(501, 5, 4), "Not a domain name" {
        rfc: "RFC 1985 section 5.3",
        when: "ETRN with something that is no domain, or behind a # no name of a queue.",
        cause: "A typing mistake.",
        remedy: "Name one domain: `ETRN example.org`."
    }
    "S-250n" TURNED = coded(250, 0, 0), "Roles swap now; waiting for your greeting" {
        rfc: "RFC 2645 section 5.3",
        when: "ATRN on port 366, from a customer for whom mail waits.",
        cause: "From now on the customer is the server: it says 220, and this server sends the mail over the same connection.",
        remedy: "Nothing to do."
    }
    "S-450f" TURN_REFUSED = coded(450, 7, 1), "ATRN not granted" {
        rfc: "RFC 2645 section 5.2.1",
        when: "ATRN for a domain that is not the customer's, or sooner again than is allowed. No mail comes for any of the domains.",
        cause: "A domain was mistyped or is another customer's, or two programs of one customer fetch at the same time.",
        remedy: "Ask for your own domains only, or send ATRN without any; wait a while. Administrator: list the domain for that account."
    }
    "S-451d" TURN_UNCLEAR = coded(451, 3, 0), "Domain map unavailable; retry ATRN later" {
        rfc: "RFC 2645 section 5.2.1",
        when: "ATRN while the server cannot find out which domains are whose.",
        cause: "Something is wrong on our side. Nothing is lost.",
        remedy: "Try again later. Administrator: the log names the fault."
    }
    "S-453" TURN_EMPTY = coded(453, 5, 0), "Nothing queued for you" {
        rfc: "RFC 2645 section 5.2.1",
        when: "ATRN, and no mail waits for any of the domains.",
        cause: "All mail has been fetched already.",
        remedy: "Ask again later; a program that fetches on a schedule does so by itself."
    }
    "S-530b" LOG_IN_TO_TURN = coded(530, 7, 0), "Log in first, then send ATRN" {
        rfc: "RFC 2645 section 5.2.1",
        when: "ATRN on port 366 before AUTH.",
        cause: "Mail is handed out only to those it belongs to.",
        remedy: "Send AUTH with the user name and password of the customer's account, then ATRN."
    }
}
