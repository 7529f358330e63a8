//! Evaluating a policy, and deciding to deny implicitly, allocates nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod facts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use facts::{Fact, facts};
use keystead_policy::{Case, Policy, PolicyKind, Request, Verdict, decide, default_key_policy};
use keystead_types::{AccountId, Principal};
use serde_json::json;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[allow(
    unsafe_code,
    reason = "an allocator that counts and passes on to the system's"
)]
// SAFETY: every call goes unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| ()), 0);
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8]))) > 0);
}

#[test]
fn evaluation_allocates_nothing() {
    let account = AccountId::parse("111122223333").unwrap();
    let text = |text: &str| vec![Fact::Text(text.to_owned())];
    let context = facts([
        ("aws:username", text("alice")),
        ("aws:SecureTransport", vec![Fact::Flag(true)]),
        (
            "aws:SourceIp",
            vec![Fact::Address("10.1.2.3".parse().unwrap())],
        ),
        (
            "aws:CurrentTime",
            vec![Fact::Moment(keystead_types::Timestamp::from_millis(1))],
        ),
        (
            "aws:TagKeys",
            vec![Fact::Text("a".into()), Fact::Text("b".into())],
        ),
        ("kms:EncryptionContext:team", text("blue")),
        ("aws:SourceArn", text("arn:aws:s3:::alice-bucket")),
    ]);
    let conditions = json!({
        "StringEquals": {"kms:EncryptionContext:team": ["red", "blue"]},
        "StringEqualsIgnoreCase": {"aws:username": "ALICE"},
        "StringLike": {"aws:username": ["x*", "${aws:username}", "a?i*"]},
        "StringNotEquals": {"aws:username": "${aws:PrincipalTag/x, 'bob'}"},
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::${aws:username}-*"},
        "Bool": {"aws:SecureTransport": true},
        "IpAddress": {"aws:SourceIp": ["192.168.0.0/16", "10.0.0.0/8"]},
        "DateGreaterThan": {"aws:CurrentTime": "1970-01-01"},
        "NumericLessThanIfExists": {"aws:MultiFactorAuthAge": 3600},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
        "Null": {"aws:ViaAWSService": true},
    });
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*",
         "Condition": {"StringNotEquals": {"aws:username": "alice"}}},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"},
         "Action": "kms:Encrypt", "Resource": "arn:*:key/*${aws:username}*", "Condition": conditions},
    ]})
    .to_string();
    let policy = Policy::compile(PolicyKind::Key, &document).unwrap();
    let default = default_key_policy("aws", account);
    let default = Policy::compile(PolicyKind::Key, &default).unwrap();
    let name = "alice".into();
    let principal = Principal::User { account, name };
    let request = Request {
        principal: &principal,
        partition: "aws",
        action: "kms:Encrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/alice",
        resource_account: account,
        unique_id: None,
        context: &context,
    };
    // It is the whole way that is measured: all conditions hold.
    assert!(matches!(
        policy.evaluate(&request),
        Verdict::Allowed { statement: 1, .. }
    ));
    let used = allocations(|| {
        std::hint::black_box(policy.evaluate(&request));
        std::hint::black_box(default.evaluate(&request));
        let case = Case {
            resource: Some(&policy),
            ..Case::default()
        };
        std::hint::black_box(decide(&case, &request));
        let case = Case {
            resource: Some(&default),
            ..Case::default()
        };
        std::hint::black_box(decide(&case, &request));
    });
    assert_eq!(used, 0);
}
