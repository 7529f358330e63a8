//! Every condition key, once as a request has it and once otherwise: an identity policy allows
//! everything under that condition, and the request is refused exactly when it does not hold.
//! Whether the request would have succeeded besides plays no part.

use std::collections::BTreeSet;
use std::sync::Arc;

use keystead_engine::Peer;
use keystead_identity::{Endpoint, Membership, Origin, ServiceSource, Standing};
use keystead_policy::{ConditionKey, KnownKey};
use keystead_types::{Caller, FaultKind, Principal, SessionContext, Timestamp};
use serde_json::{Value, json};

use crate::support::identities::identity_policy;
use crate::support::{OTHER, OWN, START, World, account, base64, policy, user};

/// Who asks, and from where.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// alice, with her own key.
    Alice,
    /// alice, through s3.
    ThroughS3,
    /// A session of the role worker that a web identity began.
    Worker,
    /// alice, through a private endpoint, over TLS.
    Inside,
}

/// Operator, key, a value that fits, one that does not, who, operation, its parameters.
type Row = (
    &'static str,
    &'static str,
    Value,
    Value,
    Who,
    &'static str,
    Value,
);

const ALIAS: &str = "alias/one";

fn session(via: &[&str]) -> SessionContext {
    SessionContext {
        mfa_at: Some(Timestamp::from_millis(START.as_millis() - 60_000)),
        source_identity: Some("carol".into()),
        federated_provider: Some("accounts.example.com".into()),
        tags: vec![("Project".into(), "blue".into())],
        via: via.iter().map(|name| (*name).into()).collect(),
        ..SessionContext::plain(START, Timestamp::from_millis(START.as_millis() + 3_600_000))
    }
}

fn caller(who: Who) -> Caller {
    let alice = Caller {
        unique_id: Some("AIDAALICE".into()),
        ..user(OWN, "alice")
    };
    match who {
        Who::Alice | Who::Inside => alice,
        Who::ThroughS3 => Caller {
            session: Some(Arc::new(session(&[
                "athena.amazonaws.com",
                "s3.amazonaws.com",
            ]))),
            ..alice
        },
        Who::Worker => {
            let principal = Principal::RoleSession {
                account: account(OWN),
                role: "team/worker".into(),
                session: "one".into(),
            };
            Caller {
                unique_id: Some("AROAWORKER".into()),
                session: Some(Arc::new(session(&[]))),
                ..Caller::plain(principal, account(OWN), "ASIAIOSFODNN7EXAMPLE".into())
            }
        }
    }
}

fn peer(who: Who, usual: Peer) -> Peer {
    let inside = Origin {
        secure_transport: true,
        referer: Some("https://console.example".to_owned()),
        endpoint: Some(Arc::new(Endpoint {
            id: "vpce-1".into(),
            vpc: "vpc-1".into(),
            policy: None,
        })),
        ..usual.origin.clone()
    };
    match who {
        Who::Inside => Peer {
            origin: inside,
            ..usual
        },
        _ => usual,
    }
}

fn grant(extra: &Value) -> Value {
    let mut body = json!({"Operations": ["Encrypt", "Decrypt"],
        "GranteePrincipal": format!("arn:aws:iam::{OTHER}:user/bob")});
    merge(&mut body, extra);
    body
}

fn service_grant() -> Value {
    let source = "arn:aws:s3:eu-west-1:111122223333:bucket/b";
    json!({"Operations": ["Encrypt"], "GranteeServicePrincipal": "s3.amazonaws.com",
        "RetiringServicePrincipal": "ec2.eu-west-1.amazonaws.com", "Constraints": {"SourceArn": source}})
}

fn merge(body: &mut Value, extra: &Value) {
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
}

/// The keys of KMS.
fn kms_rows() -> Vec<Row> {
    use Who::{Alice, ThroughS3};
    let text = base64(b"x");
    let encrypt = json!({"Plaintext": text, "EncryptionContext": {"Team": "red"}});
    let sign = json!({"Message": text, "SigningAlgorithm": "ECDSA_SHA_256"});
    let import = json!({"ImportToken": text, "EncryptedKeyMaterial": text, "ValidTo": 1_767_229_200,
        "ExpirationModel": "KEY_MATERIAL_EXPIRES"});
    let wrapping =
        json!({"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
    let constrained = grant(
        &json!({"Constraints": {"EncryptionContextSubset": {"Team": "red"}},
        "RetiringPrincipal": format!("arn:aws:iam::{OTHER}:user/carol")}),
    );
    let arn = |name: &str| json!(format!("arn:aws:iam::{OTHER}:user/{name}"));
    let put = json!({"Policy": policy(&[]).to_string(), "BypassPolicyLockoutSafetyCheck": true});
    let equals = "StringEquals";
    let any = "ForAnyValue:StringEquals";
    vec![
        (
            "Bool",
            "kms:BypassPolicyLockoutSafetyCheck",
            json!("true"),
            json!("false"),
            Alice,
            "PutKeyPolicy",
            put,
        ),
        (
            equals,
            "kms:CallerAccount",
            json!(OWN),
            json!(OTHER),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            equals,
            "kms:CustomerMasterKeySpec",
            json!("SYMMETRIC_DEFAULT"),
            json!("RSA_2048"),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            equals,
            "kms:CustomerMasterKeyUsage",
            json!("ENCRYPT_DECRYPT"),
            json!("SIGN_VERIFY"),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            equals,
            "kms:KeySpec",
            json!("HMAC_256"),
            json!("SYMMETRIC_DEFAULT"),
            Alice,
            "CreateKey",
            json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}),
        ),
        (
            equals,
            "kms:KeyUsage",
            json!("ENCRYPT_DECRYPT"),
            json!("SIGN_VERIFY"),
            Alice,
            "CreateKey",
            json!({}),
        ),
        (
            equals,
            "kms:KeyOrigin",
            json!("AWS_KMS"),
            json!("EXTERNAL"),
            Alice,
            "DescribeKey",
            json!({}),
        ),
        (
            equals,
            "kms:DataKeyPairSpec",
            json!("ECC_NIST_P256"),
            json!("RSA_2048"),
            Alice,
            "GenerateDataKeyPair",
            json!({"KeyPairSpec": "ECC_NIST_P256"}),
        ),
        (
            equals,
            "kms:EncryptionAlgorithm",
            json!("SYMMETRIC_DEFAULT"),
            json!("RSAES_OAEP_SHA_1"),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            equals,
            "kms:EncryptionContext:team",
            json!("red"),
            json!("blue"),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            any,
            "kms:EncryptionContextKeys",
            json!("Team"),
            json!("team"),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            equals,
            "kms:ExpirationModel",
            json!("KEY_MATERIAL_EXPIRES"),
            json!("KEY_MATERIAL_DOES_NOT_EXPIRE"),
            Alice,
            "ImportKeyMaterial",
            import.clone(),
        ),
        (
            "DateLessThan",
            "kms:ValidTo",
            json!("2026-01-01T02:00:00Z"),
            json!("2026-01-01T00:30:00Z"),
            Alice,
            "ImportKeyMaterial",
            import,
        ),
        (
            equals,
            "kms:GrantConstraintType",
            json!("EncryptionContextSubset"),
            json!("EncryptionContextEquals"),
            Alice,
            "CreateGrant",
            constrained.clone(),
        ),
        (
            "ArnLike",
            "kms:GrantConstraintSourceArn",
            json!("arn:aws:s3:*:111122223333:bucket/*"),
            json!("arn:aws:s3:*:444455556666:bucket/*"),
            Alice,
            "CreateGrant",
            service_grant(),
        ),
        (
            "Bool",
            "kms:GrantIsForAWSResource",
            json!("false"),
            json!("true"),
            Alice,
            "CreateGrant",
            constrained.clone(),
        ),
        (
            "Bool",
            "kms:GrantIsForAWSResource",
            json!("true"),
            json!("false"),
            ThroughS3,
            "ListGrants",
            json!({}),
        ),
        (
            "ForAllValues:StringEquals",
            "kms:GrantOperations",
            json!(["Encrypt", "Decrypt", "Sign"]),
            json!(["Encrypt"]),
            Alice,
            "CreateGrant",
            constrained.clone(),
        ),
        (
            equals,
            "kms:GranteePrincipal",
            arn("bob"),
            arn("eve"),
            Alice,
            "CreateGrant",
            constrained.clone(),
        ),
        (
            equals,
            "kms:RetiringPrincipal",
            arn("carol"),
            arn("eve"),
            Alice,
            "CreateGrant",
            constrained.clone(),
        ),
        (
            equals,
            "kms:EncryptionContext:Team",
            json!("red"),
            json!("blue"),
            Alice,
            "CreateGrant",
            constrained,
        ),
        (
            equals,
            "kms:GranteeServicePrincipal",
            json!("s3.amazonaws.com"),
            json!("ec2.amazonaws.com"),
            Alice,
            "CreateGrant",
            service_grant(),
        ),
        (
            equals,
            "kms:RetiringServicePrincipal",
            json!("ec2.eu-west-1.amazonaws.com"),
            json!("s3.amazonaws.com"),
            Alice,
            "CreateGrant",
            service_grant(),
        ),
        (
            equals,
            "kms:KeyAgreementAlgorithm",
            json!("ECDH"),
            json!("X"),
            Alice,
            "DeriveSharedSecret",
            json!({"KeyAgreementAlgorithm": "ECDH", "PublicKey": text}),
        ),
        (
            equals,
            "kms:MacAlgorithm",
            json!("HMAC_SHA_256"),
            json!("HMAC_SHA_512"),
            Alice,
            "GenerateMac",
            json!({"Message": text, "MacAlgorithm": "HMAC_SHA_256"}),
        ),
        (
            equals,
            "kms:MessageType",
            json!("RAW"),
            json!("DIGEST"),
            Alice,
            "Sign",
            sign.clone(),
        ),
        (
            equals,
            "kms:SigningAlgorithm",
            json!("ECDSA_SHA_256"),
            json!("ECDSA_SHA_512"),
            Alice,
            "Sign",
            sign,
        ),
        (
            "Bool",
            "kms:MultiRegion",
            json!("false"),
            json!("true"),
            Alice,
            "DescribeKey",
            json!({}),
        ),
        (
            equals,
            "kms:MultiRegionKeyType",
            json!("PRIMARY"),
            json!("REPLICA"),
            Alice,
            "CreateKey",
            json!({"MultiRegion": true}),
        ),
        (
            equals,
            "kms:PolicyName",
            json!("default"),
            json!("other"),
            Alice,
            "GetKeyPolicy",
            json!({}),
        ),
        (
            equals,
            "kms:PrimaryRegion",
            json!("us-east-1"),
            json!("us-west-2"),
            Alice,
            "UpdatePrimaryRegion",
            json!({"PrimaryRegion": "us-east-1"}),
        ),
        (
            equals,
            "kms:ReplicaRegion",
            json!("us-east-1"),
            json!("us-west-2"),
            Alice,
            "ReplicateKey",
            json!({"ReplicaRegion": "us-east-1"}),
        ),
        (
            "Bool",
            "kms:ReEncryptOnSameKey",
            json!("true"),
            json!("false"),
            Alice,
            "ReEncrypt",
            json!({}),
        ),
        (
            equals,
            "kms:RequestAlias",
            json!(ALIAS),
            json!("alias/two"),
            Alice,
            "DescribeKey",
            json!({"KeyId": ALIAS}),
        ),
        (
            any,
            "kms:ResourceAliases",
            json!([ALIAS]),
            json!(["alias/two"]),
            Alice,
            "Encrypt",
            encrypt.clone(),
        ),
        (
            "NumericEquals",
            "kms:RotationPeriodInDays",
            json!("100"),
            json!("200"),
            Alice,
            "EnableKeyRotation",
            json!({"RotationPeriodInDays": 100}),
        ),
        (
            "NumericLessThanEquals",
            "kms:ScheduleKeyDeletionPendingWindowInDays",
            json!("7"),
            json!("6"),
            Alice,
            "ScheduleKeyDeletion",
            json!({"PendingWindowInDays": 7}),
        ),
        (
            "NumericGreaterThanEquals",
            "kms:TrailingDaysWithoutKeyUsage",
            json!("0"),
            json!("1"),
            Alice,
            "DisableKey",
            json!({}),
        ),
        (
            equals,
            "kms:ViaService",
            json!("s3.eu-west-1.amazonaws.com"),
            json!("athena.eu-west-1.amazonaws.com"),
            ThroughS3,
            "Encrypt",
            encrypt,
        ),
        (
            equals,
            "kms:WrappingAlgorithm",
            json!("RSAES_OAEP_SHA_256"),
            json!("RSAES_OAEP_SHA_1"),
            Alice,
            "GetParametersForImport",
            wrapping.clone(),
        ),
        (
            equals,
            "kms:WrappingKeySpec",
            json!("RSA_2048"),
            json!("RSA_4096"),
            Alice,
            "GetParametersForImport",
            wrapping,
        ),
    ]
}

/// The global keys.
fn global_rows() -> Vec<Row> {
    use Who::{Alice, Inside, ThroughS3, Worker};
    let (equals, any) = ("StringEquals", "ForAnyValue:StringEquals");
    let none = || json!({});
    let tagged = || json!({"Tags": [{"TagKey": "Cost", "TagValue": "7"}]});
    let describe = "DescribeKey";
    vec![
        (
            any,
            "aws:CalledVia",
            json!("athena.amazonaws.com"),
            json!("ec2.amazonaws.com"),
            ThroughS3,
            describe,
            none(),
        ),
        (
            equals,
            "aws:CalledViaFirst",
            json!("athena.amazonaws.com"),
            json!("s3.amazonaws.com"),
            ThroughS3,
            describe,
            none(),
        ),
        (
            equals,
            "aws:CalledViaLast",
            json!("s3.amazonaws.com"),
            json!("athena.amazonaws.com"),
            ThroughS3,
            describe,
            none(),
        ),
        (
            "Bool",
            "aws:ViaAWSService",
            json!("true"),
            json!("false"),
            ThroughS3,
            describe,
            none(),
        ),
        (
            "DateLessThan",
            "aws:CurrentTime",
            json!("2026-06-01T00:00:00Z"),
            json!("2025-06-01T00:00:00Z"),
            Alice,
            describe,
            none(),
        ),
        (
            "NumericGreaterThan",
            "aws:EpochTime",
            json!("1767225599"),
            json!("1767225600"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:FederatedProvider",
            json!("accounts.example.com"),
            json!("other.example.com"),
            Worker,
            describe,
            none(),
        ),
        (
            "NumericLessThan",
            "aws:MultiFactorAuthAge",
            json!("61"),
            json!("60"),
            Worker,
            describe,
            none(),
        ),
        (
            "Bool",
            "aws:MultiFactorAuthPresent",
            json!("true"),
            json!("false"),
            Worker,
            describe,
            none(),
        ),
        (
            equals,
            "aws:PrincipalAccount",
            json!(OWN),
            json!(OTHER),
            Alice,
            describe,
            none(),
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:role/team/*"),
            json!("arn:aws:iam::*:role/other/*"),
            Worker,
            describe,
            none(),
        ),
        (
            "Bool",
            "aws:PrincipalIsAWSService",
            json!("false"),
            json!("true"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:PrincipalOrgID",
            json!("o-1"),
            json!("o-2"),
            Alice,
            describe,
            none(),
        ),
        (
            "ForAnyValue:StringLike",
            "aws:PrincipalOrgPaths",
            json!("o-1/r-1/*"),
            json!("o-1/r-2/*"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:PrincipalType",
            json!("AssumedRole"),
            json!("User"),
            Worker,
            describe,
            none(),
        ),
        (
            equals,
            "aws:PrincipalTag/project",
            json!("blue"),
            json!("red"),
            Worker,
            describe,
            none(),
        ),
        (
            "StringLike",
            "aws:Referer",
            json!("https://console.*"),
            json!("http://*"),
            Inside,
            describe,
            none(),
        ),
        (
            equals,
            "aws:RequestedRegion",
            json!("eu-west-1"),
            json!("us-east-1"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:ResourceAccount",
            json!(OWN),
            json!(OTHER),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:ResourceOrgID",
            json!("o-1"),
            json!("o-2"),
            Alice,
            describe,
            none(),
        ),
        (
            "ForAnyValue:StringLike",
            "aws:ResourceOrgPaths",
            json!("o-1/r-1/*"),
            json!("o-1/r-2/*"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:ResourceTag/Team",
            json!("a"),
            json!("b"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:RequestTag/Cost",
            json!("7"),
            json!("8"),
            Alice,
            "TagResource",
            tagged(),
        ),
        (
            any,
            "aws:TagKeys",
            json!("Cost"),
            json!("Team"),
            Alice,
            "TagResource",
            tagged(),
        ),
        (
            any,
            "aws:TagKeys",
            json!("Cost"),
            json!("Team"),
            Alice,
            "UntagResource",
            json!({"TagKeys": ["Cost"]}),
        ),
        (
            "Bool",
            "aws:SecureTransport",
            json!("true"),
            json!("false"),
            Inside,
            describe,
            none(),
        ),
        (
            equals,
            "aws:SourceIdentity",
            json!("carol"),
            json!("dave"),
            Worker,
            describe,
            none(),
        ),
        (
            "IpAddress",
            "aws:SourceIp",
            json!("192.0.2.0/24"),
            json!("198.51.100.0/24"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:SourceVpc",
            json!("vpc-1"),
            json!("vpc-2"),
            Inside,
            describe,
            none(),
        ),
        (
            equals,
            "aws:SourceVpce",
            json!("vpce-1"),
            json!("vpce-2"),
            Inside,
            describe,
            none(),
        ),
        (
            "IpAddress",
            "aws:VpcSourceIp",
            json!("192.0.2.1/32"),
            json!("192.0.2.2/32"),
            Inside,
            describe,
            none(),
        ),
        (
            "DateGreaterThanEquals",
            "aws:TokenIssueTime",
            json!("2026-01-01T00:00:00Z"),
            json!("2026-01-01T00:00:01Z"),
            Worker,
            describe,
            none(),
        ),
        (
            "StringLike",
            "aws:UserAgent",
            json!("wal?"),
            json!("other"),
            Alice,
            describe,
            none(),
        ),
        (
            equals,
            "aws:userid",
            json!("AROAWORKER:one"),
            json!("AROAWORKER:two"),
            Worker,
            describe,
            none(),
        ),
        (
            equals,
            "aws:username",
            json!("alice"),
            json!("bob"),
            Alice,
            describe,
            none(),
        ),
    ]
}

/// What only a service that calls for itself has.
const OF_SERVICES: [(&str, &str, &str, &str); 7] = [
    (
        "ArnLike",
        "aws:SourceArn",
        "arn:aws:s3:::bucket",
        "arn:aws:s3:::other",
    ),
    ("StringEquals", "aws:SourceAccount", OWN, OTHER),
    ("StringEquals", "aws:SourceOrgID", "o-1", "o-2"),
    (
        "ForAnyValue:StringLike",
        "aws:SourceOrgPaths",
        "o-1/r-1/*",
        "o-1/r-2/*",
    ),
    (
        "StringEquals",
        "aws:PrincipalServiceName",
        "s3.amazonaws.com",
        "sqs.amazonaws.com",
    ),
    (
        "ForAnyValue:StringEquals",
        "aws:PrincipalServiceNamesList",
        "s3.amazonaws.com",
        "sqs.amazonaws.com",
    ),
    ("Bool", "aws:PrincipalIsAWSService", "true", "false"),
];

fn organized(world: &World) {
    let membership = Membership {
        organization: Some("o-1".into()),
        path: Some("o-1/r-1/ou-1/".into()),
        ..Membership::default()
    };
    world.people.join(account(OWN), membership);
}

fn under(operator: &str, key: &str, value: &Value) -> Value {
    json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {operator: {key: value}}})
}

async fn is_refused(world: &World, row: &Row, value: &Value, with_it: &Value) -> bool {
    let (operator, key, _, _, who, operation, body) = row;
    let caller = caller(*who);
    let own = identity_policy("arn:aws:iam::1:user/x#own", &[under(operator, key, value)]);
    let standing = Standing {
        policies: vec![own].into(),
        ..Standing::default()
    };
    world.people.set(&caller.principal, standing);
    let mut sent = with_it.clone();
    merge(&mut sent, body);
    let sent = serde_json::to_vec(&sent).unwrap();
    let mut request = world.request(caller, &sent);
    request.peer = peer(*who, request.peer);
    let answer = world.send(operation, request).await;
    match &answer.outcome {
        Err((FaultKind::AccessDenied, _)) => true,
        Err((FaultKind::Validation | FaultKind::Serialization, _))
            if !["CreateGrant", "ImportKeyMaterial"].contains(operation) =>
        {
            panic!("{operation} {key}: {}", answer.text())
        }
        _ => false,
    }
}

#[tokio::test]
async fn every_condition_key_counts() {
    let world = World::new();
    organized(&world);
    for row in kms_rows().into_iter().chain(global_rows()) {
        let tags = json!([{"TagKey": "Team", "TagValue": "a"}]);
        let key = world.key_with(json!({"Tags": tags})).await;
        let moved = json!({"AliasName": ALIAS, "TargetKeyId": key});
        let made = world.call("CreateAlias", moved.clone()).await;
        if made.outcome.is_err() {
            world.call("UpdateAlias", moved).await.ok();
        }
        let (operator, name, good, bad, _, operation, _) = &row;
        let with_it = match *operation {
            "ReEncrypt" => {
                json!({"DestinationKeyId": key, "CiphertextBlob": world.encrypt(&key, "x").await})
            }
            "CreateKey" => json!({}),
            _ => json!({"KeyId": key}),
        };
        assert!(
            is_refused(&world, &row, bad, &with_it).await,
            "{operator} {name} {bad} allows {operation}"
        );
        assert!(
            !is_refused(&world, &row, good, &with_it).await,
            "{operator} {name} {good} refuses {operation}"
        );
    }
}

#[tokio::test]
async fn condition_keys_of_services_count() {
    let world = World::new();
    organized(&world);
    let name = "s3.amazonaws.com";
    for (operator, condition, good, bad) in OF_SERVICES {
        for (value, works) in [(good, true), (bad, false)] {
            let statement = json!({"Effect": "Allow", "Principal": {"Service": name},
                "Action": "kms:*", "Resource": "*", "Condition": {operator: {condition: value}}});
            let key = world.key_under(policy(&[statement])).await;
            let sent = json!({"KeyId": key}).to_string();
            let principal = Principal::Service { name: name.into() };
            let service = Caller::plain(principal, account(OWN), "service".into());
            let mut request = world.request(service, sent.as_bytes());
            request.peer.origin.source = Some(ServiceSource {
                arn: Some("arn:aws:s3:::bucket".into()),
                account: Some(account(OWN)),
            });
            let answer = world.send("DescribeKey", request).await;
            let text = answer.text();
            assert_eq!(answer.outcome.is_ok(), works, "{condition} {value}: {text}");
        }
    }
}

/// `conformance/uncovered-conditions.txt` may only shrink.
#[test]
fn what_has_no_test_is_listed() {
    let known = |name: &str| ConditionKey::parse(name).unwrap().known().unwrap();
    let rows = kms_rows().into_iter().chain(global_rows());
    let tested = rows.map(|row| known(row.1));
    let of_services = OF_SERVICES.iter().map(|row| known(row.1));
    let elsewhere = crate::attested::TESTED.iter().map(|name| known(name));
    let tested: Vec<KnownKey> = tested.chain(of_services).chain(elsewhere).collect();
    let uncovered = KnownKey::ALL.iter().filter(|key| !tested.contains(key));
    let uncovered: BTreeSet<_> = uncovered.map(|key| key.name().to_owned()).collect();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../conformance/uncovered-conditions.txt"
    );
    let listed = std::fs::read_to_string(path).unwrap();
    let lines = listed.lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeSet<_> = lines
        .map(|line| {
            line.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(uncovered, listed);
}
