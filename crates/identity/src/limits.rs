//! Bounds of the directory.

/// Development credentials kept in memory. Ours; beyond it they are made anew for each request.
pub(crate) const DEVELOPMENT_CREDENTIALS: usize = 10_000;
/// Access keys read in one go. Ours.
pub(crate) const CREDENTIALS_PAGE: usize = 1000;
