//! AUTH (RFC 4954) and what is refused without it.

use super::{coded, plain};

rows! {
    "S-235" LOGGED_IN = coded(235, 7, 0), "Login accepted" {
        rfc: "RFC 4954 section 6",
        when: "The AUTH exchange ended with the right password.",
        cause: "The session now belongs to an account.",
        remedy: "Nothing to do."
    }
    "S-334" CHALLENGE = plain(334), "{challenge}" {
        rfc: "RFC 4954 section 4",
        when: "The AUTH mechanism wants an answer; the text is base64 and may be empty.",
        cause: "The login is under way.",
        remedy: "Nothing to do."
    }
    "S-432" TRANSITION_NEEDED = coded(432, 7, 12), "Log in once with PLAIN to enable this mechanism" {
        rfc: "RFC 4954 section 6",
        when: "AUTH with SCRAM for an account that has no keys for it yet, where `auth.transition_hint` is on; otherwise 535.",
        cause: "The account's password was stored before this mechanism was there, or came as a hash. The password is not in doubt.",
        remedy: "Log in once with PLAIN or LOGIN under TLS, or fetch mail with the normal password; from then on this mechanism works, too."
    }
    "S-454a" LOGIN_UNAVAILABLE = coded(454, 7, 0), "Login service unavailable; retry in a minute" {
        rfc: "RFC 4954 section 6",
        when: "AUTH while passwords cannot be checked, or more logins wait than the queue holds.",
        cause: "The server is busy checking other passwords, or its account store does not answer. The password is not in doubt.",
        remedy: "Try again in a minute with the same password."
    }
    "X-08a" NOT_BASE64 = coded(501, 5, 2), "Cannot decode the response; it must be base64" {
        rfc: "RFC 4954 section 4",
        when: "A response or initial response of AUTH is not proper base64.",
        cause: "The client encodes wrongly, or a person typed the response by hand.",
        remedy: "Encode as standard base64 with its padding and nothing else on the line."
    }
    // REPLIES.md X-08 names several codes, each of which is a row; a response that decodes well but says nothing
    // the mechanism can read needs one more.
    "T-08" MALFORMED_RESPONSE = coded(501, 5, 2), "The response does not fit the mechanism" {
        rfc: "RFC 4954 section 4",
        when: "A response decodes, but is not what the mechanism expects, such as PLAIN without its two NULs.",
        cause: "The client builds the response wrongly.",
        remedy: "For PLAIN send: NUL, user name, NUL, password; all of it as one base64 text."
    }
    "X-08b" RESPONSE_TOO_LONG = coded(500, 5, 6), "AUTH line too long" {
        rfc: "RFC 4954 section 4",
        when: "A response of more than 12288 octets.",
        cause: "No mechanism needs that much.",
        remedy: "Check what the client sends; a password this long is not needed."
    }
    "X-08c" INITIAL_RESPONSE_UNWANTED = coded(501, 7, 0), "Initial response not allowed; wait for the challenge" {
        rfc: "RFC 4954 section 4",
        when: "AUTH with an initial response and a mechanism in which the server speaks first, such as CRAM-MD5.",
        cause: "There is nothing the client could answer yet.",
        remedy: "Send the mechanism's name alone, then answer the challenge."
    }
    "S-501g" AUTH_USAGE = coded(501, 5, 4), "Usage: AUTH <mechanism> [response]" {
        rfc: "RFC 4954 section 4",
        when: "AUTH without a mechanism, or with more than two arguments.",
        cause: "The command is incomplete, or the response contains a space.",
        remedy: "Name one mechanism from the AUTH line of EHLO, and at most one response."
    }
    "S-501r" AUTH_CANCELLED = coded(501, 7, 0), "Login abandoned by client" {
        rfc: "RFC 4954 section 4",
        when: "The client answered a challenge with `*`.",
        cause: "The client or its user gave up the login.",
        remedy: "Log in again when ready."
    }
    "S-503g" ALREADY_LOGGED_IN = coded(503, 5, 1), "Session is already logged in" {
        rfc: "RFC 4954 section 4",
        when: "AUTH or STARTTLS after a successful AUTH.",
        cause: "One session belongs to one account.",
        remedy: "Open a new connection to log in to another account."
    }
    "S-503h" AUTH_OFF = coded(503, 5, 1), "AUTH is switched off here; use port 587 or 465" {
        rfc: "RFC 4954 section 4",
        when: "AUTH on a port that takes no logins, such as the one for mail from other servers while `auth.on_mx` = `false`.",
        cause: "Users send through the submission ports.",
        remedy: "Set the mail program to port 465 with SSL/TLS, or port 587 with STARTTLS."
    }
    "S-504a" MECHANISM_NOT_OFFERED = coded(504, 5, 4), "Mechanism not offered; EHLO lists those that are" {
        rfc: "RFC 4954 section 4",
        when: "AUTH with a mechanism that is unknown or switched off.",
        cause: "Client and server do not share that way of logging in.",
        remedy: "Choose `normal password` in the mail program (PLAIN or LOGIN over TLS)."
    }
    "S-530a" LOG_IN_FIRST = coded(530, 7, 0), "Log in first" {
        rfc: "RFC 6409 section 4.3",
        when: "On a submission port: MAIL, VRFY or EXPN before AUTH.",
        cause: "Only users with an account may send from here.",
        remedy: "Switch authentication on for the outgoing server: user name is the full address."
    }
    "X-09" ACCOUNT_DISABLED = coded(525, 7, 13), "Account disabled" {
        rfc: "RFC 5248 section 2",
        when: "AUTH with the right password of an account that is switched off, where `auth.reveal_disabled` is on; otherwise 535.",
        cause: "An administrator disabled the account. Its mail is kept.",
        remedy: "Ask the administrator. Administrator: `tegami account enable ADDRESS`."
    }
    "S-534" MECHANISM_TOO_WEAK = coded(534, 7, 9), "Mechanism too weak for this account; use SCRAM" {
        rfc: "RFC 4954 section 6",
        when: "AUTH with the right password, but another mechanism than SCRAM, for an account that may log in with SCRAM only.",
        cause: "The account is held to logins in which the password does not cross the network: `login = \"scram\"`.",
        remedy: "Choose `encrypted password` in the mail program. Administrator: `tegami account set ADDRESS --login any`."
    }
    "S-535" BAD_CREDENTIALS = coded(535, 7, 8), "User name or password incorrect" {
        rfc: "RFC 4954 section 6",
        when: "AUTH with a wrong password, an unknown or disabled account, or on behalf of somebody else.",
        cause: "The answer is the same in all these cases, so that nobody can find out which accounts exist.",
        remedy: "Type the full address and the password again. Administrator: `tegami account password ADDRESS` sets a new one."
    }
    "S-538" TLS_FOR_PASSWORDS = coded(538, 7, 11), "Use TLS before this mechanism" {
        rfc: "RFC 4954 section 4",
        when: "AUTH with a mechanism that shows the password, on a connection in clear where TLS is optional: port 25 with `auth.on_mx` = `true`.",
        cause: "The password would cross the network readable.",
        remedy: "Switch STARTTLS on in the mail program, or use port 465 with SSL/TLS."
    }
}
