//! `cargo xtask dev`: a development server in the release profile.

use crate::workspace;

/// Arguments that go to `keystead dev` as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Arguments for `keystead dev`, such as `--listen 127.0.0.1:4566`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds and runs `keystead dev`, until it ends.
///
/// # Errors
/// When the build or the server fails.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    workspace::status(
        workspace::cargo()
            .args(["run", "--release", "--package", "keystead", "--", "dev"])
            .args(&args.arguments)
            .current_dir(workspace::root()?),
    )
}
