//! What opening refuses, and that it says what to do; what it creates.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test reports by panicking"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use keystead_store::{Backend, Batch, Range, StoreError, Write};
use keystead_store_sqlite::{OpenError, ReadOnly, SqliteBackend};
use proptest::prelude::*;
use rusqlite::Connection;

fn put(key: Vec<u8>, value: &[u8]) -> Write {
    let value = value.to_vec();
    Write::Put { key, value }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A directory with a database that other code may have damaged.
fn with_file(bytes: &[u8]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystead.db");
    fs::write(&path, bytes).unwrap();
    set_mode(&path, 0o600);
    directory
}

fn open_error(directory: &Path) -> OpenError {
    SqliteBackend::open(directory).unwrap_err()
}

#[tokio::test]
async fn a_store_can_be_read_beside_its_server_and_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let missing = ReadOnly::open(directory.path()).unwrap_err();
    assert!(
        matches!(missing, OpenError::NoPermission { .. }),
        "{missing}"
    );
    let backend = SqliteBackend::open(directory.path()).unwrap();
    let commit = async |value: &[u8]| {
        let writes = vec![put(b"k".to_vec(), value)];
        let conditions = vec![];
        backend.commit(Batch { conditions, writes }).await.unwrap()
    };
    let first = commit(b"1").await;
    let beside = ReadOnly::open(directory.path()).unwrap();
    let read = async |store: &ReadOnly| {
        let (revision, entries) = store.get(vec![b"k".to_vec()]).await.unwrap();
        (revision, entries[0].as_ref().unwrap().value.clone())
    };
    assert_eq!(read(&beside).await, (first, b"1".to_vec()));
    let second = commit(b"2").await;
    assert_eq!(read(&beside).await, (second, b"2".to_vec()));
    let all = Range {
        start: b"a".to_vec(),
        end: b"z".to_vec(),
    };
    assert_eq!(beside.scan(all, 10, false).await.unwrap().entries.len(), 1);
    let writes = vec![put(b"k".to_vec(), b"3")];
    let conditions = vec![];
    let refused = beside.commit(Batch { conditions, writes }).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))));
    drop(beside);
    drop(backend);
    let after = ReadOnly::open(directory.path()).unwrap();
    assert_eq!(read(&after).await, (second, b"2".to_vec()));
    // It is no server: one may come meanwhile.
    let again = SqliteBackend::open(directory.path()).unwrap();
    assert_eq!(read(&after).await, (second, b"2".to_vec()));
    drop(after);
    drop(again);
    let foreign = with_file(b"another program's file");
    assert!(ReadOnly::open(foreign.path()).is_err());
}

#[tokio::test]
async fn only_the_owner_can_read_what_is_created() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let backend = SqliteBackend::open(&directory).unwrap();
    let writes = vec![put(b"k".to_vec(), b"v")];
    let conditions = vec![];
    backend.commit(Batch { conditions, writes }).await.unwrap();
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&parent.path().join("a")), 0o700);
    let files: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        files.len(),
        4,
        "database, log, shared memory, lock: {files:?}"
    );
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[test]
fn a_directory_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let first = SqliteBackend::open(directory.path()).unwrap();
    let error = open_error(directory.path());
    let own = std::process::id();
    assert!(matches!(&error, OpenError::Locked { owner: Some(id), .. } if *id == own));
    assert!(error.to_string().contains("stop it first"), "{error}");
    drop(first);
    SqliteBackend::open(directory.path()).unwrap();
}

#[test]
fn files_open_to_others_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(SqliteBackend::open(directory.path()).unwrap());
    let database = directory.path().join("keystead.db");
    set_mode(&database, 0o604);
    let error = open_error(directory.path());
    assert!(
        matches!(error, OpenError::TooOpen { mode: 0o604, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("chmod 600"), "{error}");
    set_mode(&database, 0o640);
    drop(SqliteBackend::open(directory.path()).unwrap());
    set_mode(directory.path(), 0o777);
    let error = open_error(directory.path());
    assert!(
        matches!(error, OpenError::TooOpen { mode: 0o777, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

#[test]
fn a_path_that_cannot_be_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open_error(&file);
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    fs::create_dir(directory.path().join("keystead.db")).unwrap();
    let error = open_error(directory.path());
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[test]
fn files_of_something_else_are_refused_and_left_alone() {
    for bytes in [&b"x"[..], b"SQLite format 2\0 and so on", &[0; 5000]] {
        let directory = with_file(bytes);
        let error = open_error(directory.path());
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
        assert!(error.to_string().contains("restore a backup"));
        let path = directory.path().join("keystead.db");
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
}

#[test]
fn databases_of_other_programs_and_of_newer_ones_are_refused_and_left_alone() {
    let directory = with_file(b"");
    let path = directory.path().join("keystead.db");
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(foreign);
    let before = fs::read(&path).unwrap();
    let error = open_error(directory.path());
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let directory = tempfile::tempdir().unwrap();
    drop(SqliteBackend::open(directory.path()).unwrap());
    let path = directory.path().join("keystead.db");
    let ours = Connection::open(&path).unwrap();
    ours.pragma_update(None, "user_version", 2).unwrap();
    drop(ours);
    let error = open_error(directory.path());
    assert!(
        matches!(error, OpenError::Newer { found: 2, .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("start the newer program"),
        "{error}"
    );
}

#[test]
fn a_revision_behind_its_entries_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    drop(SqliteBackend::open(directory.path()).unwrap());
    let ours = Connection::open(directory.path().join("keystead.db")).unwrap();
    ours.execute_batch("INSERT INTO kv VALUES (x'00', x'', 7)")
        .unwrap();
    drop(ours);
    let error = open_error(directory.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
}

/// An idle store adds little to the memory of the process. Source of the bound: ours, 10 MiB.
#[tokio::test]
async fn an_open_store_needs_little_memory() {
    fn resident_kib() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }
    let directory = tempfile::tempdir().unwrap();
    let before = resident_kib();
    let backend = SqliteBackend::open(directory.path()).unwrap();
    for n in 0..2000_u32 {
        let writes = vec![put(n.to_be_bytes().to_vec(), &[7; 4000])];
        let conditions = vec![];
        backend.commit(Batch { conditions, writes }).await.unwrap();
        let keys = vec![n.to_be_bytes().to_vec(); 8];
        backend.get(keys).await.unwrap();
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 10 * 1024, "{grown} KiB");
}

/// The time to open does not depend on what is stored.
#[tokio::test]
async fn a_store_with_a_hundred_thousand_entries_opens_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(directory.path()).unwrap();
    for chunk in 0..25_u32 {
        let numbers = chunk * 4000..(chunk + 1) * 4000;
        let writes = numbers.map(|n| put(n.to_be_bytes().to_vec(), &[7; 700]));
        let (conditions, writes) = (vec![], writes.collect());
        backend.commit(Batch { conditions, writes }).await.unwrap();
    }
    drop(backend);
    let before = Instant::now();
    let backend = SqliteBackend::open(directory.path()).unwrap();
    let key = 99_999_u32.to_be_bytes().to_vec();
    let (_, found) = backend.get(vec![key]).await.unwrap();
    let took = before.elapsed();
    assert!(found[0].is_some());
    // Reading all of it takes far longer on the same machine, whatever else runs there.
    let before = Instant::now();
    let (mut start, mut count) = (vec![], 0);
    loop {
        let end = vec![255; 5];
        let page = backend
            .scan(Range { start, end }, 1000, false)
            .await
            .unwrap();
        count += page.entries.len();
        match page.entries.last() {
            Some(last) if page.more => start = [&last.key[..], &[0]].concat(),
            _ => break,
        }
    }
    assert_eq!(count, 100_000);
    let reading = before.elapsed();
    assert!(
        took < reading.max(Duration::from_millis(50)),
        "{took:?}, reading {reading:?}"
    );
}

async fn read_all(backend: &SqliteBackend) -> Result<usize, StoreError> {
    let (start, end) = (vec![], vec![255; 9]);
    let page = backend.scan(Range { start, end }, 10_000, false).await?;
    backend.get(vec![b"0100".to_vec()]).await?;
    Ok(page.entries.len())
}

fn sound_database() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let backend = SqliteBackend::open(directory.path()).unwrap();
        let writes = (0..300).map(|n| put(format!("{n:04}").into_bytes(), &[9; 200]));
        let (conditions, writes) = (vec![], writes.collect());
        backend.commit(Batch { conditions, writes }).await.unwrap();
    });
    fs::read(directory.path().join("keystead.db")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Damage anywhere in the file: an error or an answer, never a panic, a hang or a dead
    /// backend.
    #[test]
    fn damage_is_an_error_and_never_a_panic(
        at in 0.0..1.0_f64, len in 1..5000_usize, fill: u8, cut: bool, head: bool,
    ) {
        let mut bytes = sound_database();
        let size = if head { 8192.min(bytes.len()) } else { bytes.len() };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss,
            clippy::cast_precision_loss, reason = "a place in a small file")]
        let at = (size as f64 * at) as usize;
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at..].iter_mut().take(len).for_each(|byte| *byte = fill);
        }
        let directory = with_file(&bytes);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            match SqliteBackend::open(directory.path()) {
                Err(error) => prop_assert!(!error.to_string().is_empty()),
                Ok(backend) => for _ in 0..3 {
                    match read_all(&backend).await {
                        Ok(_) | Err(StoreError::Corrupt(_)) => {}
                        Err(other) => {
                            let text = other.to_string();
                            prop_assert!(!text.contains("thread"), "{}", text);
                        }
                    }
                },
            }
            Ok(())
        })?;
    }
}

/// A destroyed key's wrapped material must not stay in free space of the database file, where a
/// later thief of the disk and of the root key would find it.
#[tokio::test]
async fn what_is_removed_is_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(directory.path()).unwrap();
    let commit = async |writes| {
        let conditions = vec![];
        backend.commit(Batch { conditions, writes }).await.unwrap();
    };
    // One that shares its page with others, and one that fills overflow pages.
    let (small, large) = (
        *b"SMALL-SECRET-MATERIAL",
        b"LARGE-SECRET-MATERIAL".repeat(1000),
    );
    commit(vec![
        put(b"a".to_vec(), b"stays"),
        put(b"b".to_vec(), &small),
        put(b"c".to_vec(), &large),
        put(b"d".to_vec(), b"stays"),
    ])
    .await;
    let keys = [b"b", b"c"];
    commit(keys.map(|key| Write::Delete { key: key.to_vec() }).into()).await;
    drop(backend);
    let bytes = fs::read(directory.path().join("keystead.db")).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|found| found == text);
    assert!(holds(b"stays"));
    assert!(!holds(b"SECRET-MATERIAL"));
}
