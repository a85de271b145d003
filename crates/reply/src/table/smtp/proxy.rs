//! XCLIENT and XFORWARD: what a listed proxy says about the client it speaks for.

use super::coded;

rows! {
    "C-XCL" FORWARDED = coded(250, 0, 0), "Noted for the next message" {
        rfc: "RFC 5321 section 4.1.5",
        when: "XFORWARD from a network of `proxy.xclient_from`.",
        cause: "The proxy says where the next message came from; it goes into the log and the Received field.",
        remedy: "Nothing to do."
    }
    "S-501d" ATTRIBUTE_TOO_LONG = coded(501, 5, 4), "Value of {parameter} is over-long" {
        rfc: "RFC 5321 section 4.1.5",
        when: "XCLIENT or XFORWARD with a value of more than 255 octets.",
        cause: "The proxy passes on what a client sent without looking at it.",
        remedy: "Administrator: see in the log of the proxy what it sends."
    }
    "S-501e" NOT_AN_ATTRIBUTE = coded(501, 5, 4), "Expected name=value pairs" {
        rfc: "RFC 5321 section 4.1.5",
        when: "XCLIENT or XFORWARD with a word that has no `=` in it, or nothing in front of it.",
        cause: "A mistake in the proxy.",
        remedy: "Administrator: see in the log of the proxy what it sends."
    }
    // S-501d and S-501e name two mistakes; a name or a value that means nothing is a third one.
    "T-43" BAD_ATTRIBUTE = coded(501, 5, 4), "Bad, repeated or unknown attribute {parameter}" {
        rfc: "RFC 5321 section 4.1.5",
        when: "XCLIENT or XFORWARD with an attribute that EHLO does not list, comes twice, or has a value that cannot be read.",
        cause: "A proxy that can do more than this server, or one that passes on what a client sent without looking at it.",
        remedy: "Administrator: let the proxy send only what EHLO lists, each value in xtext (RFC 3461 section 4)."
    }
    "S-554d" NOT_A_PROXY = coded(554, 7, 0), "Proxy command not permitted from here" {
        rfc: "RFC 5321 section 4.1.5",
        when: "XCLIENT or XFORWARD from an address that is not in `proxy.xclient_from`, or after XCLIENT has named the client's address.",
        cause: "Somebody wants to be taken for another client. Only listed proxies may say whom they speak for, and only once.",
        remedy: "Administrator: if this is your proxy, list the address it connects from in `proxy.xclient_from`."
    }
}
