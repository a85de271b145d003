//! MAIL and RCPT: who sends, who receives, and why not.

use super::coded;

rows! {
    "S-250f" SENDER_ACCEPTED = coded(250, 1, 0), "Sender accepted" {
        rfc: "RFC 5321 section 4.1.1.2",
        when: "MAIL was accepted.",
        cause: "A transaction has begun.",
        remedy: "Nothing to do."
    }
    "S-250g" RECIPIENT_ACCEPTED = coded(250, 1, 5), "Recipient accepted" {
        rfc: "RFC 5321 section 4.1.1.3",
        when: "RCPT was accepted.",
        cause: "The mailbox exists and has room, or the message will be sent on to another server.",
        remedy: "Nothing to do."
    }
    "S-450a" MAILBOX_SUSPENDED = coded(450, 2, 1), "Mailbox <{recipient}> takes no mail for a while; try later" {
        rfc: "RFC 3463 section 3.3",
        when: "RCPT for a mailbox that is suspended, or for an alias that leads to one.",
        cause: "An administrator put off its new mail, for example while it is moved. Nothing is lost: other servers keep trying for days.",
        remedy: "Mail servers retry by themselves. Administrator: `tegami account resume ADDRESS`."
    }
    "S-450e" MAIL_TOO_FAST = coded(450, 7, 1), "Message rate limit for {peer} reached; wait a minute" {
        rfc: "RFC 5321 section 7.8",
        when: "MAIL from an address that has begun more messages lately than `limits.mail_rate` allows, or at the listener of a `[[device]]` its own `mail_rate`.",
        cause: "A program sends a flood of messages. Many people behind one router share an address.",
        remedy: "Wait a minute; mail servers retry by themselves. Administrator: raise that rate, or use `limits.exempt`."
    }
    "S-450d" RCPT_TOO_FAST = coded(450, 7, 1), "Recipient rate limit for {peer} reached; wait a minute" {
        rfc: "RFC 5321 section 7.8",
        when: "RCPT from an address that has named more recipients lately than `limits.rcpt_rate` allows.",
        cause: "A program tries many addresses or sends a flood of messages.",
        remedy: "Wait a minute; mail servers retry by themselves. Administrator: raise `limits.rcpt_rate`, or use `limits.exempt`."
    }
    "S-451a" TRY_LATER = coded(451, 3, 0), "Temporary fault on our side; retry" {
        rfc: "RFC 5321 section 4.2.3",
        when: "MAIL or DATA could not be carried out just now.",
        cause: "A part of the server that is needed does not answer at the moment.",
        remedy: "Mail servers retry by themselves. Administrator: the log names the fault."
    }
    "S-451b" UNEXPECTED_CONDITION = coded(451, 3, 0), "Unexpected condition on our side; retry later" {
        rfc: "RFC 5321 section 4.2.1",
        when: "RCPT while the server cannot look the recipient up.",
        cause: "The account store does not answer. That does not mean that there is no such mailbox.",
        remedy: "Mail servers retry by themselves. Administrator: the log names the fault."
    }
    "S-452a" STORE_LOW = coded(452, 3, 1), "Mail store is low on space; try later" {
        rfc: "RFC 5321 section 4.2.3",
        when: "MAIL, DATA or the end of a message while the disk has less than the reserve free.",
        cause: "The disk that holds `data_dir` is nearly full.",
        remedy: "Administrator: free or add disk space. Mail flows again by itself as soon as there is room."
    }
    "S-452b" TOO_MANY_RECIPIENTS = coded(452, 5, 3), "Recipient limit for one message reached; send the rest in another" {
        rfc: "RFC 5321 section 4.5.3.1.10",
        when: "More than `smtp.max_recipients` RCPT commands in one transaction, with `smtp.over_recipients = \"tempfail\"`.",
        cause: "One message may have only so many recipients. Those accepted before stay accepted.",
        remedy: "Mail servers send the rest by themselves. A person can split the list, or use an alias."
    }
    // The catalogue has it as a variant of S-452b; another code is another row.
    "T-42" TOO_MANY_RECIPIENTS_FOR_GOOD = coded(550, 5, 3), "More recipients than one message may have" {
        rfc: "RFC 5321 section 4.5.3.1.10",
        when: "As S-452b, with `smtp.over_recipients = \"reject\"`.",
        cause: "One message may have only so many recipients. Those accepted before stay accepted.",
        remedy: "Send the message again to those who were refused, or use an alias."
    }
    "S-450b" MAILBOX_FULL_FOR_NOW = coded(452, 2, 2), "Mailbox full; try later" {
        rfc: "RFC 3463 section 3.3",
        when: "RCPT, or the end of the message, when it would exceed the account's quota and `mailbox.over_quota` is `tempfail`.",
        cause: "The recipient has too much mail lying here.",
        remedy: "The recipient fetches and deletes mail. Administrator: `tegami account quota ADDRESS SIZE` allows more."
    }
    // The count limit of a mailbox is no quota of octets: raising the quota, as S-450b advises, would not help.
    "T-09" TOO_MANY_MESSAGES = coded(452, 2, 2), "Mailbox holds too many messages; try later" {
        rfc: "RFC 3463 section 3.3",
        when: "RCPT for a mailbox that holds as many messages as one mailbox may.",
        cause: "The mailbox was flooded, or has not been emptied for years.",
        remedy: "The recipient fetches mail and lets the mail program delete it from the server."
    }
    "S-552c" MAILBOX_FULL = coded(552, 2, 2), "Mailbox full" {
        rfc: "RFC 3463 section 3.3",
        when: "As for the temporary reply, when `mailbox.over_quota` is `reject`.",
        cause: "The recipient has too much mail lying here, and this server is told not to wait for room.",
        remedy: "Tell the recipient by other means; send again when the mailbox has been emptied."
    }
    "S-501b" BAD_RECIPIENT = coded(501, 1, 3), "Recipient address is malformed" {
        rfc: "RFC 5321 section 4.1.2",
        when: "RCPT with an address that breaks the grammar, or is longer than the limits.",
        cause: "A typing mistake, such as two @ or a space.",
        remedy: "Write the address as name@example.org."
    }
    "S-501c" BAD_SENDER = coded(501, 1, 7), "Sender address is malformed" {
        rfc: "RFC 5321 section 4.1.2",
        when: "MAIL with an address that breaks the grammar, or is longer than the limits.",
        cause: "The address in the mail program's account settings has a mistake.",
        remedy: "Write the address as name@example.org."
    }
    "S-550a" NO_SUCH_MAILBOX = coded(550, 1, 1), "No mailbox <{recipient}> here; check the spelling" {
        rfc: "RFC 5321 section 3.3",
        when: "RCPT for an address in a domain of ours that nobody has.",
        cause: "A typing mistake, or an account that was removed.",
        remedy: "Check the spelling. Administrator: `tegami account list` shows who exists."
    }
    "S-550b" MAILBOX_DISABLED = coded(550, 2, 1), "Mailbox <{recipient}> is disabled" {
        rfc: "RFC 3463 section 3.3",
        when: "RCPT for an account that is switched off.",
        cause: "An administrator disabled the account. Its mail is kept.",
        remedy: "Administrator: `tegami account enable ADDRESS`."
    }
    "S-550c" RELAY_DENIED = coded(550, 7, 1), "Relaying to <{recipient}> is not permitted" {
        rfc: "RFC 5321 section 3.6.2",
        when: "RCPT for a domain that is not ours, from a client that has not logged in.",
        cause: "A server that passes on mail for strangers becomes a tool of spammers.",
        remedy: "Users: log in on port 465 or 587. Administrator: is the domain missing from `domains`?"
    }
    // Where mail out is switched off a user gets a plain no instead of a message that would wait for ever.
    "T-10" NO_OUTBOUND = coded(550, 4, 4), "This server does not send to other domains: <{recipient}>" {
        rfc: "RFC 5321 section 3.6.2",
        when: "RCPT for a domain that is not ours, from a user who has logged in, while `relay.enabled` is false; from anybody, for an address here whose mail is only sent on: to a list, or by a forward that keeps no copy.",
        cause: "This server is set to deliver to its own mailboxes only.",
        remedy: "Send to mailboxes of this server, or use another server for mail to the outside. Administrator: `relay.enabled = true` lets users write to other domains, and forwards and lists work; `tegami account forward ADDRESS TO --keep` keeps a copy here."
    }
    // RFC 6409 section 4.2 wants every domain complete, or 554.
    "T-11" DOMAIN_NOT_QUALIFIED = coded(554, 1, 2), "Domain of <{recipient}> is not complete; write it in full" {
        rfc: "RFC 6409 section 4.2",
        when: "RCPT, from a user, for a domain of one word such as user@sales that is not ours, is not listed, and that DNS does not know or is not asked about.",
        cause: "An abbreviation means something only at home; the server does not guess.",
        remedy: "Write the whole domain, such as user@sales.example.org. Administrator: if mail goes to such a domain, list it in the `domains` of a `[[relay.route]]`."
    }
    "S-550d" DESTINATION_DENIED = coded(550, 7, 1), "<{recipient}> is not among the places this account may send to" {
        rfc: "RFC 3463 section 3.8",
        when: "RCPT from a user whose account has a list of destinations, `send_to`, for an address that is not on it.",
        cause: "The account may send to some domains or addresses only, such as that of a scanner.",
        remedy: "Send it from another account. Administrator: `tegami account set ADDRESS --send-to LIST`."
    }
    "S-550f" NO_SUCH_SENDER = coded(550, 1, 0), "<{mailbox}> no such local sender" {
        rfc: "RFC 3463 section 3.2",
        when: "MAIL from another server with an address in a domain of ours that nobody has, where `smtp.verify_local_sender` is on.",
        cause: "The sender address is made up, or a program of yours sends under a name that has no account here.",
        remedy: "Use an address that exists. Administrator: make an account or alias of that name: `tegami alias add`."
    }
    "S-550g" SENDING_DENIED = coded(550, 7, 1), "Sending mail from {peer} is not permitted" {
        rfc: "RFC 5321 section 3.6.2",
        when: "MAIL from a user who is logged in, but whose address is in `smtp.no_submission_from`.",
        cause: "Nobody may send as a user from that network, whatever the password. Fetching mail is not affected.",
        remedy: "Send from another network. Administrator: take the network out of `smtp.no_submission_from`."
    }
    "S-552a" MESSAGE_TOO_LARGE = coded(552, 3, 4), "Message exceeds {limit} octets" {
        rfc: "RFC 1870 section 6.1",
        when: "MAIL declares more than `smtp.max_message_size`, or the message turns out to be larger.",
        cause: "Attachments grow by a third on their way, since they are encoded.",
        remedy: "Send a smaller message or a link. Administrator: raise `smtp.max_message_size`."
    }
    "S-552b" BEYOND_STORE = coded(552, 3, 4), "Message exceeds what this store can hold" {
        rfc: "RFC 1870 section 6.1",
        when: "No size limit is configured, and MAIL declares more than any store can hold.",
        cause: "The declared size is most likely a mistake of the client.",
        remedy: "Check the size the client declares."
    }
    "S-553a" LOCAL_PART_RULE = coded(553, 1, 3), "Part before the @ breaks naming rules here" {
        rfc: "RFC 5321 section 4.5.3.1.1",
        when: "MAIL or RCPT with a part before the @ that is longer than 64 octets, or RCPT with one that routes mail with % or !.",
        cause: "Old ways of writing a route into an address are used to pass mail through open relays.",
        remedy: "Write the recipient's own address, without % or ! and not longer than 64 characters before the @."
    }
    "X-14" SENDER_NOT_OWNED = coded(553, 7, 1), "Sender address does not belong to the account logged in" {
        rfc: "RFC 6409 section 6.1",
        when: "MAIL on a submission port with an address that is neither the account's own nor an alias of it.",
        cause: "Users may only send in their own name.",
        remedy: "Use the account's own address, or have an alias added. Administrator: `tegami alias add`."
    }
    "T-81" SENDER_LOCKED = coded(553, 7, 1), "This device sends only as <{mailbox}>; set that as its sender" {
        rfc: "RFC 6409 section 6.1",
        when: "MAIL on the listener of a `[[device]]` with another address than its `sender`.",
        cause: "Each device sends under the one address it was given, whether it logs in or not.",
        remedy: "Type that address into the device as its own, or set `rewrite_sender = true` for it."
    }
    "X-07a" NON_ASCII_RECIPIENT = coded(553, 6, 7), "Non-ASCII recipient address needs SMTPUTF8" {
        rfc: "RFC 6531 section 3.5",
        when: "RCPT with letters outside ASCII, when MAIL did not say SMTPUTF8.",
        cause: "Addresses in other alphabets need an extension that the client did not ask for.",
        remedy: "Use a mail program that knows SMTPUTF8, or the recipient's ASCII address; write domains in their xn-- form."
    }
    // REPLIES.md names this variant in the trigger of X-07a: at MAIL the code is 550 (RFC 6531 section 3.5).
    "T-12" NON_ASCII_SENDER = coded(550, 6, 7), "Non-ASCII sender address needs SMTPUTF8" {
        rfc: "RFC 6531 section 3.5",
        when: "MAIL with letters outside ASCII in the address and without SMTPUTF8.",
        cause: "Addresses in other alphabets need an extension that the client did not ask for.",
        remedy: "Use a mail program that knows SMTPUTF8, or set an ASCII sender address in it; write domains in their xn-- form."
    }
    // REPLIES.md X-20 names one row for the faults of two extensions; each is a row here.
    "X-20a" BAD_BY = coded(501, 5, 4), "Bad BY value; write BY=<seconds>;R or BY=<seconds>;N" {
        rfc: "RFC 2852 section 4",
        when: "MAIL with a BY that breaks the grammar, comes twice, or wants a message returned after no time at all (BY=0;R).",
        cause: "A mistake in the client.",
        remedy: "Give seconds, a semicolon, and R (return it when the time is over) or N (tell me)."
    }
    "X-20b" BY_BELOW_MINIMUM = coded(555, 5, 4), "BY is below the minimum of {seconds} s" {
        rfc: "RFC 2852 section 4",
        when: "MAIL with a BY in mode R and fewer seconds than `smtp.deliver_by_min`, which EHLO announces.",
        cause: "The server does not promise to be so quick.",
        remedy: "Allow more time, or send without BY. Administrator: lower `smtp.deliver_by_min`."
    }
    "X-20c" BAD_HOLD = coded(501, 5, 4), "Bad HOLDFOR or HOLDUNTIL value" {
        rfc: "RFC 4865 section 4.2",
        when: "MAIL with a HOLDFOR that is no number of seconds, a HOLDUNTIL that is no time such as 2030-01-31T08:00:00Z, or both.",
        cause: "A mistake in the client.",
        remedy: "Give HOLDFOR seconds, or HOLDUNTIL a time in UTC, not both."
    }
    "X-20d" HOLD_NOT_OFFERED = coded(555, 5, 4), "Mail cannot be held back here; send it when it is due" {
        rfc: "RFC 5321 section 4.1.1.11",
        when: "MAIL with a proper HOLDFOR or HOLDUNTIL, which EHLO did not offer.",
        cause: "Mail is held back only for users on a submission port, and only where an administrator allows it.",
        remedy: "Let the mail program keep the message until it is due."
    }
    "X-19" TRANSACTION_LIMIT = coded(421, 7, 0), "{host} Enough messages for one session; connect again" {
        rfc: "RFC 9422 section 4.1",
        when: "More MAIL commands in one session than LIMITS MAILMAX announced.",
        cause: "One session may carry only so many messages.",
        remedy: "Open a new connection for the rest; mail servers do so by themselves."
    }
}
