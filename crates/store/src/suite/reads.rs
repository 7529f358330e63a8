//! Cases about reading.

use super::{Outcome, Subject, put, range, refused, same, show, write};

pub(super) async fn an_empty_store_is_at_revision_zero(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let (revision, entries) = backend.get(vec![b"a".to_vec()]).await.map_err(show)?;
    same!(revision.0, 0, "revision");
    same!(entries, vec![None], "entries");
    let page = backend.scan(range(b"", b"\xff"), 10, false).await;
    let page = page.map_err(show)?;
    same!(page.revision.0, 0, "revision of the page");
    same!((page.entries.len(), page.more), (0, false), "page");
    Ok(())
}

pub(super) async fn get_answers_in_the_order_asked(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    write(&backend, vec![put(b"a", b"1"), put(b"b", b"2")]).await?;
    let asked = [b"b", b"x", b"a", b"b"].map(|key| key.to_vec());
    let (_, entries) = backend.get(asked.to_vec()).await.map_err(show)?;
    let values: Vec<_> = entries
        .into_iter()
        .map(|entry| entry.map(|entry| (entry.key, entry.value)))
        .collect();
    let pair = |key: &[u8], value: &[u8]| Some((key.to_vec(), value.to_vec()));
    let expected = [pair(b"b", b"2"), None, pair(b"a", b"1"), pair(b"b", b"2")];
    same!(values, expected, "entries");
    let (_, none) = backend.get(vec![]).await.map_err(show)?;
    same!(none.len(), 0, "entries of no keys");
    Ok(())
}

pub(super) async fn scans_are_in_byte_order(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let sorted: [&[u8]; 8] = [
        b"\x00",
        b"\x00\x00",
        b"A",
        b"a",
        b"a\x00",
        b"a\xff",
        b"b",
        b"\xfe\xff\xff",
    ];
    for at in [3_usize, 7, 0, 5, 1, 6, 2, 4] {
        let key = sorted.get(at).copied().unwrap_or_default();
        write(&backend, vec![put(key, b"")]).await?;
    }
    let page = backend.scan(range(b"", b"\xff"), 100, false).await;
    let page = page.map_err(show)?;
    let keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
    same!(keys, sorted, "keys");
    Ok(())
}

pub(super) async fn scans_stop_at_the_limit_and_say_more(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let keys = [b"k1", b"k2", b"k3", b"k4", b"k5"];
    write(&backend, keys.map(|key| put(key, key)).to_vec()).await?;
    for (limit, count, more) in [(1, 1, true), (4, 4, true), (5, 5, false), (6, 5, false)] {
        let page = backend.scan(range(b"k", b"l"), limit, false).await;
        let page = page.map_err(show)?;
        same!(
            (page.entries.len(), page.more),
            (count, more),
            format!("page of {limit}")
        );
    }
    Ok(())
}

pub(super) async fn scan_bounds_are_half_open(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let keys: [&[u8]; 4] = [b"a", b"b", b"b\x00", b"c"];
    write(&backend, keys.map(|key| put(key, b"")).to_vec()).await?;
    type Scan = (&'static [u8], &'static [u8], &'static [&'static [u8]]);
    let scans: [Scan; 5] = [
        (b"a", b"c", &[b"a", b"b", b"b\x00"]),
        (b"b", b"b\x00", &[b"b"]),
        (b"b\x00", b"d", &[b"b\x00", b"c"]),
        (b"b", b"b", &[]),
        (b"c", b"a", &[]),
    ];
    for (start, end, expected) in scans {
        let page = backend.scan(range(start, end), 10, true).await;
        let page = page.map_err(show)?;
        let found: Vec<_> = page.entries.iter().map(|entry| &*entry.key).collect();
        same!(found, expected, format!("{start:?}..{end:?}"));
        same!(page.more, false, "more");
    }
    Ok(())
}

pub(super) async fn keys_only_leaves_values_out(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    let revision = write(&backend, vec![put(b"a", b"value")]).await?;
    for (keys_only, expected) in [(true, &b""[..]), (false, b"value")] {
        let page = backend.scan(range(b"a", b"b"), 1, keys_only).await;
        let mut entries = page.map_err(show)?.entries.into_iter();
        let entry = entries.next().ok_or("no entry")?;
        same!(entry.value, expected, "value");
        same!(entry.modified, revision, "revision");
    }
    Ok(())
}

pub(super) async fn scan_limits_are_checked(subject: &mut dyn Subject) -> Outcome {
    let backend = subject.backend();
    for limit in [0, 10_001, usize::MAX] {
        let page = backend.scan(range(b"a", b"b"), limit, true).await;
        refused(page, &format!("limit {limit}"))?;
    }
    let page = backend.scan(range(b"a", b"b"), 10_000, true).await;
    page.map(|_| ()).map_err(show)
}

/// A writer keeps two keys equal; no reader may ever see them differ, or a revision older than
/// what it saw before.
pub(super) async fn several_keys_are_read_from_one_state(subject: &mut dyn Subject) -> Outcome {
    const ROUNDS: u64 = 200;
    let backend = subject.backend();
    let writer = tokio::spawn({
        let backend = subject.backend();
        async move {
            for round in 1..=ROUNDS {
                let bytes = round.to_be_bytes();
                write(&backend, vec![put(b"left", &bytes), put(b"right", &bytes)]).await?;
                tokio::task::yield_now().await;
            }
            Outcome::Ok(())
        }
    });
    let mut last = 0;
    loop {
        let finished = writer.is_finished();
        let keys = vec![b"left".to_vec(), b"right".to_vec()];
        let (revision, entries) = backend.get(keys).await.map_err(show)?;
        let mut entries = entries
            .into_iter()
            .map(|e| e.map(|e| (e.value, e.modified)));
        let (left, right) = (entries.next().flatten(), entries.next().flatten());
        same!(left, right, "left and right");
        let page = backend.scan(range(b"left", b"z"), 10, false).await;
        let page = page.map_err(show)?;
        let values: Vec<_> = page.entries.iter().map(|entry| &entry.value).collect();
        same!(values.first(), values.last(), "first and last of the scan");
        if revision.0 < last || page.revision < revision {
            return Err(format!("the store went back from revision {last}"));
        }
        last = revision.0;
        if finished {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.map_err(|e| e.to_string())??;
    same!(last, ROUNDS, "last revision read");
    Ok(())
}
