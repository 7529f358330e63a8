//! Where the repository is, what git tracks in it, and what cargo says about it.

use cargo_metadata::{Metadata, MetadataCommand};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root: the folder above this crate.
pub(crate) fn root() -> Result<PathBuf, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| "xtask is not inside a workspace".to_owned())
}

/// The cargo that runs this program, so that a pinned toolchain stays pinned.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `cargo metadata` of the workspace, with the resolved graph.
///
/// # Errors
/// When cargo fails, with its message.
pub(crate) fn metadata() -> Result<Metadata, String> {
    MetadataCommand::new()
        .current_dir(root()?)
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))
}

/// Every file that git tracks or would track, relative to the root, in git's order.
///
/// # Errors
/// When git is missing or this is not a git work tree.
pub(crate) fn files() -> Result<Vec<PathBuf>, String> {
    let root = root()?;
    let listed = output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&root),
    )?;
    let mut files: Vec<PathBuf> = listed
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        // A file deleted in the work tree but not yet in the index is no longer there to check.
        .filter(|file| root.join(file).is_file())
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// When it cannot be started, exits with another status than 0, or prints no UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let done = command
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    if !done.status.success() {
        let told = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{shown}: {}\n{told}", done.status));
    }
    String::from_utf8(done.stdout).map_err(|error| format!("{shown}: {error}"))
}

/// Runs a command to its end with this program's own standard streams.
///
/// # Errors
/// When it cannot be started or exits with another status than 0.
pub(crate) fn status(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let status = command
        .status()
        .map_err(|error| format!("{shown}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{shown}: {status}"))
    }
}

/// Whether a program of this name answers to `--version`.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|done| done.status.success())
}
