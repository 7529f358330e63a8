//! `cargo xtask bench`: release builds, then the load generator and the rates of signatures.

use crate::workspace;

/// Arguments that go to `keystead-bench run` as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Arguments for `keystead-bench run`, such as `--quick`; see `keystead-bench run --help`.
    /// With any, only that is run
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the server and the load generator, and measures: the operations, then RSA keys, then
/// sessions of roles, then signatures at the HSM.
///
/// # Errors
/// When a build fails, the server does not start, or a request fails.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let root = workspace::root()?;
    let build = |arguments: &[&str]| {
        workspace::status(
            workspace::cargo()
                .args(["build", "--release"])
                .args(arguments)
                .current_dir(&root),
        )
    };
    build(&["--package", "keystead", "--package", "keystead-bench"])?;
    let folder = workspace::metadata()?.target_directory.join("release");
    let bench = |command: &str, arguments: &[String]| {
        workspace::status(
            std::process::Command::new(folder.join("keystead-bench"))
                .args([command, "--keystead", folder.join("keystead").as_str()])
                .args(arguments),
        )
    };
    bench("run", &args.arguments)?;
    if !args.arguments.is_empty() {
        return Ok(());
    }
    bench("keys", &[])?;
    bench("roles", &[])?;
    // A build of its own: what an example needs must not change the server's.
    build(&["--package", "keystead-hsm", "--example", "sign_rates"])?;
    let rates = folder.join("examples").join("sign_rates");
    workspace::status(&mut std::process::Command::new(rates))
}
