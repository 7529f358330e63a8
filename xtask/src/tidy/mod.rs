//! Checks that neither the compiler nor clippy makes: sizes, crate roots, panics, whitespace,
//! machine paths, binary files, links between documents.

mod links;
mod rust;
mod text;

use crate::{limits, workspace};
use std::path::{Path, PathBuf};

/// One tracked file: its path from the root, and its text unless it is binary.
struct File {
    path: PathBuf,
    bytes: u64,
    text: Option<String>,
    /// Test material, which is exempt from the rules for the product.
    test: bool,
}

/// What a check found: errors fail the command, notes are only printed.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    fn error(&mut self, path: &Path, line: Option<usize>, what: &str) {
        self.errors.push(located(path, line, what));
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.notes.push(located(path, None, what));
    }
}

fn located(path: &Path, line: Option<usize>, what: &str) -> String {
    match line {
        Some(line) => format!("tidy: {}:{line}: {what}", path.display()),
        None => format!("tidy: {}: {what}", path.display()),
    }
}

/// Runs every check over every file that git tracks or would track.
///
/// # Errors
/// One line per finding.
pub(crate) fn run() -> Result<(), String> {
    let root = workspace::root()?;
    let mut files = Vec::new();
    for path in workspace::files()? {
        files.push(read(&root, path)?);
    }
    rust::mark_test_modules(&mut files);
    let mut findings = Findings::default();
    for file in &files {
        text::check(file, &mut findings);
        rust::check(file, &mut findings);
        links::check(&root, file, &mut findings);
    }
    rust::check_unsafe_modules(&files, &mut findings);
    for note in &findings.notes {
        println!("{note} (note)");
    }
    if findings.errors.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    Err(findings.errors.join("\n"))
}

fn read(root: &Path, path: PathBuf) -> Result<File, String> {
    let full = root.join(&path);
    let raw = std::fs::read(&full).map_err(|error| format!("{}: {error}", path.display()))?;
    let window = raw.iter().take(limits::BINARY_WINDOW_BYTES);
    let bytes = u64::try_from(raw.len()).unwrap_or(u64::MAX);
    let text = if window.into_iter().any(|&byte| byte == 0) {
        None
    } else {
        String::from_utf8(raw).ok()
    };
    let test = is_test(&path);
    Ok(File {
        path,
        bytes,
        text,
        test,
    })
}

/// Whether a file is test material: under a tests or fixture folder, or a module of tests.
fn is_test(path: &Path) -> bool {
    const FOLDERS: &[&str] = &[
        "tests",
        "conformance",
        "fuzz",
        "goldens",
        "golden",
        "vectors",
        "corpus",
        "benches",
        "examples",
    ];
    let inside = path.components().any(|part| {
        part.as_os_str()
            .to_str()
            .is_some_and(|name| FOLDERS.contains(&name))
    });
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    inside || name == "tests.rs" || name.ends_with("_tests.rs")
}

/// Whether a file is written by the generator.
fn is_generated(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "generated")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors of every check but the links, for one text file.
    pub(super) fn check_text(path: &str, text: &str) -> Vec<String> {
        let file = File {
            path: PathBuf::from(path),
            bytes: u64::try_from(text.len()).unwrap(),
            text: Some(text.to_owned()),
            test: is_test(Path::new(path)),
        };
        let mut findings = Findings::default();
        text::check(&file, &mut findings);
        rust::check(&file, &mut findings);
        findings.errors
    }
}
