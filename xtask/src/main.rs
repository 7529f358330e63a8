//! The project's own tools: `cargo xtask <command>`.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool reports on standard output and standard error"
)]

mod arrows;
mod bench;
mod ci;
mod codegen;
mod dev;
mod limits;
mod oracle;
mod steps;
mod supply;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Keystead's own tools. `cargo xtask test` is all that a fresh machine needs.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the wire shapes, the dispatch and docs/operations.md from the service model
    Codegen {
        /// Only compare, and name the files that differ
        #[arg(long)]
        check: bool,
    },
    /// Check the dependencies between the workspace's crates against the table in arrows.rs
    Arrows,
    /// Check that no banned crate and no unlisted licence is in the tree
    Supply,
    /// Check sizes, crate roots, panics, whitespace, machine paths, binaries and doc links
    Tidy,
    /// Install what the tests need, run the static checks and every test
    ///
    /// With a filter, only the tests whose name contains it run, without the static checks.
    Test(test::Args),
    /// What CI runs: `test` with CI=true, where a missing component is a failure
    Ci,
    /// Build release binaries and measure Keystead against a bare HTTP server
    ///
    /// Arguments after `bench` go to `keystead-bench run`: `--quick`, `--seconds`, …
    Bench(bench::Args),
    /// Compare the policy engine with its independent, naive twin (release build, 10,000,000 cases)
    Oracle(oracle::Args),
    /// Run a development server (release profile): `keystead dev` with the given arguments
    Dev(dev::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Codegen { check } => codegen::run(check),
        Command::Arrows => arrows::run(),
        Command::Supply => supply::run(),
        Command::Tidy => tidy::run(),
        Command::Test(args) => test::run(&args),
        Command::Ci => ci::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Oracle(args) => oracle::run(&args),
        Command::Dev(args) => dev::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
