//! The embedded SQLite backend.
#![forbid(unsafe_code)]
