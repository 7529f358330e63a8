//! All policies together: who is asked × whose resource × how it is named × what limits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use keystead_policy::{
    Basis, Case, Decision, Denial, Granted, Kind, Level, Named, NamedPolicy, NoContext, Place,
    Policy, PolicyKind, Request, decide, explain,
};
use keystead_types::{AccountId, Principal};
use serde_json::{Value, json};

const OURS: &str = "111122223333";
const OTHER: &str = "444455556666";

fn id(account: &str) -> AccountId {
    AccountId::parse(account).unwrap()
}

fn user(account: &str) -> Principal {
    let (account, name) = (id(account), "alice".into());
    Principal::User { account, name }
}

fn session(account: &str) -> Principal {
    Principal::RoleSession {
        account: id(account),
        role: "worker".into(),
        session: "one".into(),
    }
}

fn root(account: &str) -> Principal {
    Principal::Root {
        account: id(account),
    }
}

fn service() -> Principal {
    Principal::Service {
        name: "s3.amazonaws.com".into(),
    }
}

fn federated(account: &str) -> Principal {
    let (account, name) = (id(account), "alice".into());
    Principal::FederatedUser { account, name }
}

fn compile(kind: PolicyKind, effect: &str, action: &str, principal: Option<Value>) -> Arc<Policy> {
    let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    if let Some(principal) = principal {
        statement["Principal"] = principal;
    }
    let document = json!({ "Statement": statement }).to_string();
    Arc::new(Policy::compile(kind, &document).unwrap())
}

/// An identity-like policy about the asked action, or about another.
fn named(name: &str, effect: &str, action: &str) -> NamedPolicy {
    NamedPolicy {
        name: name.into(),
        policy: compile(PolicyKind::Identity, effect, action, None),
    }
}

fn allow(name: &str) -> NamedPolicy {
    named(name, "Allow", "kms:Encrypt")
}

fn deny(name: &str) -> NamedPolicy {
    named(name, "Deny", "kms:Encrypt")
}

fn silent(name: &str) -> NamedPolicy {
    named(name, "Allow", "kms:Other")
}

/// A key policy that allows the asked action to that principal.
fn key_policy(principal: Value) -> Arc<Policy> {
    compile(PolicyKind::Key, "Allow", "kms:Encrypt", Some(principal))
}

fn ask(case: &Case<'_>, principal: &Principal) -> Decision {
    let request = Request {
        principal,
        partition: "aws",
        action: "kms:Encrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
        resource_account: id(OURS),
        unique_id: None,
        context: &NoContext,
    };
    let decision = decide(case, &request);
    assert_eq!(explain(case, &request).decision, decision);
    decision
}

fn place(kind: Kind, policy: Option<&str>) -> Place {
    Place {
        kind,
        policy: policy.map(Into::into),
        statement: 0,
    }
}

fn by_resource() -> Decision {
    Decision::Allowed(Basis::Statement(place(Kind::Resource, None)))
}

fn implicit(kind: Kind) -> Decision {
    Decision::Denied(Denial::Implicit(kind))
}

/// The forms in which a key policy names a session of the role, closest first.
fn names_of(account: &str) -> Vec<(Named, Value)> {
    vec![
        (
            Named::Principal,
            json!({"AWS": format!("arn:aws:sts::{account}:assumed-role/worker/one")}),
        ),
        (
            Named::Role,
            json!({"AWS": format!("arn:aws:iam::{account}:role/worker")}),
        ),
        (Named::Everyone, json!("*")),
        (Named::Account, json!({ "AWS": account })),
    ]
}

/// Every combination of naming, account, identity policy, boundary, session policy and grant,
/// against the rules written as one expression.
#[test]
fn the_whole_table() {
    let (yes, no) = ([allow("yes")], [silent("no")]);
    let mut seen = [0; 2];
    for account in [OURS, OTHER] {
        let caller = session(account);
        let own = account == OURS;
        let mut namings: Vec<(Option<Named>, Arc<Policy>)> = names_of(account)
            .into_iter()
            .map(|(named, principal)| (Some(named), key_policy(principal)))
            .collect();
        let nobody = json!({"AWS": "arn:aws:iam::111122223333:user/bob"});
        namings.push((None, key_policy(nobody)));
        let grants = [
            Granted::No,
            Granted::To(Named::Principal),
            Granted::To(Named::Role),
            Granted::To(Named::Everyone),
            Granted::To(Named::Account),
        ];
        for (naming, policy) in &namings {
            for bits in 0..8_u32 {
                let [identity, boundary, session] = [1, 2, 4].map(|bit| bits & bit != 0);
                for grant in grants {
                    let pick = |yes_or_no| if yes_or_no { &yes[..] } else { &no[..] };
                    let case = Case {
                        resource: Some(policy),
                        identity: pick(identity),
                        boundary: Some(&pick(boundary)[0]),
                        session: Some(pick(session)),
                        grant,
                        ..Case::default()
                    };
                    let limits = boundary && session;
                    let account_allows = identity && limits;
                    let key_allows = match naming {
                        None => false,
                        Some(Named::Principal | Named::Everyone) => own || account_allows,
                        Some(Named::Role) if own => limits,
                        Some(_) => account_allows,
                    };
                    let grant_allows = match grant {
                        Granted::No => false,
                        Granted::To(Named::Principal) => true,
                        Granted::To(Named::Role | Named::Everyone) => limits,
                        Granted::To(Named::Account) => account_allows,
                    };
                    let left_to_account = own && *naming == Some(Named::Account);
                    let expected = if key_allows && left_to_account {
                        // The statement that allowed is the caller's own.
                        Decision::Allowed(Basis::Statement(place(Kind::Identity, Some("yes"))))
                    } else if key_allows {
                        by_resource()
                    } else if grant_allows {
                        Decision::Allowed(Basis::Grant)
                    } else {
                        let own_direct = own && matches!(naming, Some(Named::Role));
                        implicit(match naming {
                            None if grant == Granted::No => Kind::Resource,
                            _ if !identity && !own_direct => Kind::Identity,
                            _ if !boundary => Kind::Boundary,
                            _ => Kind::Session,
                        })
                    };
                    let decision = ask(&case, &caller);
                    let row = format!("{account} {naming:?} {bits:03b} {grant:?}");
                    if expected.is_allowed() || naming.is_some() && grant == Granted::No {
                        assert_eq!(decision, expected, "{row}");
                    }
                    assert_eq!(decision.is_allowed(), expected.is_allowed(), "{row}");
                    seen[usize::from(decision.is_allowed())] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn an_explicit_deny_anywhere_wins() {
    let resource = key_policy(json!("*"));
    let denying = compile(PolicyKind::Key, "Deny", "kms:*", Some(json!("*")));
    let (yes, no) = (allow("yes"), deny("no"));
    let good = Case {
        resource: Some(&resource),
        identity: std::slice::from_ref(&yes),
        boundary: Some(&yes),
        session: Some(std::slice::from_ref(&yes)),
        endpoint: Some(&yes),
        grant: Granted::To(Named::Principal),
        ..Case::default()
    };
    let level: Level = Arc::new([allow("full"), deny("no")]);
    let levels = [level];
    let both = [allow("first"), deny("no")];
    let cases = [
        (
            Kind::Identity,
            Case {
                identity: &both,
                ..good
            },
        ),
        (
            Kind::Boundary,
            Case {
                boundary: Some(&no),
                ..good
            },
        ),
        (
            Kind::Session,
            Case {
                session: Some(&both),
                ..good
            },
        ),
        (
            Kind::Endpoint,
            Case {
                endpoint: Some(&no),
                ..good
            },
        ),
        (
            Kind::ServiceControl,
            Case {
                service_control: &levels,
                ..good
            },
        ),
        (
            Kind::ResourceControl,
            Case {
                resource_control: &levels,
                ..good
            },
        ),
    ];
    for caller in [
        user(OURS),
        session(OTHER),
        root(OURS),
        service(),
        federated(OURS),
    ] {
        assert!(ask(&good, &caller).is_allowed());
        for (kind, case) in &cases {
            let expected = Decision::Denied(Denial::Explicit(place(*kind, Some("no"))));
            assert_eq!(ask(case, &caller), expected);
        }
        let case = Case {
            resource: Some(&denying),
            ..good
        };
        let expected = Decision::Denied(Denial::Explicit(place(Kind::Resource, None)));
        assert_eq!(ask(&case, &caller), expected);
    }
}

#[test]
fn every_level_and_the_endpoint_must_allow() {
    let resource = key_policy(json!("*"));
    let yes = [allow("yes")];
    let quiet = silent("quiet");
    let full: Level = Arc::new([silent("quiet"), allow("full")]);
    let none: Level = Arc::new([silent("quiet")]);
    let empty: Level = Arc::new([]);
    let good = Case {
        resource: Some(&resource),
        identity: &yes,
        grant: Granted::To(Named::Principal),
        ..Case::default()
    };
    for caller in [user(OURS), root(OURS), service(), session(OTHER)] {
        for (levels, expected) in [
            (vec![], true),
            (vec![full.clone(), full.clone()], true),
            (vec![full.clone(), none.clone()], false),
            (vec![none.clone(), full.clone()], false),
            (vec![empty.clone()], false),
        ] {
            let scp = ask(
                &Case {
                    service_control: &levels,
                    ..good
                },
                &caller,
            );
            let rcp = ask(
                &Case {
                    resource_control: &levels,
                    ..good
                },
                &caller,
            );
            if expected {
                assert!(scp.is_allowed() && rcp.is_allowed());
            } else {
                assert_eq!(scp, implicit(Kind::ServiceControl));
                assert_eq!(rcp, implicit(Kind::ResourceControl));
            }
        }
        let case = Case {
            endpoint: Some(&quiet),
            ..good
        };
        assert_eq!(ask(&case, &caller), implicit(Kind::Endpoint));
    }
}

#[test]
fn the_root_user_needs_no_identity_policy_but_the_key_policy() {
    let ours = key_policy(json!({ "AWS": OURS }));
    let other = key_policy(json!({ "AWS": OTHER }));
    let with = |policy| Case {
        resource: Some(policy),
        ..Case::default()
    };
    assert_eq!(ask(&with(&ours), &root(OURS)), by_resource());
    assert_eq!(ask(&with(&other), &root(OTHER)), by_resource());
    assert_eq!(ask(&with(&other), &root(OURS)), implicit(Kind::Resource));
    let quiet = silent("quiet");
    let bounded = Case {
        session: Some(std::slice::from_ref(&quiet)),
        ..with(&other)
    };
    assert_eq!(ask(&bounded, &root(OTHER)), implicit(Kind::Session));
}

#[test]
fn users_and_federated_users_named_themselves_or_as_everyone_pass_boundary_and_session() {
    let quiet = silent("quiet");
    for (caller, arn) in [
        (user(OURS), "arn:aws:iam::111122223333:user/alice"),
        (
            federated(OURS),
            "arn:aws:sts::111122223333:federated-user/alice",
        ),
    ] {
        let policy = key_policy(json!({ "AWS": arn }));
        let case = Case {
            resource: Some(&policy),
            boundary: Some(&quiet),
            session: Some(&[]),
            ..Case::default()
        };
        assert_eq!(ask(&case, &caller), by_resource(), "{arn}");
        let everyone = key_policy(json!("*"));
        let case = Case {
            resource: Some(&everyone),
            ..case
        };
        assert_eq!(ask(&case, &caller), by_resource(), "{arn}");
    }
}

#[test]
fn services_go_by_the_resource_alone() {
    let policy = key_policy(json!({"Service": "s3.amazonaws.com"}));
    let case = |resource: Option<&'static Policy>| Case {
        resource,
        ..Case::default()
    };
    let policy: &'static Policy = Box::leak(Box::new((*policy).clone()));
    assert_eq!(ask(&case(Some(policy)), &service()), by_resource());
    let other = Principal::Service {
        name: "sqs.amazonaws.com".into(),
    };
    assert_eq!(ask(&case(Some(policy)), &other), implicit(Kind::Resource));
    assert_eq!(ask(&case(None), &service()), implicit(Kind::Identity));
    let yes = [allow("yes")];
    let wrong = Case {
        identity: &yes,
        ..case(None)
    };
    assert_eq!(ask(&wrong, &service()), implicit(Kind::Resource));
}

#[test]
fn a_resource_without_policy_belongs_to_its_account() {
    let (yes, quiet) = ([allow("yes")], silent("quiet"));
    let allowed = Case {
        identity: &yes,
        ..Case::default()
    };
    let by_identity = Decision::Allowed(Basis::Statement(place(Kind::Identity, Some("yes"))));
    assert_eq!(ask(&allowed, &user(OURS)), by_identity);
    assert_eq!(ask(&allowed, &user(OTHER)), implicit(Kind::Resource));
    let nothing = Case::default();
    assert_eq!(ask(&nothing, &user(OURS)), implicit(Kind::Identity));
    assert_eq!(ask(&nothing, &root(OURS)), Decision::Allowed(Basis::Root));
    assert_eq!(ask(&nothing, &root(OTHER)), implicit(Kind::Resource));
    // There is no grant where there is no key.
    for caller in [user(OURS), user(OTHER)] {
        let case = Case {
            grant: Granted::To(Named::Principal),
            ..nothing
        };
        assert_eq!(ask(&case, &caller), implicit(Kind::Identity));
    }
    let bounded = Case {
        boundary: Some(&quiet),
        ..allowed
    };
    assert_eq!(ask(&bounded, &user(OURS)), implicit(Kind::Boundary));
    let limited = Case {
        session: Some(&[]),
        ..allowed
    };
    assert_eq!(ask(&limited, &user(OURS)), implicit(Kind::Session));
}

#[test]
fn lists_allow_when_one_of_them_does_and_the_first_is_told() {
    let policies = [silent("quiet"), allow("second"), allow("third")];
    let case = Case {
        identity: &policies,
        session: Some(&policies),
        ..Case::default()
    };
    let expected = Decision::Allowed(Basis::Statement(place(Kind::Identity, Some("second"))));
    assert_eq!(ask(&case, &user(OURS)), expected);
}

#[test]
fn allow_all_allows_all() {
    let all = NamedPolicy {
        name: "FullAWSAccess".into(),
        policy: Arc::new(Policy::allow_all()),
    };
    let level: Level = Arc::new([all.clone()]);
    let levels = [level];
    let everyone = Policy::allow_all();
    let case = Case {
        resource: Some(&everyone),
        identity: std::slice::from_ref(&all),
        endpoint: Some(&all),
        service_control: &levels,
        resource_control: &levels,
        ..Case::default()
    };
    for caller in [user(OURS), user(OTHER), service(), root(OURS)] {
        assert!(ask(&case, &caller).is_allowed());
    }
}

#[test]
fn an_explanation_names_every_policy_and_fits_its_bound() {
    let principal = user(OURS);
    let resource = key_policy(json!({ "AWS": OURS }));
    let level: Level = Arc::new([allow("full")]);
    let levels = [level];
    let (quiet, yes) = (silent("quiet"), [allow("yes")]);
    let case = Case {
        resource: Some(&resource),
        identity: &yes,
        boundary: Some(&quiet),
        session: Some(&yes),
        service_control: &levels,
        resource_control: &levels,
        endpoint: Some(&yes[0]),
        grant: Granted::No,
    };
    let request = Request {
        principal: &principal,
        partition: "aws",
        action: "kms:Encrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
        resource_account: id(OURS),
        unique_id: None,
        context: &NoContext,
    };
    let told = explain(&case, &request);
    let kinds: Vec<Kind> = told.participants.iter().map(|one| one.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::ResourceControl,
            Kind::ServiceControl,
            Kind::Endpoint,
            Kind::Identity,
            Kind::Boundary,
            Kind::Session,
            Kind::Resource,
        ]
    );
    assert_eq!(told.decision, implicit(Kind::Boundary));
    let full = told.to_json(16_384);
    assert_eq!(
        full["decision"],
        json!({"allowed": false, "noAllowIn": "permissions boundary"})
    );
    assert_eq!(
        full["policies"][4],
        json!({"kind": "permissions boundary", "policy": "quiet", "statements": [
            {"statement": 0, "effect": "Allow", "outcome": "other action"}
        ]})
    );
    assert_eq!(full["policies"][6]["statements"][0]["names"], "account");
    assert_eq!(full["policies"].as_array().unwrap().len(), 7);
    let short = told.to_json(100);
    assert_eq!(short["policies"].as_array().unwrap().len(), 2);
    assert_eq!(short["policies"][1]["more"], 1);
    assert_eq!(short["morePolicies"], 5);
}

#[test]
fn explanations_of_other_decisions_name_what_decided() {
    let principal = user(OURS);
    let json_of = |case: &Case<'_>| {
        let request = Request {
            principal: &principal,
            partition: "aws",
            action: "kms:Encrypt",
            resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
            resource_account: id(OURS),
            unique_id: None,
            context: &NoContext,
        };
        explain(case, &request).to_json(16_384)
    };
    let (yes, no) = ([allow("yes")], [deny("no")]);
    let with = |identity| Case {
        identity,
        ..Case::default()
    };
    let statement = json!({"kind": "identity-based policy", "policy": "yes", "statement": 0});
    let allowed = json_of(&with(&yes));
    assert_eq!(
        allowed["decision"],
        json!({"allowed": true, "by": statement})
    );
    assert!(allowed.get("grantFor").is_none());
    let statement = json!({"kind": "identity-based policy", "policy": "no", "statement": 0});
    let denied = json_of(&with(&no));
    assert_eq!(
        denied["decision"],
        json!({"allowed": false, "explicitDeny": statement})
    );
    let nobody = key_policy(json!({"Service": "s3.amazonaws.com"}));
    let granted = json_of(&Case {
        resource: Some(&nobody),
        grant: Granted::To(Named::Role),
        ..Case::default()
    });
    assert_eq!(granted["decision"], json!({"allowed": true, "by": "grant"}));
    assert_eq!(granted["grantFor"], "role");
}

/// What a key policy says of a user reaches the sessions that the user makes for others, within
/// their limits.
#[test]
fn federated_users_stand_behind_their_user() {
    let alice = "arn:aws:iam::111122223333:user/alice";
    let written = |effect: &str| {
        let statement =
            json!({"Effect": effect, "Action": "*", "Resource": "*", "Principal": {"AWS": alice}});
        let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        Policy::compile_bound(PolicyKind::Key, &document, &[(alice, "AIDAALICE0000000")]).unwrap()
    };
    let asked = |policy: &Policy, session: Option<&[NamedPolicy]>, unique_id| {
        let principal = federated(OURS);
        let request = Request {
            principal: &principal,
            partition: "aws",
            action: "kms:Encrypt",
            resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
            resource_account: id(OURS),
            unique_id,
            context: &NoContext,
        };
        let case = Case {
            resource: Some(policy),
            session,
            ..Case::default()
        };
        decide(&case, &request)
    };
    let (own, other) = (Some("AIDAALICE0000000"), Some("AIDABOB000000000"));
    let wide = [allow("wide")];
    let denied = asked(&written("Deny"), Some(&wide), own);
    assert!(matches!(denied, Decision::Denied(Denial::Explicit(_))));
    assert_eq!(asked(&written("Allow"), Some(&wide), own), by_resource());
    assert_eq!(
        asked(&written("Allow"), Some(&[]), own),
        implicit(Kind::Session)
    );
    for stranger in [other, None] {
        let answer = asked(&written("Allow"), Some(&wide), stranger);
        assert_eq!(answer, implicit(Kind::Resource));
    }
}
