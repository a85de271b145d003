//! Mail brought to servers in this process: by MX and by routes, in the clear and under TLS, to hosts that take it, refuse it,
//! fall silent or hang up.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

#[path = "roads/choice.rs"]
mod choice;
#[path = "roads/falling_back.rs"]
mod falling_back;
#[path = "roads/fetching.rs"]
mod fetching;
#[path = "roads/guarded.rs"]
mod guarded;
#[path = "roads/lines.rs"]
mod lines;
#[path = "roads/messages.rs"]
mod messages;
#[path = "roads/patience.rs"]
mod patience;
#[path = "roads/results.rs"]
mod results;
#[path = "roads/secret.rs"]
mod secret;
#[path = "roads/server.rs"]
mod server;
#[path = "roads/smarthosts.rs"]
mod smarthosts;
#[path = "roads/turned.rs"]
mod turned;
#[path = "roads/waived.rs"]
mod waived;
#[path = "roads/web.rs"]
mod web;
#[path = "roads/world.rs"]
mod world;
#[path = "../../resolver/tests/signed/zones.rs"]
#[expect(
    dead_code,
    reason = "zones that are tampered with are the resolver's business"
)]
mod zones;
