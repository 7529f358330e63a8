//! The conformance suite that every backend must pass.
//!
//! A backend's tests implement [`Subject`] and call [`run`]. Each case gets a fresh store.

mod commits;
mod durability;
mod reads;

use std::fmt;
use std::sync::Arc;

use crate::{Backend, Batch, BoxFuture, Condition, Entry, Range, Revision, StoreError, Write};

/// A store under test.
pub trait Subject: Send {
    /// A handle on the store. Cases drop theirs before they reopen.
    fn backend(&self) -> Arc<dyn Backend>;

    /// Closes the store and opens it again, as a restart of the server does.
    fn reopen(&mut self) -> BoxFuture<'_, Result<(), String>>;
}

/// A case that did not pass.
#[derive(Debug)]
pub struct Failure {
    /// Name of the case.
    pub case: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.what)
    }
}

impl std::error::Error for Failure {}

type Outcome = Result<(), String>;
type Case = for<'a> fn(&'a mut dyn Subject) -> BoxFuture<'a, Outcome>;

/// Fails the case unless both sides are equal.
macro_rules! same {
    ($left:expr, $right:expr, $what:expr) => {
        match (&$left, &$right) {
            (left, right) if left == right => {}
            (left, right) => {
                return Err(format!("{}: {:?} instead of {:?}", $what, left, right));
            }
        }
    };
}
use same;

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        const CASES: &[(&str, Case)] = &[
            $((stringify!($name), |subject| Box::pin($module::$name(subject))),)*
        ];
    };
}

cases! {
    reads::an_empty_store_is_at_revision_zero,
    reads::get_answers_in_the_order_asked,
    reads::scans_are_in_byte_order,
    reads::scans_stop_at_the_limit_and_say_more,
    reads::scan_bounds_are_half_open,
    reads::keys_only_leaves_values_out,
    reads::scan_limits_are_checked,
    reads::several_keys_are_read_from_one_state,
    commits::every_commit_adds_one_revision,
    commits::entries_carry_their_own_revision,
    commits::unchanged_holds_only_for_the_last_write,
    commits::absent_holds_only_without_an_entry,
    commits::a_conflict_changes_nothing,
    commits::a_conflict_spoils_only_its_own_batch,
    commits::concurrent_increments_are_all_counted,
    commits::one_of_many_creators_wins,
    commits::own_writes_are_read,
    commits::deletes_remove_and_tolerate_absence,
    commits::a_key_written_twice_is_refused,
    commits::oversized_items_are_refused,
    commits::empty_and_binary_keys_and_values_are_kept,
    commits::large_values_are_kept,
    durability::commits_survive_reopening,
    durability::revisions_continue_after_reopening,
    durability::an_unawaited_commit_is_whole_or_absent,
}

/// The names of all cases.
pub fn case_names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}

/// Runs every case, each on a fresh store that `make` opens. Needs a tokio runtime.
///
/// # Errors
/// The first case that does not pass.
pub async fn run<S: Subject>(make: impl Fn() -> S) -> Result<usize, Failure> {
    for (name, case) in CASES {
        let mut subject = make();
        case(&mut subject)
            .await
            .map_err(|what| Failure { case: name, what })?;
    }
    Ok(CASES.len())
}

fn show(error: impl fmt::Display) -> String {
    format!("unexpected error: {error}")
}

fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put {
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

fn delete(key: &[u8]) -> Write {
    Write::Delete { key: key.to_vec() }
}

fn absent(key: &[u8]) -> Condition {
    Condition::Absent { key: key.to_vec() }
}

fn unchanged(key: &[u8], modified: Revision) -> Condition {
    Condition::Unchanged {
        key: key.to_vec(),
        modified,
    }
}

async fn write(backend: &Arc<dyn Backend>, writes: Vec<Write>) -> Result<Revision, String> {
    write_if(backend, vec![], writes).await.map_err(show)
}

async fn write_if(
    backend: &Arc<dyn Backend>,
    conditions: Vec<Condition>,
    writes: Vec<Write>,
) -> Result<Revision, StoreError> {
    backend.commit(Batch { conditions, writes }).await
}

async fn read(backend: &Arc<dyn Backend>, key: &[u8]) -> Result<Option<Entry>, String> {
    let (_, entries) = backend.get(vec![key.to_vec()]).await.map_err(show)?;
    Ok(entries.into_iter().next().flatten())
}

async fn value(backend: &Arc<dyn Backend>, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
    Ok(read(backend, key).await?.map(|entry| entry.value))
}

fn range(start: &[u8], end: &[u8]) -> Range {
    Range {
        start: start.to_vec(),
        end: end.to_vec(),
    }
}

/// Fails the case unless the answer is a conflict.
fn conflict(answer: Result<Revision, StoreError>, what: &str) -> Outcome {
    match answer {
        Err(StoreError::Conflict) => Ok(()),
        other => Err(format!("{what}: {other:?} instead of a conflict")),
    }
}

/// Fails the case unless the call was refused as an error of the caller.
fn refused<T: fmt::Debug>(answer: Result<T, StoreError>, what: &str) -> Outcome {
    match answer {
        Err(StoreError::Failed(cause)) if cause.is::<crate::Refused>() => Ok(()),
        other => Err(format!("{what}: {other:?} instead of a refusal")),
    }
}
