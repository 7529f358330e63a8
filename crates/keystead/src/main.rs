//! Keystead: a key management service that speaks the API of AWS KMS.
#![forbid(unsafe_code)]

mod account;
mod audit;
mod client;
mod clock;
mod config;
mod credential_process;
mod deployment;
mod dev;
mod explain;
mod init;
mod layout;
mod logging;
mod oidc;
mod running;
mod serve;
mod simulate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Requests allocate small and short-lived memory, at which this allocator is faster than glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A key management service that any AWS client uses unchanged, on your own machine.
///
/// Try it:      keystead dev
/// For real:    keystead init --data-dir /var/lib/keystead --region eu-central-1
///              keystead serve --config /var/lib/keystead/keystead.toml
#[derive(Parser)]
#[command(
    name = "keystead",
    version,
    verbatim_doc_comment,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve on loopback without any set-up, for development and tests.
    Dev(dev::Options),
    /// Make a data directory: root key, home Region, account and its root access key.
    Init(init::Options),
    /// Serve a data directory that `init` made.
    Serve(serve::Options),
    /// Check the audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Add accounts, and access keys of their root users.
    #[command(subcommand)]
    Account(account::Command),
    /// Tell from the audit log why a request was allowed or denied.
    Explain(explain::Options),
    /// Ask a running server what a principal may do.
    Simulate(simulate::Options),
    /// Give AWS clients a session for a client certificate.
    CredentialProcess(credential_process::Options),
    /// The HSM process; started by the others, not by hand.
    #[command(hide = true)]
    Hsm,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Hsm => return keystead_hsm::run_child(),
        Command::Dev(options) => dev::run(options),
        Command::Init(options) => init::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Audit(command) => audit::run(command),
        Command::Account(command) => account::run(command),
        Command::Explain(options) => explain::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::CredentialProcess(options) => credential_process::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            logging::complain(&problem);
            ExitCode::FAILURE
        }
    }
}
