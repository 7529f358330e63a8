//! Every key `aws:…`, for every kind of caller.

use std::sync::Arc;

use keystead_policy::{ConditionKey, Context, KnownKey, Presence, Value};
use keystead_types::{AccountId, Caller, Principal, SessionContext, Timestamp};

use super::{GlobalContext, Pairs};
use crate::{Bearer, Endpoint, Membership, Origin, ServiceSource, Standing};

const NOW: Timestamp = Timestamp::from_millis(1_795_305_600_500);
const ISSUED: Timestamp = Timestamp::from_millis(1_795_305_000_000);

fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

fn other_account() -> AccountId {
    AccountId::parse("444455556666").unwrap()
}

/// What a test changes.
struct Scene {
    bearer: Bearer,
    standing: Standing,
    membership: Membership,
    origin: Origin,
    resource: Option<(AccountId, Membership)>,
    source_membership: Option<Membership>,
    resource_tags: Option<Vec<(String, String)>>,
    request_tags: Option<Vec<(String, String)>>,
    tag_keys: Option<Vec<String>>,
}

fn membership(id: &str) -> Membership {
    Membership {
        organization: Some(id.into()),
        path: Some(format!("{id}/r-ab12/").into()),
        ..Membership::default()
    }
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn scene(principal: Principal, unique_id: Option<&str>, session: Option<SessionContext>) -> Scene {
    let caller = Caller {
        principal,
        account: account(),
        access_key_id: "AKIAEXAMPLE".into(),
        unique_id: unique_id.map(Into::into),
        session: session.map(Arc::new),
    };
    Scene {
        bearer: Bearer::plain(caller),
        standing: Standing::default(),
        membership: Membership::default(),
        origin: Origin {
            source_ip: Some("192.0.2.7".parse().unwrap()),
            secure_transport: true,
            user_agent: "aws-cli/2".to_owned(),
            ..Origin::default()
        },
        resource: None,
        source_membership: None,
        resource_tags: None,
        request_tags: None,
        tag_keys: None,
    }
}

fn user() -> Scene {
    let name = "team/alice".into();
    scene(
        Principal::User {
            account: account(),
            name,
        },
        Some("AIDAALICE"),
        None,
    )
}

fn role(session: SessionContext) -> Scene {
    let principal = Principal::RoleSession {
        account: account(),
        role: "service/worker".into(),
        session: "pod-1".into(),
    };
    scene(principal, Some("AROAWORKER"), Some(session))
}

fn service() -> Scene {
    let name = "s3.amazonaws.com".into();
    scene(Principal::Service { name }, None, None)
}

fn plain_session() -> SessionContext {
    SessionContext::plain(ISSUED, ISSUED.plus_millis(3_600_000))
}

impl Scene {
    /// The values of a key as texts, `-` when it is absent, `[a, b]` for sets.
    fn get(&self, name: &str) -> String {
        let context = GlobalContext {
            bearer: &self.bearer,
            standing: &self.standing,
            membership: &self.membership,
            origin: &self.origin,
            partition: "aws",
            region: "eu-central-1",
            now: NOW,
            resource_account: self.resource.as_ref().map(|(account, _)| *account),
            resource_membership: self.resource.as_ref().map(|(_, membership)| membership),
            source_membership: self.source_membership.as_ref(),
            resource_tags: self.resource_tags.as_ref().map(|tags| tags as &dyn Pairs),
            request_tags: self.request_tags.as_ref().map(|tags| tags as &dyn Pairs),
            tag_keys: self.tag_keys.as_ref().map(|keys| keys as &dyn super::Texts),
        };
        let key = ConditionKey::parse(name).unwrap();
        let mut values = Vec::new();
        let presence = context.values(&key, &mut |value| values.push(text(value)));
        match presence {
            Presence::Absent => {
                assert!(values.is_empty(), "{name} is absent and has {values:?}");
                "-".to_owned()
            }
            Presence::Single => {
                assert_eq!(values.len(), 1, "{name}: {values:?}");
                values.remove(0)
            }
            Presence::Multi => format!("[{}]", values.join(", ")),
        }
    }

    fn expect(&self, expected: &[(&str, &str)]) {
        for (name, value) in expected {
            assert_eq!(self.get(name), *value, "{name}");
        }
    }
}

fn text(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Moment(moment) => format!("@{}", moment.as_millis()),
        Value::Address(address) => address.to_string(),
    }
}

/// What a caller without session, organisation and endpoint never has.
const SPECIAL: [&str; 22] = [
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:Referer",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceOrgID",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:VpcSourceIp",
];

#[test]
fn a_user_with_its_own_keys() {
    let alice = user();
    alice.expect(&[
        ("aws:PrincipalAccount", "111122223333"),
        (
            "AWS:principalARN",
            "arn:aws:iam::111122223333:user/team/alice",
        ),
        ("aws:PrincipalType", "User"),
        ("aws:userid", "AIDAALICE"),
        ("aws:username", "alice"),
        ("aws:PrincipalIsAWSService", "false"),
        ("aws:ViaAWSService", "false"),
        ("aws:SourceIp", "192.0.2.7"),
        ("aws:SecureTransport", "true"),
        ("aws:UserAgent", "aws-cli/2"),
        ("aws:RequestedRegion", "eu-central-1"),
        ("aws:CurrentTime", "@1795305600500"),
        ("aws:EpochTime", "1795305600"),
    ]);
    for name in SPECIAL {
        assert_eq!(alice.get(name), "-", "{name}");
    }
    for name in [
        "aws:PrincipalTag/Team",
        "aws:RequestTag/Team",
        "aws:ResourceTag/Team",
    ] {
        assert_eq!(alice.get(name), "-", "{name}");
    }
}

#[test]
fn who_everyone_is() {
    let root = scene(Principal::Root { account: account() }, None, None);
    root.expect(&[
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:root"),
        ("aws:PrincipalType", "Account"),
        ("aws:userid", "111122223333"),
        ("aws:username", "-"),
    ]);
    let worker = role(plain_session());
    worker.expect(&[
        (
            "aws:PrincipalArn",
            "arn:aws:iam::111122223333:role/service/worker",
        ),
        ("aws:PrincipalType", "AssumedRole"),
        ("aws:userid", "AROAWORKER:pod-1"),
        ("aws:username", "-"),
        ("aws:TokenIssueTime", "@1795305000000"),
        ("aws:MultiFactorAuthPresent", "false"),
        ("aws:MultiFactorAuthAge", "-"),
    ]);
    let name = "bob".into();
    let federated = Principal::FederatedUser {
        account: account(),
        name,
    };
    let bob = scene(federated, None, Some(plain_session()));
    bob.expect(&[
        (
            "aws:PrincipalArn",
            "arn:aws:sts::111122223333:federated-user/bob",
        ),
        ("aws:PrincipalType", "FederatedUser"),
        ("aws:userid", "111122223333:bob"),
        ("aws:username", "-"),
    ]);
    // The longest names IAM allows, and longer ones than that, are told whole.
    for length in [575, 2000] {
        let mut long = role(plain_session());
        let role: Arc<str> = "r".repeat(length).into();
        long.bearer.caller.principal = Principal::RoleSession {
            account: account(),
            role: role.clone(),
            session: "s".into(),
        };
        let arn = format!("arn:aws:iam::111122223333:role/{role}");
        long.expect(&[("aws:PrincipalArn", &arn)]);
    }
}

#[test]
fn what_a_session_brings() {
    let boxed = |key: &str, value: &str| (key.into(), value.into());
    let mut session = plain_session();
    session.mfa_at = Some(NOW.plus_millis(-90_000));
    session.source_identity = Some("alice".into());
    session.federated_provider = Some("id.example.com".into());
    session.claims = vec![
        boxed("id.example.com:aud", "keystead"),
        boxed("id.example.com:amr", "a"),
        boxed("id.example.com:amr", "b"),
    ];
    session.tags = vec![boxed("team", "red"), boxed("Empty", "")];
    let mut worker = role(session);
    worker.standing.tags = vec![boxed("Team", "blue"), boxed("Cost", "7")].into();
    worker.membership = membership("o-a1b2c3d4e5");
    worker.expect(&[
        ("aws:MultiFactorAuthPresent", "true"),
        ("aws:MultiFactorAuthAge", "90"),
        ("aws:SourceIdentity", "alice"),
        ("aws:FederatedProvider", "id.example.com"),
        ("ID.example.com:AUD", "keystead"),
        ("id.example.com:amr", "[a, b]"),
        ("id.example.com:sub", "-"),
        ("aws:PrincipalTag/TEAM", "red"),
        ("aws:PrincipalTag/cost", "7"),
        ("aws:PrincipalTag/Empty", ""),
        ("aws:PrincipalTag/other", "-"),
        ("aws:PrincipalOrgID", "o-a1b2c3d4e5"),
        ("aws:PrincipalOrgPaths", "[o-a1b2c3d4e5/r-ab12/]"),
    ]);
}

#[test]
fn a_forward_access_session_hides_the_client() {
    let mut session = plain_session();
    session.via = vec!["athena.amazonaws.com".into(), "s3.amazonaws.com".into()];
    let mut worker = role(session);
    worker.origin.referer = Some("here".to_owned());
    worker.origin.endpoint = Some(Arc::new(endpoint()));
    worker.origin.source = Some(ServiceSource {
        arn: Some("arn:aws:s3:::bucket".into()),
        account: Some(account()),
    });
    worker.expect(&[
        ("aws:ViaAWSService", "true"),
        ("aws:CalledVia", "[athena.amazonaws.com, s3.amazonaws.com]"),
        ("aws:CalledViaFirst", "athena.amazonaws.com"),
        ("aws:CalledViaLast", "s3.amazonaws.com"),
        ("aws:UserAgent", "s3.amazonaws.com"),
        ("aws:PrincipalIsAWSService", "false"),
        (
            "aws:PrincipalArn",
            "arn:aws:iam::111122223333:role/service/worker",
        ),
    ]);
    for name in [
        "aws:SourceIp",
        "aws:VpcSourceIp",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:Referer",
        "aws:SourceArn",
        "aws:SourceAccount",
    ] {
        assert_eq!(worker.get(name), "-", "{name}");
    }
}

fn endpoint() -> Endpoint {
    Endpoint {
        id: "vpce-1".into(),
        vpc: "vpc-1".into(),
        policy: None,
    }
}

#[test]
fn an_endpoint_takes_the_place_of_the_public_address() {
    let mut alice = user();
    alice.origin.endpoint = Some(Arc::new(endpoint()));
    alice.origin.referer = Some("here".to_owned());
    alice.expect(&[
        ("aws:SourceIp", "-"),
        ("aws:VpcSourceIp", "192.0.2.7"),
        ("aws:SourceVpce", "vpce-1"),
        ("aws:SourceVpc", "vpc-1"),
        ("aws:Referer", "here"),
    ]);
}

#[test]
fn a_service_says_for_whom_it_asks() {
    let mut s3 = service();
    s3.membership = membership("o-services");
    s3.source_membership = Some(membership("o-source"));
    let none = [
        "aws:SourceArn",
        "aws:SourceAccount",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
    ];
    for name in none {
        assert_eq!(s3.get(name), "-", "{name}");
    }
    s3.origin.source = Some(ServiceSource {
        arn: Some("arn:aws:s3:::bucket".into()),
        account: Some(other_account()),
    });
    s3.expect(&[
        ("aws:PrincipalIsAWSService", "true"),
        ("aws:PrincipalServiceName", "s3.amazonaws.com"),
        ("aws:PrincipalServiceNamesList", "[s3.amazonaws.com]"),
        ("aws:SourceArn", "arn:aws:s3:::bucket"),
        ("aws:SourceAccount", "444455556666"),
        ("aws:SourceOrgID", "o-source"),
        ("aws:SourceOrgPaths", "[o-source/r-ab12/]"),
        ("aws:ViaAWSService", "false"),
    ]);
    for name in [
        "aws:PrincipalArn",
        "aws:PrincipalAccount",
        "aws:PrincipalType",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:userid",
        "aws:username",
        "aws:SourceIp",
    ] {
        assert_eq!(s3.get(name), "-", "{name}");
    }
    // Nobody else's word about its source counts.
    let mut alice = user();
    alice.origin.source = s3.origin.source.clone();
    alice.source_membership = s3.source_membership.clone();
    for name in none {
        assert_eq!(alice.get(name), "-", "{name}");
    }
}

#[test]
fn resources_and_their_tags() {
    let mut alice = user();
    alice.resource = Some((other_account(), membership("o-resource")));
    alice.resource_tags = Some(pairs(&[("Team", "blue")]));
    alice.request_tags = Some(pairs(&[("Cost", "7"), ("team", "red")]));
    alice.expect(&[
        ("aws:ResourceAccount", "444455556666"),
        ("aws:ResourceOrgID", "o-resource"),
        ("aws:ResourceOrgPaths", "[o-resource/r-ab12/]"),
        ("aws:ResourceTag/TEAM", "blue"),
        ("aws:ResourceTag/Cost", "-"),
        ("aws:RequestTag/Team", "red"),
        ("aws:TagKeys", "[Cost, team]"),
    ]);
    alice.request_tags = Some(Vec::new());
    assert_eq!(alice.get("aws:TagKeys"), "[]");
    alice.tag_keys = Some(vec!["Old".to_owned()]);
    assert_eq!(alice.get("aws:TagKeys"), "[Old]");
}

#[test]
fn keys_of_services_and_unknown_ones_are_absent() {
    let worker = role(plain_session());
    for key in KnownKey::ALL {
        let name = key.name();
        if !name.starts_with("aws:") {
            let whole = match name.ends_with([':', '/', 'R']) {
                true => format!("{name}1"),
                false => name.to_owned(),
            };
            assert_eq!(worker.get(&whole), "-", "{whole}");
        }
    }
    for name in ["aws:NoSuchKey", "saml:aud", "ec2:Vpc"] {
        assert_eq!(worker.get(name), "-", "{name}");
    }
}
