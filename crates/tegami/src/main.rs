//! tegami: an SMTP and POP3 mail server in one binary.
//!
//! `main` only chooses the allocator and the TLS provider; the command line takes over from there.

mod cli;
mod config;
mod declared;
mod demo;
mod durable_file;
mod healthcheck;
mod host;
mod key_file;
mod probe;
mod serve;
#[cfg(test)]
mod shipped;
mod telemetry;
mod terminal;
mod weakness;
mod web;

use std::process::ExitCode;

use rustix::fs::Mode;

/// Connections are served by one thread and freed by another; glibc's allocator keeps what such patterns leave.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whatever is written here is mail, passwords or keys: nobody else's business, whatever umask we inherit.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    net::tls::install_provider();
    cli::main()
}
