//! Checks of Rust sources: size, crate roots, panics, where unsafe code may be.

use super::{File, Findings, is_generated};
use crate::limits;
use std::path::{Path, PathBuf};

/// The only crate whose root denies unsafe code instead of forbidding it.
const UNSAFE_CRATE: &str = "crates/hsm";

/// A call that panics, and the lint that a file must expect, with a reason, to use it.
const PANICS: &[(&str, Option<&str>)] = &[
    ("todo!(", None),
    ("unimplemented!(", None),
    (".unwrap()", Some("expect(clippy::unwrap_used")),
    (".expect(\"", Some("expect(clippy::expect_used")),
];

pub(super) fn check(file: &File, findings: &mut Findings) {
    let Some(text) = rust_text(file) else { return };
    check_root(&file.path, text, findings);
    if is_generated(&file.path) || file.test {
        return;
    }
    check_size(&file.path, text, findings);
    check_panics(&file.path, text, findings);
}

fn rust_text(file: &File) -> Option<&String> {
    let rust = file.path.extension().is_some_and(|ending| ending == "rs");
    file.text.as_ref().filter(|_| rust)
}

/// The number (from 1) of the line where an inline module of tests begins, if one does.
pub(super) fn tests_start(text: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |pair: &[&str]| match pair {
        [gate, module] => {
            gate.trim() == "#[cfg(test)]"
                && module.trim_start().starts_with("mod ")
                && module.trim_end().ends_with('{')
        }
        _ => false,
    };
    lines.windows(2).position(begins).map(|index| index + 1)
}

/// The lines before an inline module of tests.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = tests_start(text).unwrap_or(usize::MAX);
    (1..)
        .zip(text.lines())
        .take_while(move |(number, _)| *number < end)
}

fn check_size(path: &Path, text: &str, findings: &mut Findings) {
    let lines = product_lines(text).count();
    if lines > limits::FILE_LINES_HARD {
        let hard = limits::FILE_LINES_HARD;
        findings.error(path, None, &format!("{lines} lines; {hard} is the most"));
    } else if lines > limits::FILE_LINES_SOFT {
        findings.note(
            path,
            &format!("{lines} lines; aim for {}", limits::FILE_LINES_SOFT),
        );
    }
}

fn check_root(path: &Path, text: &str, findings: &mut Findings) {
    let shown = path.to_string_lossy();
    let library = shown.ends_with("src/lib.rs");
    let program = shown.ends_with("src/main.rs") || shown.contains("/src/bin/");
    if !(library || program) {
        return;
    }
    if !text.starts_with("//!") {
        findings.error(
            path,
            None,
            "a crate root begins with `//!`: what the crate is for",
        );
    }
    let wanted = if path.starts_with(UNSAFE_CRATE) {
        "#![deny(unsafe_code)]"
    } else {
        "#![forbid(unsafe_code)]"
    };
    if !text.lines().any(|line| line.trim() == wanted) {
        findings.error(path, None, &format!("the crate root lacks `{wanted}`"));
    }
}

/// Clippy finds the same where it sees the code; this also sees code behind other features.
fn check_panics(path: &Path, text: &str, findings: &mut Findings) {
    for (number, line) in product_lines(text) {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        for (call, excuse) in PANICS {
            let excused = excuse.is_some_and(|lint| text.contains(lint));
            if code.contains(call) && !excused && !quoted(code, call) {
                findings.error(path, Some(number), &format!("`{call}` outside tests"));
            }
        }
    }
}

/// Whether the call stands inside a string literal: an odd number of quotes before it.
fn quoted(line: &str, call: &str) -> bool {
    let before = line.split(call).next().unwrap_or_default();
    before.matches('"').count() % 2 == 1
}

/// Marks files that are modules of tests because of the gate where they are declared:
/// `#[cfg(test)]` above `mod name;`.
pub(super) fn mark_test_modules(files: &mut [File]) {
    let declared: Vec<PathBuf> = files.iter().flat_map(test_modules).collect();
    for file in files {
        let own = file.path.with_extension("");
        // `a/name.rs`, `a/name/mod.rs` and everything in `a/name/`.
        file.test |= declared.iter().any(|module| own.starts_with(module));
    }
}

/// The paths, without ending, of the modules that a file declares for tests.
fn test_modules(file: &File) -> Vec<PathBuf> {
    let Some(text) = rust_text(file) else {
        return Vec::new();
    };
    let stem = file
        .path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let folder = if matches!(stem, "lib" | "main" | "mod") {
        file.path
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default()
    } else {
        file.path.with_extension("")
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let gated = lines.windows(2).filter_map(|pair| match pair {
        ["#[cfg(test)]", declaration] => {
            let name = declaration.rsplit_once("mod ")?.1.strip_suffix(';')?;
            Some(folder.join(name))
        }
        _ => None,
    });
    gated.collect()
}

/// Unsafe code may be allowed in few modules of one crate.
pub(super) fn check_unsafe_modules(files: &[File], findings: &mut Findings) {
    let mut inside = 0;
    for file in files {
        let Some(text) = rust_text(file) else {
            continue;
        };
        let lifted = product_lines(text)
            .map(|(_, line)| line.trim_start())
            .any(|line| {
                let attribute = line.starts_with("#[") || line.starts_with("#![");
                attribute
                    && (line.contains("allow(unsafe_code") || line.contains("expect(unsafe_code"))
            });
        if !lifted {
            continue;
        }
        if file.path.starts_with(UNSAFE_CRATE) {
            inside += 1;
        } else {
            findings.error(&file.path, None, "unsafe code outside crate `hsm`");
        }
    }
    if inside > limits::HSM_UNSAFE_MODULES_MAX {
        let most = limits::HSM_UNSAFE_MODULES_MAX;
        let path = Path::new(UNSAFE_CRATE);
        findings.error(
            path,
            None,
            &format!("{inside} files allow unsafe code; {most} is the most"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_text;
    use super::*;

    const ROOT: &str = "//! A crate.\n#![forbid(unsafe_code)]\n";

    #[test]
    fn crate_roots() {
        assert!(check_text("crates/wall/src/lib.rs", ROOT).is_empty());
        assert_eq!(check_text("crates/wall/src/lib.rs", "mod a;\n").len(), 2);
        assert_eq!(check_text("crates/hsm/src/lib.rs", ROOT).len(), 1);
        assert!(check_text("crates/wall/src/other.rs", "fn a() {}\n").is_empty());
    }

    #[test]
    fn panics_outside_tests() {
        let call = "fn a() {\n    b().unwrap();\n}\n";
        assert_eq!(check_text("crates/wall/src/a.rs", call).len(), 1);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{call}}}\n");
        assert!(check_text("crates/wall/src/a.rs", &tests).is_empty());
        assert!(check_text("crates/wall/src/a/tests.rs", call).is_empty());
        assert!(check_text("crates/wall/src/a.rs", "/// a.unwrap()\nfn a() {}\n").is_empty());
        let excused = format!("#[expect(clippy::unwrap_used, reason = \"r\")]\n{call}");
        assert!(check_text("crates/wall/src/a.rs", &excused).is_empty());
        assert!(check_text("crates/wall/src/a.rs", "    self.expect(b'{')?;\n").is_empty());
    }

    #[test]
    fn sizes_count_product_lines_only() {
        let long = "fn a() {}\n".repeat(limits::FILE_LINES_HARD + 1);
        assert_eq!(check_text("crates/wall/src/a.rs", &long).len(), 1);
        assert!(check_text("crates/api/src/generated/a.rs", &long).is_empty());
        let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert!(check_text("crates/wall/src/a.rs", &tests).is_empty());
    }

    #[test]
    fn unsafe_modules_are_counted() {
        let file = |path: &str| File {
            path: path.into(),
            bytes: 0,
            text: Some("#![allow(unsafe_code, reason = \"r\")]\n".to_owned()),
            test: false,
        };
        let found = |paths: &[&str]| {
            let files: Vec<File> = paths.iter().map(|path| file(path)).collect();
            let mut findings = Findings::default();
            check_unsafe_modules(&files, &mut findings);
            findings.errors.len()
        };
        assert_eq!(found(&["crates/hsm/src/a.rs", "crates/hsm/src/b.rs"]), 0);
        assert_eq!(
            found(&[
                "crates/hsm/src/a.rs",
                "crates/hsm/src/b.rs",
                "crates/hsm/src/c.rs"
            ]),
            1
        );
        assert_eq!(found(&["crates/wall/src/a.rs"]), 1);
    }

    #[test]
    fn modules_declared_for_tests_are_test_material() {
        let file = |path: &str, text: &str| File {
            path: path.into(),
            bytes: 0,
            text: Some(text.to_owned()),
            test: false,
        };
        let mut files = [
            file(
                "crates/a/src/lib.rs",
                "#[cfg(test)]\nmod fixture;\nmod real;\n",
            ),
            file(
                "crates/a/src/real.rs",
                "#[cfg(test)]\npub(crate) mod cases;\n",
            ),
            file("crates/a/src/fixture.rs", ""),
            file("crates/a/src/fixture/more.rs", ""),
            file("crates/a/src/real/cases.rs", ""),
            file("crates/a/src/real/other.rs", ""),
        ];
        mark_test_modules(&mut files);
        let marked: Vec<bool> = files.iter().map(|file| file.test).collect();
        assert_eq!(marked, [false, false, true, true, true, false]);
    }
}
