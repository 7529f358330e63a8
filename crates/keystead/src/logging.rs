//! Logs for the operator. They never hold a secret: secrets have no text form.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// The level at which a deployment is made: that its audit log is new is no news then.
pub(crate) const MAKING: &str = "warn,keystead_audit::log=error";

/// Starts logging to standard error. `KEYSTEAD_LOG` sets the level, as in `info` or
/// `keystead_wall=debug`.
pub(crate) fn start(format: Format, default_level: &str) {
    let filter =
        EnvFilter::try_from_env("KEYSTEAD_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        Format::Json => builder.json().flatten_event(true).init(),
        Format::Text => builder.with_target(false).compact().init(),
    }
}

/// Tells a person on standard output.
pub(crate) fn say(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    drop(written); // Nobody reads: nothing to be done.
}

/// Tells a person on standard error why the command ends.
pub(crate) fn complain(problem: impl Display) {
    let written = writeln!(std::io::stderr(), "keystead: {problem}");
    drop(written);
}
