//! The OpenSSL program as the other side in tests: it shares no code with this crate.

use std::path::Path;
use std::process::Command;

/// A directory for the files of one test.
pub(crate) struct OpenSsl {
    directory: tempfile::TempDir,
}

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.directory.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join(name)).unwrap()
    }

    /// Runs it with these arguments, parted at spaces; it must succeed.
    pub(crate) fn run(&self, arguments: &str) -> Vec<u8> {
        let directory: &Path = self.directory.path();
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(directory)
            .output()
            .expect("the program openssl (3.0 or later) must be installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {errors}");
        output.stdout
    }
}
