//! Reader threads: each answers one read at a time from a snapshot of its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use keystead_store::{Entry, GetResult, Range, Revision, ScanPage, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use crate::failed::{FailedState, read_error};
use crate::limits::STACK_BYTES;
use crate::open;

/// A read and where its answer goes.
pub(crate) enum Read {
    Get {
        keys: Vec<Vec<u8>>,
        reply: oneshot::Sender<GetResult>,
    },
    Scan {
        range: Range,
        limit: usize,
        keys_only: bool,
        reply: oneshot::Sender<Result<ScanPage, StoreError>>,
    },
}

/// The queue that the readers take from.
pub(crate) type Queue = Arc<Mutex<mpsc::Receiver<Read>>>;

/// Starts a reader; it ends when the sending side of the queue is gone.
pub(crate) fn spawn(
    number: usize,
    connection: Connection,
    queue: Queue,
    failed: FailedState,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(format!("store-read-{number}"))
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let mut connection = connection;
            while let Some(read) = next(&queue) {
                answer(&mut connection, read, &failed);
            }
        })
}

/// Waits for a read. The other readers wait for the lock meanwhile, which is the same to them.
fn next(queue: &Queue) -> Option<Read> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.blocking_recv()
}

fn answer(connection: &mut Connection, read: Read, failed: &FailedState) {
    // Sending fails when the caller has gone away, which is its right.
    match read {
        Read::Get { keys, reply } => {
            let result = failed.check();
            let result = result.and_then(|()| get(connection, keys).map_err(|e| read_error(&e)));
            let _ = reply.send(result.and_then(|result| failed.check().map(|()| result)));
        }
        Read::Scan {
            range,
            limit,
            keys_only,
            reply,
        } => {
            let result = failed.check();
            let result = result.and_then(|()| {
                scan(connection, &range, limit, keys_only).map_err(|e| read_error(&e))
            });
            let _ = reply.send(result.and_then(|result| failed.check().map(|()| result)));
        }
    }
}

fn snapshot(connection: &mut Connection) -> rusqlite::Result<(Transaction<'_>, Revision)> {
    let transaction = connection.transaction()?;
    let revision = open::revision(&transaction)?;
    Ok((transaction, Revision(revision.cast_unsigned())))
}

pub(crate) fn get(
    connection: &mut Connection,
    keys: Vec<Vec<u8>>,
) -> rusqlite::Result<(Revision, Vec<Option<Entry>>)> {
    let (transaction, revision) = snapshot(connection)?;
    let mut select =
        transaction.prepare_cached("SELECT key, value, modified FROM kv WHERE key = ?1")?;
    let entries = keys
        .into_iter()
        .map(|key| select.query_row(params![key], entry).optional())
        .collect::<rusqlite::Result<_>>()?;
    Ok((revision, entries))
}

pub(crate) fn scan(
    connection: &mut Connection,
    range: &Range,
    limit: usize,
    keys_only: bool,
) -> rusqlite::Result<ScanPage> {
    let (transaction, revision) = snapshot(connection)?;
    let mut select = transaction.prepare_cached(if keys_only {
        "SELECT key, x'', modified FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"
    } else {
        "SELECT key, value, modified FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"
    })?;
    // One more than asked for tells whether there is more.
    let rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let found = select.query_map(params![range.start, range.end, rows], entry)?;
    let mut entries = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    Ok(ScanPage {
        entries,
        more,
        revision,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let modified: i64 = row.get(2)?;
    Ok(Entry {
        key: row.get(0)?,
        value: row.get(1)?,
        modified: Revision(modified.cast_unsigned()),
    })
}
