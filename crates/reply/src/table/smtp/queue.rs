//! What depends on the queue: wishes that it cannot keep just now.

use super::coded;

rows! {
    "S-455" WISH_NOT_NOW = coded(455, 3, 3), "Parameter {parameter} cannot be honoured now" {
        rfc: "RFC 5321 section 4.1.1.11",
        when: "MAIL with BY, HOLDFOR or HOLDUNTIL while mail to other servers is paused.",
        cause: "The server knows the parameter, but while its queue stands still it cannot promise when a message leaves.",
        remedy: "Try again later, or send without the parameter. Administrator: `tegami queue resume`."
    }
}
