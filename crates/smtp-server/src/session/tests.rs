//! The state machine with a scripted host.
