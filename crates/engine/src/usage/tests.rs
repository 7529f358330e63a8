use std::sync::atomic::AtomicU64;

use super::*;

fn key(number: u8) -> KeyName {
    let account = AccountId::parse("111122223333").unwrap();
    (account, KeyId::from_random([number; 16]))
}

fn used(number: u8, second: i64) -> Use {
    Use {
        operation: KeyLastUsageTrackingOperation::Encrypt,
        at: Timestamp::from_millis(second * 1000),
        event_id: RequestId::from_random([number; 16]),
        request_id: RequestId::from_random([number; 16]),
    }
}

fn taken(uses: &Uses) -> Vec<(KeyName, Use)> {
    uses.take(usize::MAX)
}

#[test]
fn the_tracked_operations_are_the_models() {
    let names: Vec<_> = OperationName::ALL
        .iter()
        .filter_map(|one| tracked(*one))
        .collect();
    assert_eq!(names.len(), KeyLastUsageTrackingOperation::ALL.len());
    assert_eq!(tracked(OperationName::GenerateRandom), None);
    assert_eq!(tracked(OperationName::GetPublicKey), None);
}

#[test]
fn the_later_moment_counts_and_then_the_later_note() {
    let uses = Uses::new();
    uses.note(key(1), used(1, 10));
    uses.note(key(1), used(2, 10));
    assert_eq!(uses.get(&key(1)), Some(used(2, 10)));
    uses.note(key(1), used(3, 9));
    assert_eq!(uses.get(&key(1)), Some(used(2, 10)));
    uses.note(key(1), used(4, 11));
    assert_eq!(uses.get(&key(1)), Some(used(4, 11)));
    assert_eq!(uses.get(&key(2)), None);
    assert_eq!(taken(&uses), [(key(1), used(4, 11))]);
}

#[test]
fn what_is_used_again_while_it_is_stored_is_stored_again() {
    let uses = Uses::new();
    uses.note(key(1), used(1, 10));
    let batch = taken(&uses);
    assert_eq!(taken(&uses), []);
    uses.note(key(1), used(2, 10));
    uses.settle(&batch);
    let again = taken(&uses);
    assert_eq!(again, [(key(1), used(2, 10))]);
    uses.settle(&again);
    assert_eq!(taken(&uses), []);
    uses.note(key(1), used(3, 10));
    assert_eq!(taken(&uses).len(), 1);
}

#[test]
fn what_could_not_be_stored_is_taken_again() {
    let uses = Uses::new();
    for number in 1..=9 {
        uses.note(key(number), used(number, 10));
    }
    let left = uses.take(4);
    assert_eq!(left.len(), 4);
    drop(Taken { uses: &uses, left });
    uses.note(key(1), used(10, 11));
    let all = taken(&uses);
    assert_eq!(all.len(), 9);
    assert!(all.contains(&(key(1), used(10, 11))));
}

#[test]
fn only_what_is_stored_is_forgotten_when_there_is_no_room() {
    let uses = Uses::keeping(4);
    for number in 1..=4 {
        uses.note(key(number), used(number, 10));
    }
    uses.settle(&taken(&uses));
    assert!(!uses.crowded());
    assert!((1..=4).all(|number| uses.get(&key(number)).is_some()));
    for number in 5..=8 {
        uses.note(key(number), used(number, 10));
    }
    uses.note(key(1), used(9, 11));
    assert!(uses.crowded());
    let batch = uses.take(1);
    uses.settle(&batch);
    assert_eq!(uses.get(&batch[0].0), None);
    assert!(!uses.crowded());
    assert!((2..=4).all(|number| uses.get(&key(number)).is_none()));
    let mut left = taken(&uses);
    left.extend(batch);
    left.sort_by_key(|(_, used)| used.event_id.to_string());
    let expected = [5, 6, 7, 8].map(|number| (key(number), used(number, 10)));
    let expected = [expected.as_slice(), &[(key(1), used(9, 11))]].concat();
    assert_eq!(left, expected);
}

#[test]
fn a_removed_key_is_forgotten_even_on_its_way() {
    let uses = Uses::new();
    uses.note(key(1), used(1, 10));
    uses.forget(&key(1));
    assert_eq!((uses.get(&key(1)), taken(&uses)), (None, vec![]));
    uses.note(key(1), used(2, 10));
    let batch = taken(&uses);
    uses.forget(&key(1));
    uses.settle(&batch);
    uses.restore(&batch);
    assert_eq!((uses.get(&key(1)), taken(&uses)), (None, vec![]));
    assert_eq!(uses.kept.load(Ordering::SeqCst), 0);
}

/// A position is the mark only when each call that may stand before it in the log is noted.
#[test]
fn a_mark_waits_for_the_calls_under_way() {
    let uses = Uses::new();
    let head = std::sync::Arc::new(AtomicU64::new(5));
    let seen = head.clone();
    let read = Box::new(move || seen.load(Ordering::SeqCst)) as Box<dyn Fn() -> u64 + Send + Sync>;
    assert!(uses.head.set(read).is_ok());
    assert_eq!(uses.noted_up_to(), None);
    let slow = uses.begin();
    head.store(6, Ordering::SeqCst);
    uses.next_turn();
    let later = uses.begin();
    assert_ne!(slow % 2, later % 2);
    head.store(9, Ordering::SeqCst);
    // Record 6 may be the slow call's.
    assert_eq!(uses.noted_up_to(), None);
    uses.next_turn();
    assert_eq!(uses.noted_up_to(), None);
    uses.end(slow);
    assert_eq!(uses.noted_up_to(), Some(6));
    uses.next_turn();
    // Record 9 may be the later call's.
    assert_eq!(uses.noted_up_to(), None);
    uses.end(later);
    assert_eq!(uses.noted_up_to(), Some(9));
}

#[test]
fn calls_that_are_dropped_on_the_way_are_noted() {
    let uses = Uses::new();
    let noting = Noting {
        uses: &uses,
        keys: [Some(key(1)), Some(key(2))],
        used: used(1, 10),
        turn: uses.begin(),
    };
    assert_eq!(uses.get(&key(1)), None);
    drop(noting);
    assert_eq!(uses.get(&key(1)), uses.get(&key(2)));
    assert_eq!(uses.get(&key(1)), Some(used(1, 10)));
    let [even, odd] = &uses.under_way;
    let left = even.load(Ordering::SeqCst) + odd.load(Ordering::SeqCst);
    assert_eq!(left, 0);
}
