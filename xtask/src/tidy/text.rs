//! Checks of any file: binary content, trailing whitespace, paths of one person's machine.

use super::{File, Findings};
use crate::limits;

/// Endings of files that people write here; others (goldens, vectors) keep their bytes.
const WRITTEN: &[&str] = &[
    "rs", "toml", "md", "py", "js", "mjs", "ts", "sh", "yml", "yaml", "html", "css",
];

/// Beginnings of paths that exist on one machine only. Split so that this file has none itself.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tm", "p/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
];

pub(super) fn check(file: &File, findings: &mut Findings) {
    let Some(text) = &file.text else {
        if !file.test || file.bytes > limits::GOLDEN_BYTES_MAX {
            findings.error(
                &file.path,
                None,
                "binary file; only small goldens may be binary",
            );
        }
        return;
    };
    let ending = file
        .path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    if !WRITTEN.contains(&ending) {
        return;
    }
    let test_from = super::rust::tests_start(text).filter(|_| ending == "rs");
    for (number, line) in (1..).zip(text.lines()) {
        if line.ends_with([' ', '\t']) {
            findings.error(&file.path, Some(number), "trailing whitespace");
        }
        let exempt = file.test || test_from.is_some_and(|start| number >= start);
        if !exempt && let Some(path) = machine_path(line) {
            findings.error(
                &file.path,
                Some(number),
                &format!("path of one machine: {path}"),
            );
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.error(&file.path, None, "no newline at the end");
    }
}

/// The machine path in a line. `/proc/x/root/` and `https://host/home/` are no such paths: what
/// stands before the slash must not be part of a longer path.
fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE_PATHS.iter().copied().find(|path| {
        line.match_indices(path).any(|(at, _)| {
            let before = line.get(..at).and_then(|head| head.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '*' | '}' | '_'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_text;
    use super::*;

    #[test]
    fn whitespace_and_last_newline() {
        assert_eq!(check_text("docs/a.md", "x \ny\n").len(), 1);
        assert_eq!(check_text("docs/a.md", "x\ny").len(), 1);
        assert!(check_text("docs/a.md", "x\ny\n").is_empty());
        assert!(check_text("model/a.json", "x \ny").is_empty());
    }

    #[test]
    fn machine_paths_are_found_outside_tests() {
        let line = format!("see {}me/x\n", "/ho");
        assert_eq!(check_text("docs/a.md", &line).len(), 1);
        assert!(check_text("crates/x/tests/a.md", &line).is_empty());
        assert_eq!(machine_path("https://example.com/home/x"), None);
    }

    #[test]
    fn a_binary_file_is_allowed_only_as_a_small_golden() {
        let found = |path: &str, bytes: u64| {
            let test = super::super::is_test(path.as_ref());
            let file = File {
                path: path.into(),
                bytes,
                text: None,
                test,
            };
            let mut findings = Findings::default();
            check(&file, &mut findings);
            findings.errors.len()
        };
        assert_eq!(found("console/logo.bin", 10), 1);
        assert_eq!(found("crates/store/tests/golden/v1.bin", 10), 0);
        assert_eq!(
            found(
                "crates/store/tests/golden/v1.bin",
                limits::GOLDEN_BYTES_MAX + 1
            ),
            1
        );
    }
}
