//! The allowed dependencies between the workspace's crates, and the check of the real ones.
//!
//! Development dependencies are exempt: a test may start what its crate must not know.

use crate::workspace;
use cargo_metadata::{DependencyKind, Package};

/// A crate (its name without the `keystead-` prefix) and the workspace crates it may depend on.
type Row = (&'static str, &'static [&'static str]);

/// The binary; it puts everything together and may depend on every crate below it.
const BINARY: &str = "keystead";

/// The table. `bench` and `xtask` stand beside the product and use none of its crates.
const TABLE: &[Row] = &[
    ("types", &[]),
    ("api", &["types"]),
    ("sigv4", &["types"]),
    ("policy", &["types"]),
    ("attestation", &["types"]),
    ("store", &["types"]),
    ("audit", &["types"]),
    ("wall", &["types"]),
    ("hsm", &["types", "wall"]),
    ("store-sqlite", &["types", "store"]),
    // It implements the directory of credentials that the verifier asks for.
    ("identity", &["types", "sigv4", "policy", "store", "wall"]),
    (
        "engine",
        &[
            "types",
            "api",
            "policy",
            "attestation",
            "identity",
            "audit",
            "store",
            "wall",
        ],
    ),
    (
        "iam",
        &[
            "types", "api", "policy", "sigv4", "identity", "audit", "store", "wall",
        ],
    ),
    ("ops", &["types", "api", "engine"]),
    ("jobs", &["types", "engine", "store", "audit", "wall"]),
    (
        "server",
        &[
            "types", "api", "sigv4", "identity", "engine", "iam", "ops", "audit",
        ],
    ),
    ("bench", &[]),
    ("xtask", &[]),
];

/// Features that exist for tests and may be turned on by development dependencies only: `hsm`
/// within the calling process (ARCHITECTURE.md, invariant 1), and the makers of attestation
/// documents.
const TEST_FEATURES: &[&str] = &["in-process", "fixture"];

/// Crates that do no I/O and read neither clock nor randomness.
const PURE: &[&str] = &["types", "api", "sigv4", "policy", "attestation"];

/// Outside crates through which a pure crate would reach the world.
const WORLDLY: &[&str] = &[
    "fastrand",
    "getrandom",
    "hyper",
    "hyper-util",
    "libc",
    "mio",
    "rand",
    "rusqlite",
    "rustix",
    "rustls",
    "socket2",
    "tempfile",
    "tokio",
    "tracing-subscriber",
];

/// Checks every member of the workspace against [`TABLE`].
///
/// # Errors
/// One line per forbidden arrow and per crate that the table does not know.
pub(crate) fn run() -> Result<(), String> {
    let metadata = workspace::metadata()?;
    let members = metadata.workspace_packages();
    let names: Vec<String> = members.iter().map(|package| short(&package.name)).collect();
    let mut findings = Vec::new();
    for package in &members {
        check(package, &names, &mut findings);
    }
    if findings.is_empty() {
        println!(
            "arrows: {} crates, every dependency is in the table",
            members.len()
        );
        return Ok(());
    }
    Err(findings.join("\n"))
}

fn check(package: &Package, members: &[String], findings: &mut Vec<String>) {
    let from = short(&package.name);
    let row = TABLE
        .iter()
        .find(|(name, _)| *name == from)
        .map(|(_, allowed)| *allowed);
    if row.is_none() && from != BINARY {
        findings.push(format!(
            "arrows: crate `{from}` is not in the table (xtask/src/arrows.rs)"
        ));
        return;
    }
    let shipped = package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Development);
    for dependency in shipped {
        let to = short(&dependency.name);
        let inside = dependency.path.is_some() && members.contains(&to);
        if inside && !row.is_none_or(|allowed| allowed.contains(&to.as_str())) {
            findings.push(format!("arrows: `{from}` may not depend on `{to}`"));
        }
        let test_feature = dependency
            .features
            .iter()
            .find(|f| TEST_FEATURES.contains(&f.as_str()));
        if let Some(feature) = test_feature.filter(|_| inside) {
            findings.push(format!(
                "arrows: `{from}` turns on `{feature}` of `{to}` outside tests"
            ));
        }
        if !inside && PURE.contains(&from.as_str()) && WORLDLY.contains(&to.as_str()) {
            findings.push(format!(
                "arrows: `{from}` does no I/O and may not depend on `{to}`"
            ));
        }
    }
}

/// A package's folder name: `keystead-engine` is `engine`.
fn short(name: &str) -> String {
    name.strip_prefix("keystead-").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &str) -> Package {
        let text = format!(
            r#"{{"name":"{name}","version":"0.1.0","id":"{name}","dependencies":[{dependencies}],
            "targets":[],"features":{{}},"manifest_path":"Cargo.toml"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn dependency(name: &str, kind: &str, path: &str) -> String {
        format!(
            r#"{{"name":"{name}","req":"*","kind":{kind},"optional":false,
            "uses_default_features":true,"features":[],"target":null{path}}}"#
        )
    }

    fn findings(name: &str, to: &str, kind: &str, inside: bool) -> Vec<String> {
        let path = if inside { r#","path":"x""# } else { "" };
        let package = package(name, &dependency(to, kind, path));
        let members = vec!["hsm".to_owned(), "wall".to_owned(), "types".to_owned()];
        let mut found = Vec::new();
        check(&package, &members, &mut found);
        found
    }

    #[test]
    fn an_arrow_outside_the_table_is_found() {
        let found = findings("keystead-engine", "keystead-hsm", "null", true);
        assert_eq!(found, ["arrows: `engine` may not depend on `hsm`"]);
    }

    #[test]
    fn arrows_of_the_table_and_of_tests_pass() {
        assert!(findings("keystead-engine", "keystead-wall", "null", true).is_empty());
        assert!(findings("keystead-engine", "keystead-hsm", r#""dev""#, true).is_empty());
        assert!(findings("keystead", "keystead-hsm", "null", true).is_empty());
    }

    #[test]
    fn a_test_feature_is_for_tests_only() {
        let found = |kind: &str| {
            let line = dependency("keystead-hsm", kind, r#","path":"x""#)
                .replace(r#""features":[]"#, r#""features":["in-process"]"#);
            let mut found = Vec::new();
            check(&package("keystead", &line), &["hsm".to_owned()], &mut found);
            found
        };
        assert_eq!(
            found("null"),
            ["arrows: `keystead` turns on `in-process` of `hsm` outside tests"]
        );
        assert!(found(r#""dev""#).is_empty());
    }

    #[test]
    fn a_build_dependency_counts() {
        assert_eq!(
            findings("keystead-ops", "keystead-wall", r#""build""#, true).len(),
            1
        );
    }

    #[test]
    fn a_pure_crate_may_not_reach_the_world() {
        assert_eq!(findings("keystead-policy", "tokio", "null", false).len(), 1);
        assert!(findings("keystead-wall", "tokio", "null", false).is_empty());
    }

    #[test]
    fn an_unknown_crate_is_reported() {
        let found = findings("keystead-surprise", "keystead-types", "null", true);
        assert!(
            found.iter().any(|line| line.contains("not in the table")),
            "{found:?}"
        );
    }
}
