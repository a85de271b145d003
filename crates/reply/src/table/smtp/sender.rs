//! What is thought of the sender's domain and of the client, where `[sender]` wants it looked up.

use super::coded;

rows! {
    "X-16" SENDER_DOMAIN_MISSING = coded(550, 1, 8), "Sender domain does not exist, or has no mail server" {
        rfc: "RFC 3463 section 3.2",
        when: "RCPT, with `sender.require_domain`, when DNS says that the domain of the address in MAIL does not exist, or has neither an MX record nor an address.",
        cause: "Nobody could answer this mail. Most of it is spam with a made-up sender; some comes from a program that sends with the name of its machine.",
        remedy: "Correct the sender address in the mail program; a domain that sends mail needs an MX record or an address. Administrator: name your own devices in `limits.exempt`."
    }
    // REPLIES.md has both codes in one row; a reply has one.
    "X-16b" SENDER_DOMAIN_UNCLEAR = coded(450, 1, 8), "Sender domain could not be looked up; try later" {
        rfc: "RFC 3463 section 3.2",
        when: "RCPT, with `sender.require_domain`, when there is no answer about the domain of the address in MAIL, or a fault for an answer.",
        cause: "A name server, the sender's or our own, does not answer at the moment.",
        remedy: "Mail servers retry by themselves. Administrator: if this happens to every sender, look at `dns.servers`, or at `/etc/resolv.conf` of this machine."
    }
    "X-02" SENDER_NULL_MX = coded(550, 7, 27), "Sender domain accepts no mail" {
        rfc: "RFC 7505 section 4.2",
        when: "RCPT, with `sender.reject_null_mx`, when the only MX record of the domain of the address in MAIL is `0 .`, a null MX.",
        cause: "The domain says itself that it takes no mail, so nobody could answer this mail, and no report could be returned.",
        remedy: "Use a sender address in a domain that takes mail. Administrator of the domain: replace the null MX by a real one."
    }
    "X-05" NO_REVERSE_DNS = coded(550, 7, 25), "No name of {peer} in DNS leads back to it" {
        rfc: "RFC 7372 section 3.3",
        when: "RCPT, with `sender.require_reverse_dns`, when the client's address has no name in DNS (PTR), or none that has this address.",
        cause: "Mail servers have a name that leads back to their address; infected computers at home seldom have.",
        remedy: "Administrator of the sending server: have the provider set the PTR record of its address to its name. Users: log in on port 465 or 587."
    }
    // X-05, when it cannot be known (RFC 7372 section 3.3 gives the same code in its temporary form).
    "X-05b" REVERSE_DNS_UNCLEAR = coded(450, 7, 25), "Names of {peer} could not be looked up; try later" {
        rfc: "RFC 7372 section 3.3",
        when: "RCPT, with `sender.require_reverse_dns`, when there is no answer about the client's address, or a fault for an answer.",
        cause: "A name server, of the client's network or our own, does not answer at the moment.",
        remedy: "Mail servers retry by themselves. Administrator: if this happens to every client, look at `dns.servers`, or at `/etc/resolv.conf` of this machine."
    }
}
