//! The command line: what can be typed, and who is called for it.
//!
//! It serves nothing and touches no store itself. Results go to stdout, everything else to stderr; exit codes are
//! 0 done, 1 failed with a message, 2 not understood.

mod access;
mod account;
mod alias;
mod check;
mod device;
mod explain;
mod list;
mod password;
mod queue;
pub mod report;
mod route;
mod status;
mod store;
mod suspend;
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{self, Config};
use crate::demo::{self, DemoOptions};
use crate::terminal::{note, print, write_out};
use crate::{healthcheck, serve};

/// A mail server: SMTP and POP3, one binary, one file, one directory.
#[derive(Debug, Parser)]
#[command(
    name = "tegami",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(after_help = "To see it work:  tegami demo\n\
    To run it:       tegami serve --config /etc/tegami/tegami.toml")]
pub struct Cli {
    /// The configuration file [env: TEGAMI_CONFIG] [default: /etc/tegami/tegami.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server in the foreground; SIGTERM and SIGINT drain it (twice: at once), SIGHUP reloads
    #[command(after_help = "Example: tegami serve --config /etc/tegami/tegami.toml")]
    Serve,

    /// Read the configuration and say what it means, or what is wrong with it
    #[command(after_help = "Example: tegami check --config ./tegami.toml")]
    Check(Listing),

    /// Run a throwaway server on loopback that sends itself a letter
    #[command(after_help = "Example: tegami demo --once --port-offset 1000")]
    Demo(Demo),

    /// Add, list and change accounts
    #[command(after_help = "Example: tegami account add alice@example.test --quota 5GB")]
    Account {
        #[command(subcommand)]
        verb: account::Verb,
    },

    /// Add, list and remove other addresses, which lead to accounts or elsewhere
    #[command(after_help = "Example: tegami alias add info@example.test alice@example.test")]
    Alias {
        #[command(subcommand)]
        verb: alias::Verb,
    },

    /// Make, list and change mailing lists
    #[command(
        after_help = "Example: tegami list add staff@example.test --owner alice@example.test"
    )]
    List {
        #[command(subcommand)]
        verb: list::Verb,
    },

    /// Look at mail that waits to leave, and decide about it
    #[command(after_help = "Examples:\n  tegami queue list\n  tegami queue retry --all")]
    Queue {
        #[command(subcommand)]
        verb: queue::Verb,
    },

    /// Show what happens to mail for an address, and why
    #[command(after_help = "Examples:\n  tegami route info@example.test\n  \
        tegami route friend@example.org --from alice@example.test")]
    Route(route::Route),

    /// Let printers, scanners and the like send mail, and list those that may
    #[command(after_help = "Example: tegami device list")]
    Device {
        #[command(subcommand)]
        verb: device::Verb,
    },

    /// Show whether the server is up, where it listens, what it holds
    #[command(after_help = "Example: tegami status --json")]
    Status(Listing),

    /// Take no mail for the time being: senders are told to come again later; POP3 goes on
    #[command(after_help = suspend::ABOUT)]
    Suspend,

    /// Take mail again
    #[command(after_help = "Example: tegami resume")]
    Resume,

    /// Look after the mail store: what it holds, whether all of it is right, and mending it
    #[command(after_help = "Example: tegami store verify")]
    Store {
        #[command(subcommand)]
        verb: store::Verb,
    },

    /// Explain what a reply, a bounce or a log line means and what to do about it, in English or Japanese
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Explain),

    /// Exit 0 if every listener of the running server answers
    #[command(after_help = "Example: tegami healthcheck || systemctl restart tegami")]
    Healthcheck,

    /// Write a completion script for a shell
    #[command(after_help = "Example: tegami completions bash > /etc/bash_completion.d/tegami")]
    Completions {
        /// Which one
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[derive(Clone, Copy, Debug, Args)]
struct Demo {
    /// End after the round trip; exit 0 if it worked
    #[arg(long)]
    once: bool,

    /// Add this to every port (2525 2587 2465 2110 2995)
    #[arg(long, value_name = "N", default_value_t = 0)]
    port_offset: u16,
}

/// How a result is shown.
#[derive(Clone, Copy, Debug, Args)]
struct Listing {
    /// Write JSON for programs instead of text for people
    #[arg(long)]
    json: bool,
}

/// Runs what was typed.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to stdout. Nobody is left to tell when printing fails.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match cli.dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&report::describe(&error));
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn dispatch(self) -> Result<()> {
        let explicit = self.config;
        match self.command {
            // The server logs the warnings of its configuration itself.
            Command::Serve => serve::run(config::load(explicit.as_deref())?, explicit.as_deref()),
            Command::Check(listing) => print(&check::show(
                &config::load(explicit.as_deref())?,
                listing.json,
            )?),
            Command::Demo(Demo { once, port_offset }) => {
                demo::run(DemoOptions { once, port_offset })
            }
            Command::Account { verb } => verb.run(&load(explicit.as_deref())?),
            Command::Alias { verb } => verb.run(&load(explicit.as_deref())?),
            Command::List { verb } => verb.run(&load(explicit.as_deref())?),
            Command::Queue { verb } => verb.run(&load(explicit.as_deref())?),
            Command::Route(route) => route.run(&load(explicit.as_deref())?),
            Command::Device { verb } => verb.run(explicit.as_deref()),
            Command::Status(listing) => status::run(&load(explicit.as_deref())?, listing.json),
            Command::Suspend => suspend::run(&load(explicit.as_deref())?, true),
            Command::Resume => suspend::run(&load(explicit.as_deref())?, false),
            Command::Store { verb } => verb.run(explicit.as_deref()),
            Command::Explain(explain) => explain.run(),
            Command::Healthcheck => healthcheck::run(&load(explicit.as_deref())?),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "tegami", &mut script);
                write_out(&script)
            }
        }
    }
}

/// The configuration. What is odd about it is said by `check` and by the server, not at every command.
fn load(explicit: Option<&Path>) -> Result<Config> {
    Ok(config::load(explicit)?.config)
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

#[cfg(test)]
mod tests;
