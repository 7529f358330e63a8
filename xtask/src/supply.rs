//! Banned crates and licences, over the crates that can really be built.
//!
//! The lock file is wider than the truth: it also names optional dependencies that no feature
//! turns on (`ring` through rustls-webpki, for one). `cargo tree` over all targets, features and
//! kinds is the exact set, so that is what is judged here. `deny.toml` says the same to
//! cargo-deny, which also knows advisories and is run too where it is installed.

use crate::workspace;
use std::collections::BTreeMap;

/// Crates that must never be built into Keystead, and why.
const BANNED: &[(&str, &str)] = &[
    ("ring", "one cryptographic library only: aws-lc-rs"),
    ("openssl", "one cryptographic library only: aws-lc-rs"),
    ("openssl-sys", "one cryptographic library only: aws-lc-rs"),
    (
        "rsa",
        "timing side channel in decryption (RUSTSEC-2023-0071)",
    ),
    ("sharks", "biased shares (RUSTSEC-2024-0398)"),
];

/// Licences that may be in the tree, as SPDX names.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks every crate of every target against [`BANNED`] and [`LICENCES`].
///
/// # Errors
/// One line per banned crate, and per crate without a licence that is allowed.
pub(crate) fn run() -> Result<(), String> {
    let tree = workspace::output(
        workspace::cargo()
            .args(["tree", "--workspace", "--all-features", "--target", "all"])
            .args(["--edges", "all", "--prefix", "none", "--format", "{p}|{l}"])
            .current_dir(workspace::root()?),
    )?;
    let crates = parse(&tree);
    let mut findings: Vec<String> = Vec::new();
    for (name, licence) in &crates {
        findings.extend(banned(name));
        findings.extend(unlicensed(name, licence));
    }
    if !findings.is_empty() {
        return Err(findings.join("\n"));
    }
    println!(
        "supply: {} crates, none banned, every licence allowed",
        crates.len()
    );
    cargo_deny()
}

/// Crate name to licence expression, from `cargo tree` lines such as `libc v0.2.1|MIT (*)`.
fn parse(tree: &str) -> BTreeMap<String, String> {
    let lines = tree.lines().filter_map(|line| line.split_once('|'));
    lines
        .filter_map(|(package, licence)| {
            let name = package.split_whitespace().next()?;
            Some((
                name.to_owned(),
                licence.trim_end_matches("(*)").trim().to_owned(),
            ))
        })
        // Edges of kind `feature` have no licence of their own.
        .fold(BTreeMap::new(), |mut crates, (name, licence)| {
            let known = crates.entry(name).or_insert_with(String::new);
            if known.is_empty() {
                *known = licence;
            }
            crates
        })
}

fn banned(name: &str) -> Option<String> {
    let (_, why) = BANNED.iter().find(|(banned, _)| *banned == name)?;
    Some(format!("supply: crate `{name}` is banned: {why}"))
}

fn unlicensed(name: &str, licence: &str) -> Option<String> {
    // Older crates write `MIT/Apache-2.0`, which SPDX later named OR.
    let expression = licence.replace('/', " OR ");
    let Ok(parsed) = spdx::Expression::parse(&expression) else {
        return Some(format!(
            "supply: crate `{name}` has no readable licence: {licence:?}"
        ));
    };
    let allowed = parsed.evaluate(|required| {
        let id = required.license.id().map(|id| id.name);
        id.is_some_and(|id| LICENCES.contains(&id))
    });
    (!allowed).then(|| format!("supply: crate `{name}` has a licence outside the list: {licence}"))
}

fn cargo_deny() -> Result<(), String> {
    if !workspace::has("cargo-deny") {
        return Ok(());
    }
    let checks = ["deny", "check", "bans", "licenses", "sources"];
    workspace::status(
        workspace::cargo()
            .args(checks)
            .current_dir(workspace::root()?),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_once_per_crate() {
        let crates =
            parse("a v1.0.0|MIT\nb v2.0.0 (proc-macro)|Apache-2.0 OR MIT (*)\na v1.0.0|MIT (*)\n");
        assert_eq!(crates.len(), 2);
        assert_eq!(crates["b"], "Apache-2.0 OR MIT");
    }

    #[test]
    fn banned_names_are_exact() {
        assert!(banned("ring").is_some());
        assert!(banned("rsa").is_some());
        assert!(banned("strings").is_none());
    }

    #[test]
    fn licences_are_expressions() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR LGPL-2.1-or-later",
            "Apache-2.0 WITH LLVM-exception",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert_eq!(unlicensed("x", good), None, "{good}");
        }
        for bad in [
            "AGPL-3.0-only",
            "BUSL-1.1",
            "",
            "MIT AND AGPL-3.0-only",
            "No such licence",
        ] {
            assert!(unlicensed("x", bad).is_some(), "{bad}");
        }
    }
}
