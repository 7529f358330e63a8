//! Cases about what remains after a restart.

use super::{Outcome, Subject, conflict, delete, put, range, read, same, show, unchanged, value};
use super::{write, write_if};
use crate::Batch;

pub(super) async fn commits_survive_reopening(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let mut revisions = Vec::new();
    for n in 0..50_u8 {
        revisions.push(write(&backend, vec![put(&[n], &[n, n])]).await?);
    }
    write(&backend, vec![delete(&[7])]).await?;
    drop(backend);
    subject.reopen().await?;
    let backend = subject.backend();
    for (n, revision) in (0..50_u8).zip(revisions) {
        let entry = read(&backend, &[n]).await?;
        let entry = entry.map(|entry| (entry.value, entry.modified));
        let expected = (n != 7).then(|| (vec![n, n], revision));
        same!(entry, expected, format!("entry {n}"));
    }
    Ok(())
}

pub(super) async fn revisions_continue_after_reopening(subject: &mut dyn Subject) -> Outcome {
    let first = write(&subject.backend(), vec![put(b"k", b"1")]).await?;
    subject.reopen().await?;
    let backend = subject.backend();
    let (revision, _) = backend.get(vec![]).await.map_err(show)?;
    same!(revision, first, "revision after reopening");
    let conditions = || vec![unchanged(b"k", first)];
    let second = write_if(&backend, conditions(), vec![put(b"k", b"2")]).await;
    same!(second.map_err(show)?.0, first.0 + 1, "next revision");
    drop(backend);
    subject.reopen().await?;
    let late = write_if(&subject.backend(), conditions(), vec![put(b"k", b"3")]).await;
    conflict(late, "a revision from before the restart")
}

/// A caller that goes away must not leave half a batch.
pub(super) async fn an_unawaited_commit_is_whole_or_absent(subject: &mut dyn Subject) -> Outcome {
    for n in 0..20_u8 {
        let backend = subject.backend();
        let batch = Batch {
            conditions: vec![],
            writes: vec![put(&[b'x', n], b""), put(&[b'y', n], b"")],
        };
        let task = tokio::spawn(async move { backend.commit(batch).await });
        tokio::task::yield_now().await;
        task.abort();
        // Aborted or done: both are fine, as long as the task holds no handle any more.
        drop(task.await);
    }
    subject.reopen().await?;
    let backend = subject.backend();
    for n in 0..20_u8 {
        let (x, y) = (
            value(&backend, &[b'x', n]).await?,
            value(&backend, &[b'y', n]).await?,
        );
        same!(x, y, format!("halves of batch {n}"));
    }
    let page = backend.scan(range(b"x", b"z"), 100, true).await;
    let page = page.map_err(show)?;
    same!(
        page.entries.len() as u64,
        page.revision.0 * 2,
        "entries of counted batches"
    );
    Ok(())
}
