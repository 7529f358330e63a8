//! Logs for the operator. They never hold a secret: secrets have no text form.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// The environment variable with the level.
const VARIABLE: &str = "KEYSTEAD_LOG";

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

/// Whether a level is one: a filter would take any other word for the name of a part of the
/// program, and nothing would be logged.
pub(crate) fn check_level(text: &str) -> Result<(), String> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| levels.iter().any(|level| level.eq_ignore_ascii_case(word));
    let fits = |directive: &str| match directive.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level.trim()),
        None => is_level(directive.trim()),
    };
    if text.split(',').all(fits) && EnvFilter::try_new(text).is_ok() {
        return Ok(());
    }
    Err(format!(
        "{text:?} is no level: off, error, warn, info, debug or trace, or such as info,keystead_wall=debug"
    ))
}

/// Starts logging to standard error. `KEYSTEAD_LOG` sets the level, as in `info` or
/// `info,keystead_wall=debug`.
pub(crate) fn start(format: Format, default_level: &str) {
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let wanted = wanted.filter(|text| {
        let checked =
            check_level(text).map_err(|problem| complain(format!("{VARIABLE} = {problem}")));
        checked.is_ok()
    });
    let filter = EnvFilter::new(wanted.as_deref().unwrap_or(default_level));
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
