use std::sync::Arc;

use keystead_types::{AccountId, Principal};
use proptest::prelude::*;

use super::*;
use crate::context::{ConditionKey, Context, KnownKey, Presence, Value};
use crate::evaluate::{PolicyKind, Request};
use crate::{Basis, Case, Decision, NamedPolicy, decide, decide_noting, explain};

struct Agent;

impl Context for Agent {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        match key.known() {
            Some(KnownKey::UserAgent) => {
                each(Value::Text("agent"));
                Presence::Single
            }
            _ => Presence::Absent,
        }
    }
}

const ACCOUNT: &str = "111122223333";

fn request(principal: &Principal) -> Request<'_> {
    Request {
        principal,
        partition: "aws",
        action: "kms:Encrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/k",
        resource_account: AccountId::parse(ACCOUNT).unwrap(),
        unique_id: None,
        context: &Agent,
    }
}

fn user() -> Principal {
    Principal::User {
        account: AccountId::parse(ACCOUNT).unwrap(),
        name: "alice".into(),
    }
}

fn named(name: &str, kind: PolicyKind, statements: &str) -> NamedPolicy {
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    NamedPolicy {
        name: name.into(),
        policy: Arc::new(Policy::compile(kind, &document).unwrap()),
    }
}

const ACCOUNT_ALLOWED: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;

/// Identity policies with every outcome in them.
fn identity() -> NamedPolicy {
    named(
        "arn:own",
        PolicyKind::Identity,
        r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"},
           {"Effect":"Allow","Action":"kms:Sign","Resource":"*"},
           {"Sid":"Not","Effect":"Deny","Action":"*","Resource":"*","Condition":{
              "StringEquals":{"aws:UserAgent":"agent"},"StringLike":{"aws:username":"b*"}}},
           {"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::x"},
           {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"},
           {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:UserAgent":"other"}}}"#,
    )
}

#[test]
fn an_allowed_request_notes_every_statement_and_is_told_like_an_explanation() {
    let key = named("key", PolicyKind::Key, ACCOUNT_ALLOWED).policy;
    let own = identity();
    let all = NamedPolicy {
        name: "FullAWSAccess".into(),
        policy: Arc::new(Policy::allow_all()),
    };
    let levels = [vec![all.clone()].into(), vec![all].into()];
    let case = Case {
        resource: Some(&key),
        identity: std::slice::from_ref(&own),
        service_control: &levels,
        ..Case::default()
    };
    let principal = user();
    let request = request(&principal);
    let mut outcomes = Outcomes::new();
    let decision = decide_noting(&case, &request, &mut outcomes);
    assert_eq!(decision, decide(&case, &request));
    assert!(matches!(decision, Decision::Allowed(Basis::Statement(_))));
    // What was noted before is forgotten.
    decide_noting(&case, &request, &mut outcomes);
    let text = outcomes.finish();
    let (key_digest, own_digest) = (key.digest(), own.policy.digest());
    let expected = format!(
        "S0=* S1=* K={}:t I={}:a*2C.1ReC",
        key_digest.as_str(),
        own_digest.as_str()
    );
    assert_eq!(text, expected);
    let read = PolicyOutcomes::read(&text).unwrap();
    let explained = explain(&case, &request).participants;
    for one in &read {
        let same = |other: &&crate::Participant| other.kind == one.kind && other.level == one.level;
        let traces = &explained.iter().find(same).unwrap().traces;
        let policy = match one.kind {
            Kind::Resource => &key,
            Kind::Identity => &own.policy,
            _ => &levels[0][0].policy,
        };
        assert_eq!(policy.recall(one, &Agent).as_ref(), Some(traces));
    }
    // The record of one policy is not told with the texts of another.
    assert_eq!(key.recall(&read[3], &Agent), None);
    assert_eq!(read[3].traces()[2].condition, None);
}

#[test]
fn many_policies_have_bounded_room() {
    let key = named("key", PolicyKind::Key, ACCOUNT_ALLOWED).policy;
    let own = identity();
    let many: Vec<NamedPolicy> = std::iter::repeat_n(own, 100).collect();
    let case = Case {
        resource: Some(&key),
        identity: &many,
        ..Case::default()
    };
    let principal = user();
    let mut outcomes = Outcomes::new();
    assert!(decide_noting(&case, &request(&principal), &mut outcomes).is_allowed());
    let text = outcomes.finish();
    assert!(text.len() < OUTCOMES_MAX_BYTES + 64, "{}", text.len());
    let read = PolicyOutcomes::read(&text).unwrap();
    assert!(read.last().unwrap().cut && read.len() < 101);
    assert!(read.iter().rev().skip(1).all(|one| !one.cut));
}

#[test]
fn other_texts_are_not_read() {
    for bad in [
        "K",
        "K=",
        "Q=*",
        "Kx=*",
        "K=abcdefghijkl:z",
        "K=abcdefghijkl:a*",
        "K=abcdefghijkl:c.",
        "K=abcdefghijkl:a*501",
        "K=abcdefghijkl:a*400a*400",
        "K=abcdefghijkl:a*99999999999999999999",
        "K=abcdefghijk:a",
        "k=*",
    ] {
        assert_eq!(PolicyOutcomes::read(bad), None, "{bad}");
    }
    assert_eq!(PolicyOutcomes::read(""), Some(Vec::new()));
}

fn outcome() -> impl Strategy<Value = (Effect, StatementOutcome)> {
    let effect = prop_oneof![Just(Effect::Allow), Just(Effect::Deny)];
    let named = prop_oneof![
        Just(Named::Principal),
        Just(Named::Role),
        Just(Named::Everyone),
        Just(Named::Account)
    ];
    let outcome = prop_oneof![
        named.prop_map(StatementOutcome::Matched),
        Just(StatementOutcome::OtherPrincipal),
        Just(StatementOutcome::OtherAction),
        Just(StatementOutcome::OtherResource),
        (0_usize..300).prop_map(|condition| StatementOutcome::ConditionNotMet { condition }),
    ];
    (effect, outcome)
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        statements in proptest::collection::vec((outcome(), 1_usize..5), 0..40),
        level in proptest::option::of(0_usize..20),
    ) {
        let key = named("key", PolicyKind::Key, ACCOUNT_ALLOWED).policy;
        let statements: Vec<_> = statements
            .into_iter()
            .flat_map(|(one, count)| std::iter::repeat_n(one, count))
            .collect();
        let mut outcomes = Outcomes::new();
        for kind in [Kind::ServiceControl, Kind::Resource] {
            outcomes.consulted(kind, level, &key);
            for (effect, outcome) in &statements {
                outcomes.outcome(*effect, *outcome);
            }
        }
        let read = PolicyOutcomes::read(&outcomes.finish()).unwrap();
        prop_assert_eq!(read.len(), 2);
        for one in read {
            prop_assert_eq!(one.digest, key.digest());
            prop_assert_eq!(one.level, level);
            prop_assert!(!one.cut);
            prop_assert_eq!(&one.statements, &statements);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[KISOEBL0-9=:*.~ amhetprcAC-]{0,60}") {
        let _read = PolicyOutcomes::read(&text);
    }
}
