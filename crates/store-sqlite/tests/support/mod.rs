//! What the tests share: batches whose halves must stay together, and children.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use keystead_store::{Backend, Batch, Range, Revision, Write};

/// Names the data directory to a child.
pub(crate) const DIRECTORY: &str = "KEYSTEAD_TEST_DIRECTORY";

/// Batch number `n`: four entries that hold `n`, one of them large and one shared by all
/// batches, so that a half applied batch shows.
pub(crate) fn batch(n: u64) -> Batch {
    let put = |key: Vec<u8>, value: Vec<u8>| Write::Put { key, value };
    let bytes = n.to_be_bytes();
    let named = |first: u8| [&[first][..], &bytes].concat();
    Batch {
        conditions: vec![],
        writes: vec![
            put(named(b'a'), bytes.to_vec()),
            put(named(b'b'), bytes.repeat(1500)),
            put(named(b'c'), bytes.to_vec()),
            put(b"last".to_vec(), bytes.to_vec()),
        ],
    }
}

/// Checks that the store holds exactly the batches up to its revision, each whole and written
/// at its own revision. Returns how many there are.
pub(crate) async fn check_whole(backend: &dyn Backend) -> u64 {
    let mut count = None;
    for first in [b'a', b'b', b'c'] {
        let mut expected = 0;
        let mut start = vec![first];
        loop {
            let end = vec![first + 1];
            let range = Range { start, end };
            let page = backend.scan(range, 500, first != b'a').await.unwrap();
            for entry in &page.entries {
                expected += 1;
                assert_eq!(entry.modified, Revision(expected));
                assert_eq!(entry.key[1..], expected.to_be_bytes());
                if first == b'a' {
                    assert_eq!(entry.value, expected.to_be_bytes());
                }
            }
            assert_eq!(
                page.revision,
                Revision(*count.get_or_insert(page.revision.0))
            );
            match page.entries.last() {
                Some(last) if page.more => start = [&last.key[..], &[0]].concat(),
                _ => break,
            }
        }
        assert_eq!(
            Some(expected),
            count,
            "entries of space {}",
            char::from(first)
        );
    }
    let count = count.unwrap();
    let (_, last) = backend.get(vec![b"last".to_vec()]).await.unwrap();
    let last = last.into_iter().next().flatten();
    let value = last.map_or(0, |entry| {
        u64::from_be_bytes(entry.value.try_into().unwrap())
    });
    assert_eq!(value, count);
    count
}

/// Runs an ignored test of this file in a process of its own, with `wrapper` in front.
pub(crate) fn child(wrapper: &[&str], test: &str, directory: &Path) -> Child {
    let this = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(std::ffi::OsStr::new);
    let mut command = match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(this);
            command
        }
        None => Command::new(this),
    };
    command
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The data directory that the parent named.
pub(crate) fn directory() -> std::path::PathBuf {
    std::env::var_os(DIRECTORY)
        .expect("started by another test")
        .into()
}
