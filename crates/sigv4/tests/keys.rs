//! Kept signing keys never outlive what they were derived of; the replay guard.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod signing;

use keystead_sigv4::limits::SIGNING_KEYS_MAX;
use keystead_sigv4::{Rejection, Replay, ReplayGuard};
use signing::{Draft, KEY_ID, Keys, NOW, SECRET, Verified, verifier};

fn as_key(id: &str, secret: &str) -> Draft {
    let draft = Draft {
        key_id: id.into(),
        secret: secret.into(),
        ..Draft::kms()
    };
    draft.sign()
}

#[test]
fn a_kept_key_verifies_again_and_only_what_was_signed() {
    let (verifier, keys) = (verifier(), Keys::example());
    for _ in 0..3 {
        assert!(
            Draft::kms()
                .sign()
                .verify_with(&verifier, NOW, &keys)
                .is_ok()
        );
        let mut other = Draft::kms().sign();
        other.body.push(b' ');
        let why = other.verify_with(&verifier, NOW, &keys).unwrap_err();
        assert_eq!(why, Rejection::Signature);
    }
    assert_eq!(verifier.signing_keys(), 1);
}

#[test]
fn a_changed_secret_counts_at_once() {
    let (verifier, keys) = (verifier(), Keys::example());
    assert!(
        as_key(KEY_ID, SECRET)
            .verify_with(&verifier, NOW, &keys)
            .is_ok()
    );
    for round in 0..50 {
        let (old, new) = (format!("secret-{round}"), format!("secret-{}", round + 1));
        keys.put(KEY_ID, &new, None);
        let refused = as_key(KEY_ID, &old).verify_with(&verifier, NOW, &keys);
        assert_eq!(refused.unwrap_err(), Rejection::Signature);
        assert!(
            as_key(KEY_ID, &new)
                .verify_with(&verifier, NOW, &keys)
                .is_ok()
        );
    }
    assert_eq!(verifier.signing_keys(), 1);
}

#[test]
fn a_revoked_credential_is_refused_at_once() {
    let (verifier, keys) = (verifier(), Keys::example());
    let request = as_key(KEY_ID, SECRET);
    assert!(request.verify_with(&verifier, NOW, &keys).is_ok());
    keys.remove(KEY_ID);
    let why = request.verify_with(&verifier, NOW, &keys).unwrap_err();
    assert_eq!(why, Rejection::UnknownToken);
}

#[test]
fn a_dropped_credential_is_not_kept_alive() {
    let (verifier, keys) = (verifier(), Keys::example());
    let own = keys.0.lock().unwrap()[KEY_ID].clone();
    assert!(
        as_key(KEY_ID, SECRET)
            .verify_with(&verifier, NOW, &keys)
            .is_ok()
    );
    keys.remove(KEY_ID);
    assert_eq!(std::sync::Arc::strong_count(&own), 1);
}

#[test]
fn the_number_of_kept_keys_is_bounded() {
    let (verifier, keys) = (verifier(), Keys::default());
    for n in 0..SIGNING_KEYS_MAX + 700 {
        let id = format!("AKID{n}");
        keys.put(&id, "secret", None);
        assert!(
            as_key(&id, "secret")
                .verify_with(&verifier, NOW, &keys)
                .is_ok()
        );
        assert!(verifier.signing_keys() <= SIGNING_KEYS_MAX);
    }
    assert!(verifier.signing_keys() >= SIGNING_KEYS_MAX / 2);
    // One from long ago still verifies.
    assert!(
        as_key("AKID0", "secret")
            .verify_with(&verifier, NOW, &keys)
            .is_ok()
    );
}

#[test]
fn refused_requests_leave_nothing_behind() {
    let (verifier, keys) = (verifier(), Keys::example());
    keys.put("ASIALATE", "secret", Some(("token", NOW)));
    let late = Draft {
        key_id: "ASIALATE".into(),
        secret: "secret".into(),
        ..Draft::kms()
    };
    for refused in [
        as_key(KEY_ID, "guess"),
        as_key("AKIDOTHER", SECRET),
        late.with("x-amz-security-token", "token").sign(),
    ] {
        assert!(refused.verify_with(&verifier, NOW, &keys).is_err());
    }
    assert_eq!(verifier.signing_keys(), 0);
}

#[test]
fn a_region_that_is_switched_off_is_refused_at_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let on = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&on);
    let settings =
        keystead_sigv4::Settings::new(&["kms"], move |_, _| asked.load(Ordering::Relaxed)).unwrap();
    let (verifier, keys) = (keystead_sigv4::Verifier::new(settings), Keys::example());
    assert!(
        as_key(KEY_ID, SECRET)
            .verify_with(&verifier, NOW, &keys)
            .is_ok()
    );
    on.store(false, Ordering::Relaxed);
    let why = as_key(KEY_ID, SECRET)
        .verify_with(&verifier, NOW, &keys)
        .unwrap_err();
    assert_eq!(why, Rejection::ScopeRegion);
}

const ACCOUNT: &str = "111122223333";

fn account(number: &str) -> keystead_types::AccountId {
    keystead_types::AccountId::parse(number).unwrap()
}

/// A verified request; each body and date has a signature of its own.
fn changing(body: &str, date: &str) -> Verified {
    let draft = Draft {
        body: body.into(),
        ..Draft::kms()
    };
    draft.at(date).sign().verify().unwrap()
}

/// B12, with the option on.
#[test]
fn b12_a_guard_refuses_the_second_of_two_equal_requests() {
    let guard = ReplayGuard::with_capacity(1, 2, 2);
    let own = account(ACCOUNT);
    let one = changing("1", "20150830T123600Z");
    assert_eq!(guard.admit(&one, own, NOW), Replay::Fresh);
    assert_eq!(guard.admit(&one, own, NOW), Replay::Repeated);
    let two = changing("2", "20150830T123700Z");
    assert_eq!(guard.admit(&two, own, NOW), Replay::Fresh);
    let three = changing("3", "20150830T123700Z");
    assert_eq!(guard.admit(&three, own, NOW), Replay::Full);
    // Remembered for as long as it would verify: 5 minutes and the rest of a second.
    let last = NOW.plus_millis(300_999);
    assert_eq!(guard.admit(&three, own, last), Replay::Full);
    assert_eq!(guard.admit(&one, own, last), Replay::Repeated);
    assert_eq!(one.until(), NOW.plus_millis(301_000));
    assert_eq!(guard.admit(&three, own, one.until()), Replay::Fresh);
    assert_eq!(guard.admit(&two, own, one.until()), Replay::Repeated);
    assert_eq!(guard.remembered(), 2);
}

#[test]
fn an_account_that_fills_its_share_of_a_guard_keeps_nobody_else_out() {
    let guard = ReplayGuard::with_capacity(4, 64, 16);
    let (loud, quiet) = (account(ACCOUNT), account("444455556666"));
    let date = "20150830T123600Z";
    let mut fresh = 0;
    for n in 0..200 {
        match guard.admit(&changing(&n.to_string(), date), loud, NOW) {
            Replay::Fresh => fresh += 1,
            Replay::Full => {}
            Replay::Repeated => panic!("no two of them are equal"),
        }
    }
    assert_eq!((fresh, guard.remembered()), (16, 16));
    let other = changing("other", date);
    assert_eq!(guard.admit(&other, quiet, NOW), Replay::Fresh);
    assert_eq!(guard.admit(&other, quiet, NOW), Replay::Repeated);
    // With time the share is free again.
    let later = other.until();
    let fresh = (0..200).filter(|n| {
        let next = changing(&n.to_string(), "20150830T123700Z");
        guard.admit(&next, loud, later) == Replay::Fresh
    });
    assert_eq!(fresh.count(), 16);
}

#[test]
fn of_equal_requests_at_once_exactly_one_is_fresh() {
    let guard = ReplayGuard::default();
    let own = account(ACCOUNT);
    for round in 0..50 {
        let one = changing(&round.to_string(), "20150830T123600Z");
        let barrier = std::sync::Barrier::new(4);
        let fresh: usize = std::thread::scope(|scope| {
            let tries = [(); 4].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    usize::from(guard.admit(&one, own, NOW) == Replay::Fresh)
                })
            });
            tries.into_iter().map(|each| each.join().unwrap()).sum()
        });
        assert_eq!(fresh, 1, "round {round}");
    }
}

#[test]
fn many_threads_share_one_verifier() {
    let (verifier, keys) = (verifier(), Keys::default());
    for n in 0..8 {
        keys.put(&format!("AKID{n}"), &format!("secret-{n}"), None);
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (verifier, keys) = (&verifier, &keys);
            scope.spawn(move || {
                for n in 0..200 {
                    let n = (n + thread) % 8;
                    let good = as_key(&format!("AKID{n}"), &format!("secret-{n}"));
                    assert!(good.verify_with(verifier, NOW, keys).is_ok());
                    let bad = as_key(&format!("AKID{n}"), &format!("secret-{}", n + 1));
                    assert!(bad.verify_with(verifier, NOW, keys).is_err());
                }
            });
        }
    });
    assert_eq!(verifier.signing_keys(), 8);
}
