//! RCPT and VRFY where mail goes on from here: users who are elsewhere, other domains, and lists.

use super::coded;

rows! {
    "S-251a" SENT_ON = coded(251, 1, 5), "Not local here; forwarding to <{mailbox}>" {
        rfc: "RFC 5321 section 3.4",
        when: "RCPT for a user whose mail is forwarded, where the new address may be told.",
        cause: "The user gets mail elsewhere. This server takes the message and sends it on.",
        remedy: "Nothing to do. Correct your address book if you like: the new address is in the reply."
    }
    "S-251c" VERIFIED_SENT_ON = coded(251, 1, 5), "Not local here; forwarding to <{mailbox}>" {
        rfc: "RFC 5321 section 3.5.3",
        when: "VRFY, with `smtp.vrfy` = `verify`, of a user whose mail is forwarded, where the new address may be told.",
        cause: "The user gets mail elsewhere. This server takes messages and sends them on.",
        remedy: "Nothing to do."
    }
    "S-551" MOVED = coded(551, 1, 6), "Not local here; try <{mailbox}>" {
        rfc: "RFC 5321 section 3.4",
        when: "RCPT, or VRFY with `smtp.vrfy` = `verify`, of a user who has moved and whose mail is not forwarded.",
        cause: "The user is at another address now and wants senders to know it.",
        remedy: "Send the message to the address in the reply."
    }
    // The catalogue has it as a variant of S-551; another code is another row.
    "T-90" MOVED_AWAY = coded(550, 1, 6), "<{recipient}> has moved; the new address is not told" {
        rfc: "RFC 5321 section 3.4",
        when: "As S-551, where the new address is not to be told.",
        cause: "The user is at another address now. Mail is not forwarded.",
        remedy: "Ask the recipient for the new address by other means."
    }
    "T-93" QUEUE_FULL = coded(452, 3, 1), "Too much mail waits to leave; try later" {
        rfc: "RFC 5321 section 4.2.3",
        when: "RCPT, or the end of the message, for somebody at another server while the queue is full, or the part of it that one account, one client without a login or one address that sends mail on may fill.",
        cause: "Other servers take no mail at the moment, or somebody sends more than leaves.",
        remedy: "Mail servers retry by themselves. Administrator: `tegami queue` shows what waits; `relay.queue_size` and `relay.queue_messages` allow more."
    }
    "T-91" CIRCLE = coded(554, 4, 6), "Mail to <{recipient}> would go in circles" {
        rfc: "RFC 5321 section 6.3",
        when: "RCPT for an alias or a forwarding that leads back to itself, or the end of a message that comes back from where it was sent on to.",
        cause: "Two addresses forward to each other, or an alias is among its own members.",
        remedy: "Administrator: `tegami route ADDRESS` shows the circle; take one step out of it."
    }
    "X-01" NULL_MX = coded(556, 1, 10), "{domain} accepts no mail" {
        rfc: "RFC 7505 section 4.1",
        when: "RCPT, from a user, for a domain whose DNS says that it takes no mail (a null MX).",
        cause: "The domain is for other things than mail. Often it is a typing mistake.",
        remedy: "Check the part behind the @; ask the recipient for an address that takes mail."
    }
    "X-15a" DOMAIN_MISSING = coded(550, 1, 2), "Domain of <{recipient}> not found; check the spelling" {
        rfc: "RFC 5321 section 5.1",
        when: "RCPT, from a user, for a domain that DNS does not know, or that has neither MX nor address.",
        cause: "A typing mistake behind the @, or a domain that has expired.",
        remedy: "Check the part behind the @."
    }
    "X-15b" DOMAIN_UNCLEAR = coded(450, 4, 3), "Domain of <{recipient}> cannot be looked up now; try later" {
        rfc: "RFC 5321 section 5.1",
        when: "RCPT, from a user, for a domain whose DNS does not answer.",
        cause: "The name servers of that domain, or the way to them, do not work just now.",
        remedy: "Send it again later. Administrator: if it goes for all domains, look at the DNS server of this machine."
    }
    "S-530c" LIST_WANTS_LOGIN = coded(530, 7, 0), "Log in to post to this list" {
        rfc: "RFC 4954 section 6",
        when: "RCPT for a mailing list that takes mail from users only, or from members who are users, in a session without a login.",
        cause: "The list does not believe a sender address alone; anybody could write it.",
        remedy: "Send it on port 465 or 587 with your user name and password."
    }
    "X-12" LIST_FORBIDDEN = coded(550, 7, 2), "Not allowed to post to this list" {
        rfc: "RFC 3463 section 3.8",
        when: "RCPT for a mailing list from somebody who is not among those who may write to it.",
        cause: "Only members, or only moderators, may post.",
        remedy: "Write from the address with which you are a member, or ask the owner of the list."
    }
}
