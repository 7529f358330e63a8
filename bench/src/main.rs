//! The load generator: really signed KMS requests against Keystead, and the same requests against
//! a bare server of the same HTTP library. See bench/README.md for the method.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints"
)]

mod bare;
mod bodies;
mod connection;
mod floor;
mod idle;
mod keys;
mod limits;
mod load;
mod many;
mod others;
mod process;
mod report;
mod roles;
mod run;
mod signer;
mod workload;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// Measures Keystead. Usually started by `cargo xtask bench`.
#[derive(Debug, Parser)]
#[command(name = "keystead-bench", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load Keystead, beside the floor and by itself, and print the tables and the targets
    Run(run::Args),
    /// Create RSA keys while prepared ones last and when none is left
    Keys(keys::Args),
    /// Encrypt as sessions of roles, beside the root user
    Roles(roles::Args),
    /// Measure start-up time and idle memory only
    Idle(idle::Args),
    /// Fill a store with keys; measure start-up and a page of ListKeys
    Many(many::Args),
    /// Be the floor: a bare server with a fixed answer
    Floor(floor::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => on_runtime(run::run(&args)),
        Command::Keys(args) => on_runtime(keys::run(&args)),
        Command::Roles(args) => on_runtime(roles::run(&args)),
        Command::Idle(args) => on_runtime(idle::run(&args)),
        Command::Many(args) => on_runtime(many::run(&args)),
        Command::Floor(args) => floor::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keystead-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread: the client must not take more of the machine than it needs.
fn on_runtime(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
