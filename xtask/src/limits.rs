//! Every limit of the project's own checks, with its source.

/// Lines of a source file above which tidy prints a note (CONTRIBUTING.md, "Style").
pub(crate) const FILE_LINES_SOFT: usize = 400;

/// Lines of a source file above which tidy fails (CONTRIBUTING.md, "Style").
pub(crate) const FILE_LINES_HARD: usize = 600;

/// Bytes of a binary golden file above which tidy fails: goldens are single records or frames.
pub(crate) const GOLDEN_BYTES_MAX: u64 = 64 * 1024;

/// Bytes read from a file's start to tell text from binary (the same window that git uses).
pub(crate) const BINARY_WINDOW_BYTES: usize = 8000;

/// Source files of crate `hsm` that may hold unsafe code (ARCHITECTURE.md, invariant 7: memory
/// locking and the gaps of the cryptographic library).
pub(crate) const HSM_UNSAFE_MODULES_MAX: usize = 2;
