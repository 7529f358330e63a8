//! `cargo xtask bench`: release builds, then the load generator.

use crate::workspace;

/// Arguments that go to `keystead-bench run` as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Arguments for `keystead-bench run`, such as `--quick`; see `keystead-bench run --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the server and the load generator, and measures.
///
/// # Errors
/// When a build fails, the server does not start, or a request fails.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let root = workspace::root()?;
    let packages = ["--package", "keystead", "--package", "keystead-bench"];
    workspace::status(
        workspace::cargo()
            .args(["build", "--release"])
            .args(packages)
            .current_dir(&root),
    )?;
    let folder = workspace::metadata()?.target_directory.join("release");
    workspace::status(
        std::process::Command::new(folder.join("keystead-bench"))
            .args(["run", "--keystead", folder.join("keystead").as_str()])
            .args(&args.arguments),
    )
}
