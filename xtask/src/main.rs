//! The project's own tasks, run as `cargo xtask TASK`: what must hold before anything lands, and the tools that measure
//! and torture the built server.
//!
//! Nothing here is part of the server. The checks of the source tree (`tidy`) are tests of this crate.

#![expect(
    clippy::print_stdout,
    reason = "what a task has to say goes to standard output"
)]

mod attack;
mod attacks;
mod bench;
mod binary;
mod ci;
mod deb;
mod fuzz;
mod interop;
mod mailload;
mod obligations;
mod process;
mod replies;
mod server;
#[cfg(test)]
mod tidy;
mod torture;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold before a change lands.
    Ci,
    /// Writes the catalogue of replies as documentation.
    Replies,
    /// Writes what a mail server owes, and what proves it here, as documentation.
    Obligations,
    /// Writes what is done to mail servers, and what shows that it does not work here, as documentation.
    Attacks,
    /// Attacks the built server with what only a clock and a scale can judge.
    Attack(attack::Options),
    /// Logs in, sends and fetches through every listener with many mail clients.
    Interop(interop::Options),
    /// Builds the Debian package.
    Deb,
    /// Measures speed and memory beside a null sink.
    Bench(bench::Options),
    /// Runs the fuzz targets, each for a while, and says what they found.
    Fuzz(fuzz::Options),
    /// Kills the server and cuts its power under load, and counts what is there afterwards.
    Torture(torture::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Ci => return ci::run(),
        Task::Replies => replies::run(),
        Task::Obligations => obligations::run(),
        Task::Attacks => attacks::run(),
        Task::Attack(options) => attack::run(&options),
        Task::Interop(options) => interop::run(&options),
        Task::Deb => deb::run(),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Torture(options) => torture::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
