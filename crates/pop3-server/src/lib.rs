//! pop3-server
