//! `cargo xtask ci`: the whole test path, where a missing component is a failure.

use crate::test;

/// Runs everything with the rules of CI.
///
/// # Errors
/// When any step fails.
pub(crate) fn run() -> Result<(), String> {
    test::everything(test::Strictness::Ci)
}
