//! `cargo xtask oracle`: the policy engine against the second evaluator, in a release build and
//! many cases.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::workspace;

const DEFAULT_CASES: u64 = 10_000_000;

/// How much to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Requests to compare in all
    #[arg(long, env = "KEYSTEAD_ORACLE_CASES", default_value_t = DEFAULT_CASES)]
    cases: u64,
    /// Where the generator begins; another number makes other cases
    #[arg(long, env = "KEYSTEAD_ORACLE_SEED")]
    seed: Option<u64>,
}

/// Builds the test and runs it with so many cases.
///
/// # Errors
/// When the build fails, when engine and oracle differ, or when the cases are badly spread.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let root = workspace::root()?;
    let test = [
        "test",
        "--release",
        "--package",
        "keystead-policy",
        "--test",
        "oracle",
    ];
    let mut build = workspace::cargo();
    workspace::status(build.args(test).arg("--no-run").current_dir(&root))?;
    let threads = available_parallelism().map_or(1, usize::from);
    let mut command = workspace::cargo();
    command
        .args(test)
        .args(["--quiet", "--", "--nocapture", "agree_in"])
        .arg(format!("--test-threads={threads}"))
        .env("KEYSTEAD_ORACLE_CASES", args.cases.to_string())
        .env("KEYSTEAD_ORACLE_PROGRESS", "1")
        .current_dir(&root);
    match args.seed {
        Some(seed) => command.env("KEYSTEAD_ORACLE_SEED", seed.to_string()),
        None => command.env_remove("KEYSTEAD_ORACLE_SEED"),
    };
    watch(&mut command, args.cases)
}

/// Runs the test, shows how far it is, and prints the sums of its figures at the end.
fn watch(command: &mut Command, cases: u64) -> Result<(), String> {
    let start = Instant::now();
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("cannot run the oracle: {error}"))?;
    let stdout = child.stdout.take().ok_or("no output of the oracle")?;
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} cases, {eta} left")
        .map_err(|error| error.to_string())?;
    let bar = ProgressBar::new(cases).with_style(style);
    let mut figures = BTreeMap::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|error| error.to_string())?;
        if let Some(done) = line.strip_prefix("oracle-progress ") {
            bar.inc(done.parse().unwrap_or_default());
        } else if let Some(parts) = line.strip_prefix("oracle-figures ") {
            add(&mut figures, parts);
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    for (what, count) in &figures {
        println!("{count:>12}  {what}");
    }
    if !status.success() {
        return Err(
            "oracle and engine differ, or the cases are badly spread: see above".to_owned(),
        );
    }
    let compared = figures.get("cases").copied().unwrap_or_default();
    if compared < cases {
        return Err(format!("only {compared} of {cases} cases were compared"));
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{compared} cases, no difference, {seconds:.0} s");
    Ok(())
}

/// Adds `what=count;what=count` to the sums.
fn add(figures: &mut BTreeMap<String, u64>, parts: &str) {
    for part in parts.split(';') {
        if let Some((what, count)) = part.rsplit_once('=') {
            *figures.entry(what.to_owned()).or_default() +=
                count.parse::<u64>().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_several_tests_are_added() {
        let mut figures = BTreeMap::new();
        add(&mut figures, "cases=25;verdict Role=3");
        add(&mut figures, "cases=25");
        let expected = [("cases".to_owned(), 50), ("verdict Role".to_owned(), 3)];
        assert_eq!(figures, BTreeMap::from(expected));
    }
}
