//! Clockwork: deletions and rotations, through the engine and audited.
#![forbid(unsafe_code)]
