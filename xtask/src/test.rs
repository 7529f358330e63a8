//! `cargo xtask test`: from a fresh machine to every check and every test.
//!
//! Dependencies are compiled at most twice: checked once (clippy, docs) and built once (the
//! binaries and tests of one profile and one set of features).

use crate::steps::Steps;
use crate::{arrows, codegen, supply, tidy, workspace};
use std::path::PathBuf;
use std::process::Command;

/// Exit status of cargo-nextest when no test matched.
const NEXTEST_NONE: i32 = 4;

/// Exit status of pytest when no test matched.
const PYTEST_NONE: i32 = 5;

/// What to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only tests whose name contains this, and no static checks
    filter: Option<String>,
}

/// How a missing component is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Install it where this machine lets us; say what to do otherwise.
    Local,
    /// A machine that lacks it is a failure.
    Ci,
}

impl Strictness {
    fn of_environment() -> Self {
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            Self::Ci
        } else {
            Self::Local
        }
    }
}

/// Whether a test runner found tests to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    Some,
    None,
}

/// Runs all, or the tests that match the filter.
///
/// # Errors
/// When any step fails, or no test matches the filter.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    match &args.filter {
        None => everything(Strictness::of_environment()),
        Some(filter) => matching(filter),
    }
}

/// The static checks and every test.
///
/// # Errors
/// When any step fails.
pub(crate) fn everything(strictness: Strictness) -> Result<(), String> {
    let mut steps = Steps::default();
    steps.run("format", || cargo(&["fmt", "--all", "--check"]));
    steps.run("tidy", tidy::run);
    steps.run("arrows", arrows::run);
    steps.run("bans and licences", supply::run);
    steps.run("generated code", || codegen::run(true));
    let tools = steps.run("conformance tools", || install(strictness));
    steps.run("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ])
    });
    let built = steps.run("build", || {
        cargo(&["build", "--workspace", "--bins", "--tests"])
    });
    steps.run_if(built, "tests", || must_run(native(None)));
    steps.run_if(built, "doc tests", || {
        cargo(&["test", "--workspace", "--doc", "--quiet"])
    });
    steps.run_if(built && tools, "conformance", || {
        must_run(conformance(None, strictness))
    });
    steps.run("docs", documentation);
    steps.finish()
}

fn matching(filter: &str) -> Result<(), String> {
    let strictness = Strictness::of_environment();
    let mut steps = Steps::default();
    let mut found = Vec::new();
    let built = steps.run("build", || {
        cargo(&["build", "--workspace", "--bins", "--tests"])
    });
    steps.run_if(built, "tests", || {
        native(Some(filter)).map(|ran| found.push(ran))
    });
    let tools = steps.run("conformance tools", || install(strictness));
    steps.run_if(built && tools, "conformance", || {
        conformance(Some(filter), strictness).map(|ran| found.push(ran))
    });
    steps.run("a test matched", || {
        let any = found.contains(&Ran::Some);
        if any {
            Ok(())
        } else {
            Err(format!("no test matches `{filter}`"))
        }
    });
    steps.finish()
}

fn must_run(ran: Result<Ran, String>) -> Result<(), String> {
    match ran? {
        Ran::Some => Ok(()),
        Ran::None => Err("no test was found".to_owned()),
    }
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    workspace::status(
        workspace::cargo()
            .args(arguments)
            .current_dir(workspace::root()?),
    )
}

/// The Rust tests: nextest where it is installed, plain cargo where not.
fn native(filter: Option<&str>) -> Result<Ran, String> {
    let mut command = workspace::cargo();
    if workspace::has("cargo-nextest") {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        command.args([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--bins",
            "--lib",
            "--tests",
        ]);
    }
    command.args(filter);
    runner(command.current_dir(workspace::root()?), NEXTEST_NONE)
}

/// The black-box tests, with the binary that `build` made.
fn conformance(filter: Option<&str>, strictness: Strictness) -> Result<Ran, String> {
    let folder = workspace::root()?.join("conformance");
    let binary = workspace::metadata()?
        .target_directory
        .join("debug")
        .join("keystead");
    let mut command = Command::new(folder.join(".venv/bin/python"));
    command
        .args(["-m", "pytest", "-q", "-ra"])
        .current_dir(folder);
    command.env("KEYSTEAD_BIN", binary.as_str());
    if strictness == Strictness::Ci {
        command.env("CI", "true");
    }
    if let Some(filter) = filter {
        command.args(["-k", filter]);
    }
    runner(&mut command, PYTEST_NONE)
}

/// Runs a test runner, telling "nothing matched" from failure by its exit status.
fn runner(command: &mut Command, none: i32) -> Result<Ran, String> {
    let shown = format!("{command:?}");
    let status = command
        .status()
        .map_err(|error| format!("{shown}: {error}"))?;
    match status.code() {
        Some(0) => Ok(Ran::Some),
        Some(code) if code == none => Ok(Ran::None),
        _ => Err(format!("{shown}: {status}")),
    }
}

/// Python and JavaScript packages for the black-box tests.
fn install(strictness: Strictness) -> Result<(), String> {
    let script: PathBuf = workspace::root()?.join("conformance/install");
    let mut command = Command::new("bash");
    command.arg(script);
    if strictness == Strictness::Ci {
        command.env("CI", "true");
    }
    workspace::status(&mut command)
}

fn documentation() -> Result<(), String> {
    let mut command = workspace::cargo();
    command.args(["doc", "--workspace", "--no-deps", "--quiet"]);
    // The program and its library-less crate share no name, but `keystead` the binary is enough
    // of a target to document; warnings here are broken links and missing words.
    command
        .env("RUSTDOCFLAGS", "--deny warnings")
        .current_dir(workspace::root()?);
    workspace::status(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32) -> Result<Ran, String> {
        runner(
            Command::new("sh").args(["-c", &format!("exit {code}")]),
            PYTEST_NONE,
        )
    }

    #[test]
    fn exit_statuses_of_runners() {
        assert_eq!(exit(0), Ok(Ran::Some));
        assert_eq!(exit(PYTEST_NONE), Ok(Ran::None));
        assert!(exit(1).is_err());
        assert!(must_run(exit(PYTEST_NONE)).is_err());
    }
}
