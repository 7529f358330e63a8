//! Cases about committing.

use std::sync::Arc;

use super::{
    Outcome, Subject, absent, conflict, delete, put, range, read, refused, same, show, unchanged,
    value, write, write_if,
};
use crate::limits::{BATCH_MAX_ITEMS, KEY_MAX_BYTES, VALUE_MAX_BYTES};
use crate::{Backend, Revision, StoreError};

pub(super) async fn every_commit_adds_one_revision(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    for expected in 1..=5 {
        let revision = write(&backend, vec![put(b"k", b"v")]).await?;
        same!(revision.0, expected, "revision");
    }
    let empty = write(&backend, vec![]).await?;
    same!(empty.0, 6, "revision of an empty batch");
    conflict(
        write_if(&backend, vec![absent(b"k")], vec![]).await,
        "a condition without writes",
    )?;
    let (revision, _) = backend.get(vec![]).await.map_err(show)?;
    same!(revision.0, 6, "revision after a conflict");
    Ok(())
}

pub(super) async fn entries_carry_their_own_revision(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let first = write(&backend, vec![put(b"a", b"1"), put(b"b", b"1")]).await?;
    let second = write(&backend, vec![put(b"b", b"2")]).await?;
    // The same bytes again are a write as well.
    let third = write(&backend, vec![put(b"a", b"1")]).await?;
    for (key, expected) in [(b"a", third), (b"b", second)] {
        let entry = read(&backend, key).await?.ok_or("no entry")?;
        same!(entry.modified, expected, "modified");
    }
    if !(first < second && second < third) {
        return Err("revisions do not grow".into());
    }
    Ok(())
}

pub(super) async fn unchanged_holds_only_for_the_last_write(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let first = write(&backend, vec![put(b"k", b"1")]).await?;
    let attempt = |modified, value: &'static [u8]| {
        write_if(
            &backend,
            vec![unchanged(b"k", modified)],
            vec![put(b"k", value)],
        )
    };
    let second = attempt(first, b"2").await.map_err(show)?;
    conflict(attempt(first, b"x").await, "an old revision")?;
    conflict(
        attempt(Revision(u64::MAX), b"x").await,
        "a revision to come",
    )?;
    same!(value(&backend, b"k").await?, Some(b"2".to_vec()), "value");
    write(&backend, vec![delete(b"k")]).await?;
    conflict(attempt(second, b"x").await, "a removed entry")?;
    write(&backend, vec![put(b"k", b"2")]).await?;
    conflict(attempt(second, b"x").await, "an entry created again")
}

pub(super) async fn absent_holds_only_without_an_entry(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let create = || write_if(&backend, vec![absent(b"k")], vec![put(b"k", b"")]);
    create().await.map_err(show)?;
    conflict(create().await, "an empty value is an entry")?;
    write(&backend, vec![delete(b"k")]).await?;
    create().await.map(|_| ()).map_err(show)
}

pub(super) async fn a_conflict_changes_nothing(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let first = write(&backend, vec![put(b"a", b"1"), put(b"b", b"1")]).await?;
    let conditions = vec![unchanged(b"a", first), absent(b"new"), absent(b"b")];
    let writes = vec![put(b"a", b"2"), put(b"new", b"2"), delete(b"b")];
    conflict(
        write_if(&backend, conditions, writes).await,
        "one condition of three",
    )?;
    let page = backend.scan(range(b"", b"\xff"), 10, false).await;
    let page = page.map_err(show)?;
    let pairs: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (&*entry.key, &*entry.value, entry.modified))
        .collect();
    let expected: [(&[u8], &[u8], Revision); 2] = [(b"a", b"1", first), (b"b", b"1", first)];
    same!(pairs, expected, "entries");
    same!(page.revision, first, "revision");
    Ok(())
}

/// Many batches at once, every third of which conflicts: a backend that groups commits must
/// neither lose the good ones nor keep anything of the bad ones.
pub(super) async fn a_conflict_spoils_only_its_own_batch(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    write(&backend, vec![put(b"taken", b"")]).await?;
    let tasks: Vec<_> = (0..60_u8)
        .map(|n| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                let bad = n % 3 == 0;
                let conditions = if bad { vec![absent(b"taken")] } else { vec![] };
                let writes = vec![put(&[b'x', n], &[n]), put(&[b'y', n], &[n])];
                (n, bad, write_if(&backend, conditions, writes).await)
            })
        })
        .collect();
    let mut revisions = Vec::new();
    for task in tasks {
        let (n, bad, answer) = task.await.map_err(|e| e.to_string())?;
        let expected = (!bad).then(|| vec![n]);
        match answer {
            Ok(revision) if !bad => revisions.push(revision.0),
            Err(StoreError::Conflict) if bad => {}
            other => return Err(format!("batch {n}: {other:?}")),
        }
        for key in [[b'x', n], [b'y', n]] {
            same!(value(&backend, &key).await?, expected, format!("{key:?}"));
        }
    }
    revisions.sort_unstable();
    same!(revisions, (2..42).collect::<Vec<u64>>(), "revisions");
    Ok(())
}

pub(super) async fn concurrent_increments_are_all_counted(subject: &mut dyn Subject) -> Outcome {
    const TASKS: u64 = 8;
    const EACH: u64 = 15;
    let backend = subject.backend();
    write(&backend, vec![put(b"n", &0_u64.to_be_bytes())]).await?;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                for _ in 0..EACH {
                    while !increment(&backend).await? {}
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|e| e.to_string())??;
    }
    let expected = (TASKS * EACH).to_be_bytes().to_vec();
    same!(value(&backend, b"n").await?, Some(expected), "counter");
    let (revision, _) = backend.get(vec![]).await.map_err(show)?;
    same!(revision.0, TASKS * EACH + 1, "revision");
    Ok(())
}

/// Reads the counter, lets others run, and writes it if it is unchanged.
async fn increment(backend: &Arc<dyn Backend>) -> Result<bool, String> {
    let entry = read(backend, b"n").await?.ok_or("no counter")?;
    let old = <[u8; 8]>::try_from(&*entry.value).map_err(|e| e.to_string())?;
    tokio::task::yield_now().await;
    let new = u64::from_be_bytes(old) + 1;
    let conditions = vec![unchanged(b"n", entry.modified)];
    match write_if(backend, conditions, vec![put(b"n", &new.to_be_bytes())]).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(other) => Err(show(other)),
    }
}

pub(super) async fn one_of_many_creators_wins(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let tasks: Vec<_> = (0..20_u8)
        .map(|n| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                let answer = write_if(&backend, vec![absent(b"k")], vec![put(b"k", &[n])]).await;
                (n, answer)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.map_err(|e| e.to_string())? {
            (n, Ok(_)) => winners.push(n),
            (_, Err(StoreError::Conflict)) => {}
            (n, Err(other)) => return Err(format!("creator {n}: {other}")),
        }
    }
    same!(winners.len(), 1, "winners");
    same!(value(&backend, b"k").await?, Some(winners), "value");
    Ok(())
}

pub(super) async fn own_writes_are_read(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    for n in 0..100_u32 {
        let bytes = n.to_be_bytes();
        let revision = write(&backend, vec![put(b"k", &bytes)]).await?;
        let (seen, entries) = backend.get(vec![b"k".to_vec()]).await.map_err(show)?;
        let entry = entries.into_iter().next().flatten().ok_or("no entry")?;
        same!((seen, entry.modified), (revision, revision), "revisions");
        same!(entry.value, bytes, "value");
    }
    Ok(())
}

pub(super) async fn deletes_remove_and_tolerate_absence(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    write(&backend, vec![put(b"a", b"1"), put(b"b", b"1")]).await?;
    write(&backend, vec![delete(b"a"), delete(b"never")]).await?;
    same!(value(&backend, b"a").await?, None, "a removed entry");
    let page = backend.scan(range(b"", b"\xff"), 10, true).await;
    same!(page.map_err(show)?.entries.len(), 1, "entries left");
    Ok(())
}

pub(super) async fn a_key_written_twice_is_refused(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    for second in [put(b"a", b"2"), delete(b"a")] {
        let writes = vec![put(b"a", b"1"), put(b"b", b"1"), second];
        refused(write_if(&backend, vec![], writes).await, "a key twice")?;
    }
    let revision = write(&backend, vec![]).await?;
    same!(revision.0, 1, "revision after refusals");
    same!(value(&backend, b"b").await?, None, "a refused write");
    Ok(())
}

pub(super) async fn oversized_items_are_refused(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let (key, bytes) = (vec![b'k'; KEY_MAX_BYTES], vec![7; VALUE_MAX_BYTES]);
    write(&backend, vec![put(&key, &bytes)]).await?;
    same!(value(&backend, &key).await?, Some(bytes), "largest value");
    let too_large = [
        vec![put(&vec![b'k'; KEY_MAX_BYTES + 1], b"")],
        vec![put(b"k", &vec![7; VALUE_MAX_BYTES + 1])],
        vec![delete(b"k"); BATCH_MAX_ITEMS + 1],
    ];
    for writes in too_large {
        refused(write_if(&backend, vec![], writes).await, "too large")?;
    }
    Ok(())
}

pub(super) async fn empty_and_binary_keys_and_values_are_kept(
    subject: &mut dyn Subject,
) -> Outcome {
    let backend = subject.backend();
    let keys: [&[u8]; 5] = [b"", b"\0", b"\0\0", b"\xfe\0\xff", "ключ'\"%_".as_bytes()];
    for key in keys {
        write(&backend, vec![put(key, key)]).await?;
    }
    for key in keys {
        same!(value(&backend, key).await?, Some(key.to_vec()), "value");
        let entry = read(&backend, key).await?.ok_or("no entry")?;
        same!(entry.key, key, "key");
    }
    write(&backend, vec![put(b"empty", b"")]).await?;
    same!(
        value(&backend, b"empty").await?,
        Some(vec![]),
        "empty value"
    );
    Ok(())
}

pub(super) async fn large_values_are_kept(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let large: Vec<u8> = (0..256 * 1024_u32)
        .map(|n| n.to_le_bytes()[0] ^ 0x5a)
        .collect();
    let writes = vec![put(b"1", &large), put(b"2", b"small"), put(b"3", &large)];
    write(&backend, writes).await?;
    for key in [b"1", b"3"] {
        let same = value(&backend, key).await?.as_ref() == Some(&large);
        same!(same, true, "256 KiB kept");
    }
    write(&backend, vec![put(b"1", b"short now")]).await?;
    same!(
        value(&backend, b"1").await?,
        Some(b"short now".to_vec()),
        "overwritten value"
    );
    Ok(())
}
