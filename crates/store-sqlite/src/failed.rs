//! The state of having failed, shared by all threads of a backend, and the errors that it
//! answers.

use std::fmt;
use std::sync::{Arc, OnceLock};

use keystead_store::StoreError;
use rusqlite::ErrorCode;

/// Set once, by the first error while writing; never cleared.
#[derive(Clone, Default)]
pub(crate) struct FailedState(Arc<OnceLock<String>>);

/// Why a call was refused.
#[derive(Debug)]
struct Failure {
    what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl FailedState {
    /// Refuses the call if the backend has failed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            None => Ok(()),
            Some(_) => Err(self.answer()),
        }
    }

    /// The answer to a call that came too late, or was hit by the failure itself.
    pub(crate) fn answer(&self) -> StoreError {
        let what = self.0.get().map_or("the store has failed", String::as_str);
        failure(format!(
            "{what}; nothing is read or written any more until the server is restarted"
        ))
    }

    /// Notes an error while writing and makes the answer to those whose batches it hit.
    pub(crate) fn fail(&self, doing: &str, cause: &rusqlite::Error) {
        let what = format!("{doing}: {cause}");
        if self.0.set(what.clone()).is_ok() {
            tracing::error!(cause = %what, "the store has failed and stops until a restart");
        }
    }
}

/// An answer with that text.
pub(crate) fn failure(what: String) -> StoreError {
    StoreError::Failed(Box::new(Failure { what }))
}

/// The answer to a read that failed.
pub(crate) fn read_error(cause: &rusqlite::Error) -> StoreError {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt(cause.to_string())
        }
        _ => failure(format!("reading: {cause}")),
    }
}
