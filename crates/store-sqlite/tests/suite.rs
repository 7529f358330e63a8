//! The conformance suite of `keystead-store` against SQLite.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test reports by panicking"
)]

use std::sync::Arc;

use keystead_store::suite::{self, Subject};
use keystead_store::{Backend, BoxFuture};
use keystead_store_sqlite::SqliteBackend;
use tempfile::TempDir;

struct OnDisk {
    backend: Option<Arc<SqliteBackend>>,
    directory: TempDir,
}

impl OnDisk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            backend: Some(Arc::new(SqliteBackend::open(directory.path()).unwrap())),
            directory,
        }
    }
}

impl Subject for OnDisk {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(self.backend.as_ref().unwrap()) as _
    }

    fn reopen(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.backend = None;
            let backend = SqliteBackend::open(self.directory.path()).map_err(|e| e.to_string())?;
            self.backend = Some(Arc::new(backend));
            Ok(())
        })
    }
}

#[tokio::test]
async fn sqlite_passes_the_suite() {
    match suite::run(OnDisk::new).await {
        Ok(passed) => assert_eq!(passed, suite::case_names().count()),
        Err(failure) => panic!("{failure}"),
    }
}
