//! The writer thread: gathers waiting batches into one transaction and answers them all after
//! its fsync.

use std::io;
use std::thread::{self, JoinHandle};

use keystead_store::{Batch, Condition, Revision, StoreError, Write};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use crate::failed::FailedState;
use crate::limits::{
    CHECKPOINT_BYTES, GROUP_MAX_BATCHES, GROUP_MAX_BYTES, PAGE_BYTES, STACK_BYTES,
};

/// A batch and where its answer goes.
pub(crate) struct Commit {
    pub(crate) batch: Batch,
    pub(crate) reply: oneshot::Sender<Result<Revision, StoreError>>,
}

/// Starts the writer; it ends when the sending side of the queue is gone and the queue is empty.
pub(crate) fn spawn(
    connection: Connection,
    revision: Revision,
    queue: mpsc::Receiver<Commit>,
    failed: FailedState,
) -> io::Result<JoinHandle<()>> {
    let writer = Writer {
        connection,
        revision,
        queue,
        failed,
        unmoved_bytes: 0,
    };
    thread::Builder::new()
        .name("store-write".into())
        .stack_size(STACK_BYTES)
        .spawn(move || writer.run())
}

struct Writer {
    connection: Connection,
    revision: Revision,
    queue: mpsc::Receiver<Commit>,
    failed: FailedState,
    /// About how many bytes the log has got since it was last moved into the database file.
    unmoved_bytes: usize,
}

/// The outcome of one batch of a group, true only once the group is committed.
enum Outcome {
    Written(Revision),
    Conflict,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let group = self.gather(first);
            self.serve(group);
            if self.unmoved_bytes >= CHECKPOINT_BYTES {
                self.checkpoint();
            }
        }
        if self.failed.check().is_ok() && self.unmoved_bytes > 0 {
            self.checkpoint();
        }
    }

    /// Takes what waits behind the first batch, without waiting for more: under load the batches
    /// that arrive during one fsync share the next.
    fn gather(&mut self, first: Commit) -> Vec<Commit> {
        let mut bytes = size(&first.batch);
        let mut group = vec![first];
        while group.len() < GROUP_MAX_BATCHES && bytes < GROUP_MAX_BYTES {
            let Ok(commit) = self.queue.try_recv() else {
                break;
            };
            bytes = bytes.saturating_add(size(&commit.batch));
            group.push(commit);
        }
        self.unmoved_bytes = self.unmoved_bytes.saturating_add(bytes);
        group
    }

    fn serve(&mut self, group: Vec<Commit>) {
        let mut outcomes = self.attempt(&group).into_iter();
        for commit in group {
            let answer = match outcomes.next() {
                Some(Outcome::Written(revision)) => Ok(revision),
                Some(Outcome::Conflict) => Err(StoreError::Conflict),
                None => Err(self.failed.answer()),
            };
            // The caller may have gone away; its batch counts all the same.
            let _ = commit.reply.send(answer);
        }
    }

    /// The outcome of each batch of the group; none if the backend has failed, be it now.
    fn attempt(&mut self, group: &[Commit]) -> Vec<Outcome> {
        if self.failed.check().is_err() {
            return Vec::new();
        }
        self.write(group).unwrap_or_else(|cause| {
            self.fail("writing", &cause);
            Vec::new()
        })
    }

    /// Writes a group in one transaction. The conditions of a batch are checked before its first
    /// write, so a conflict leaves nothing to undo, and later batches see the writes of earlier
    /// ones. Any error of SQLite undoes the whole group.
    fn write(&mut self, group: &[Commit]) -> rusqlite::Result<Vec<Outcome>> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let mut revision = self.revision;
        let mut outcomes = Vec::with_capacity(group.len());
        for Commit { batch, .. } in group {
            if holds(&transaction, &batch.conditions)? {
                revision = Revision(revision.0.saturating_add(1));
                apply(&transaction, &batch.writes, revision)?;
                outcomes.push(Outcome::Written(revision));
            } else {
                outcomes.push(Outcome::Conflict);
            }
        }
        if revision == self.revision {
            transaction.rollback()?;
        } else {
            transaction
                .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'revision'")?
                .execute(params![revision.0.cast_signed()])?;
            transaction.commit()?;
            self.revision = revision;
        }
        Ok(outcomes)
    }

    /// Moves the log into the database file and starts it anew. Everybody has been answered:
    /// this is about space, and about seeing the errors of the disk.
    fn checkpoint(&mut self) {
        let restart = "PRAGMA wal_checkpoint(RESTART)";
        let result = self.connection.query_row(restart, [], |row| {
            let busy: i64 = row.get(0)?;
            Ok(busy != 0)
        });
        match result {
            // Readers were in the way; the next group tries again.
            Ok(true) => {}
            Ok(false) => self.unmoved_bytes = 0,
            Err(cause) => self.fail("moving the log into the database", &cause),
        }
    }

    fn fail(&self, doing: &str, cause: &rusqlite::Error) {
        self.failed.fail(doing, cause);
        // The log is left for the next start to recover from. If this fails there is nothing
        // left to do about it.
        let _ = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

/// About how much a batch adds to the log: each write dirties at least one page.
fn size(batch: &Batch) -> usize {
    let bytes = |write: &Write| match write {
        Write::Put { key, value } => key.len() + value.len(),
        Write::Delete { key } => key.len(),
    };
    let written: usize = batch.writes.iter().map(bytes).sum();
    written + (batch.writes.len() + 1) * PAGE_BYTES
}

fn holds(connection: &Connection, conditions: &[Condition]) -> rusqlite::Result<bool> {
    let mut select = connection.prepare_cached("SELECT modified FROM kv WHERE key = ?1")?;
    for condition in conditions {
        let stored: Option<i64> = select
            .query_row(params![condition.key()], |row| row.get(0))
            .optional()?;
        let wanted = match condition {
            Condition::Absent { .. } => None,
            Condition::Unchanged { modified, .. } => Some(modified.0),
        };
        if stored.map(i64::cast_unsigned) != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

fn apply(connection: &Connection, writes: &[Write], revision: Revision) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO kv (key, value, modified) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, modified = excluded.modified",
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM kv WHERE key = ?1")?;
    for write in writes {
        match write {
            Write::Put { key, value } => {
                put.execute(params![key, value, revision.0.cast_signed()])?;
            }
            Write::Delete { key } => {
                delete.execute(params![key])?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WRITER_CACHE_KIB;

    fn writer(directory: &tempfile::TempDir) -> (Writer, mpsc::Sender<Commit>) {
        let path = directory.path().join("test.db");
        std::fs::write(&path, "").unwrap();
        let (connection, revision) = crate::open::writer(&path, WRITER_CACHE_KIB).unwrap();
        let (sender, queue) = mpsc::channel(1000);
        let writer = Writer {
            connection,
            revision,
            queue,
            failed: FailedState::default(),
            unmoved_bytes: 0,
        };
        (writer, sender)
    }

    fn commit(value_bytes: usize) -> Commit {
        let (key, value) = (b"k".to_vec(), vec![1; value_bytes]);
        let writes = vec![Write::Put { key, value }];
        Commit {
            batch: Batch {
                conditions: vec![],
                writes,
            },
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn waiting_batches_share_a_transaction_up_to_the_limits() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, sender) = writer(&directory);
        for _ in 0..200 {
            assert!(sender.try_send(commit(10)).is_ok());
        }
        assert_eq!(writer.gather(commit(10)).len(), GROUP_MAX_BATCHES);
        assert_eq!(writer.gather(commit(10)).len(), 201 - GROUP_MAX_BATCHES + 1);
        assert_eq!(writer.gather(commit(10)).len(), 1);
        for _ in 0..8 {
            assert!(sender.try_send(commit(1 << 20)).is_ok());
        }
        assert_eq!(writer.gather(commit(10)).len(), 5);
    }

    /// What a killed process cannot show: that commits are flushed to the disk.
    #[test]
    fn commits_are_flushed_and_checkpoints_are_ours() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, _sender) = writer(&directory);
        let pragma = |name| {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            let value = writer.connection.pragma_query_value(None, name, value);
            format!("{:?}", value.unwrap())
        };
        assert_eq!(pragma("journal_mode"), r#"Text("wal")"#);
        assert_eq!(pragma("synchronous"), "Integer(2)", "2 is FULL");
        assert_eq!(pragma("wal_autocheckpoint"), "Integer(0)");
    }

    /// An error in the last batch of a group undoes the batches before it too, and the answers
    /// say so.
    #[tokio::test]
    async fn an_error_undoes_the_whole_group_and_sticks() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, _sender) = writer(&directory);
        let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON kv WHEN length(NEW.value) = 13
                       BEGIN SELECT RAISE(ABORT, 'disk on fire'); END";
        writer.connection.execute_batch(trigger).unwrap();
        let (group, answers): (Vec<_>, Vec<_>) = [10, 11, 13]
            .map(|len| {
                let (reply, answer) = oneshot::channel();
                (
                    Commit {
                        reply,
                        ..commit(len)
                    },
                    answer,
                )
            })
            .into_iter()
            .unzip();
        writer.serve(group);
        for answer in answers {
            let error = answer.await.unwrap().unwrap_err();
            assert!(error.to_string().contains("disk on fire"), "{error}");
        }
        assert_eq!(crate::open::revision(&writer.connection).unwrap(), 0);
        let count = "SELECT count(*) FROM kv";
        let rows: i64 = writer
            .connection
            .query_row(count, [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 0);
        let (reply, answer) = oneshot::channel();
        writer.serve(vec![Commit { reply, ..commit(1) }]);
        assert!(matches!(answer.await, Ok(Err(StoreError::Failed(_)))));
    }
}
