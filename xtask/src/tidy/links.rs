//! Links between documents: a relative link in a Markdown file names a file that exists.

use super::{File, Findings};
use std::path::Path;

pub(super) fn check(root: &Path, file: &File, findings: &mut Findings) {
    let markdown = file.path.extension().is_some_and(|ending| ending == "md");
    let Some(text) = file.text.as_ref().filter(|_| markdown) else {
        return;
    };
    let folder = root
        .join(&file.path)
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(line) {
            if !folder.join(target).exists() {
                let what = format!("link to a file that does not exist: {target}");
                findings.error(&file.path, Some(number), &what);
            }
        }
    }
}

/// The paths of a line's relative links, without fragments.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    links
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("docs/there.md"), "x\n").unwrap();
        let file = File {
            path: "docs/a.md".into(),
            bytes: 0,
            text: Some(text.to_owned()),
            test: false,
        };
        let mut findings = Findings::default();
        check(root.path(), &file, &mut findings);
        findings.errors.len()
    }

    #[test]
    fn only_dead_relative_links_are_found() {
        assert_eq!(
            found("[a](there.md#part) [b](https://example.com/x) [c](#here)\n"),
            0
        );
        assert_eq!(found("[a](gone.md) and [b](../docs/there.md)\n"), 1);
        assert_eq!(found("```\n[a](gone.md)\n```\n"), 0);
    }
}
