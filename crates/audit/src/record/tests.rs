use std::sync::Arc;

use keystead_types::{Caller, FederatingUser, Principal, Region, SessionContext};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixture::{account, key, opening, tls, trail, user};
use crate::{Entry, IAM, Requester, STS, Trail, WebIdentity, WebToken};

/// The bytes of a settled entry's record.
fn bytes<T>(entry: Entry, outcome: Result<T, Fault>) -> Vec<u8> {
    let settled = entry.settle(outcome);
    settled.json().to_vec()
}

fn text<T>(entry: Entry, outcome: Result<T, Fault>) -> String {
    String::from_utf8(bytes(entry, outcome)).unwrap()
}

fn world() -> Trail {
    trail("eu-west-1").0
}

fn identity_of(region: &str, principal: Principal) -> String {
    let (trail, _log) = trail(region);
    let text = text(trail.begin(opening(principal)), Ok(()));
    let start = text.find("\"userIdentity\":").unwrap() + "\"userIdentity\":".len();
    let end = text.find(",\"eventTime\"").unwrap();
    text[start..end].to_owned()
}

#[test]
fn a_successful_call_in_full() {
    let mut opening = opening(user());
    opening.tls = Some(tls());
    let mut entry = world().begin(opening);
    entry.request_parameters(br#"{"keyId":"alias/a","encryptionContext":{"k":"v"}}"#.to_vec());
    entry.resource(key('a'));
    entry.resource(key('b'));
    entry.resource(key('a'));
    entry.response_elements(br#"{"keyId":"x"}"#.to_vec());
    entry.additional("keyMaterialId", "first".to_owned());
    entry.additional("note", "n".to_owned());
    entry.additional_object(
        "recipient",
        vec![
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "\"".to_owned()),
        ],
    );
    entry.additional("keyMaterialId", "abc".to_owned());
    let expected = concat!(
        r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","#,
        r#""arn":"arn:aws:iam::111122223333:user/team/alice","accountId":"111122223333","#,
        r#""accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"alice"},"#,
        r#""eventTime":"2025-05-21T05:42:31Z","eventSource":"kms.amazonaws.com","#,
        r#""eventName":"Encrypt","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.7","#,
        r#""userAgent":"aws-cli/2.27","#,
        r#""requestParameters":{"keyId":"alias/a","encryptionContext":{"k":"v"}},"#,
        r#""responseElements":{"keyId":"x"},"#,
        r#""additionalEventData":{"note":"n","keyMaterialId":"abc","recipient":{"a":"1","b":"\""}},"#,
        r#""requestID":"eeeeeeee-eeee-4eee-aeee-eeeeeeeeeeee","#,
        r#""eventID":"01010101-0101-4101-8101-010101010101","readOnly":true,"#,
        r#""resources":[{"accountId":"444455556666","type":"AWS::KMS::Key","#,
        r#""ARN":"arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890aa"},"#,
        r#"{"accountId":"444455556666","type":"AWS::KMS::Key","#,
        r#""ARN":"arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"}],"#,
        r#""eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","#,
        r#""eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","#,
        r#""cipherSuite":"TLS_AES_128_GCM_SHA256","#,
        r#""clientProvidedHostHeader":"kms.eu-west-1.example.org"}}"#,
    );
    assert_eq!(text(entry, Ok(())), expected);
}

#[test]
fn a_failed_call_in_full() {
    let mut entry = world().begin(opening(user()));
    entry.request_parameters(b"{}".to_vec());
    entry.response_elements(br#"{"keyId":"x"}"#.to_vec());
    let fault = Fault::new(FaultKind::NotFound, "Key 'x' does not exist").because("secret cause");
    let expected = concat!(
        r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","#,
        r#""arn":"arn:aws:iam::111122223333:user/team/alice","accountId":"111122223333","#,
        r#""accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"alice"},"#,
        r#""eventTime":"2025-05-21T05:42:31Z","eventSource":"kms.amazonaws.com","#,
        r#""eventName":"Encrypt","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.7","#,
        r#""userAgent":"aws-cli/2.27","errorCode":"NotFoundException","#,
        r#""errorMessage":"Key 'x' does not exist","requestParameters":null,"#,
        r#""responseElements":null,"requestID":"eeeeeeee-eeee-4eee-aeee-eeeeeeeeeeee","#,
        r#""eventID":"01010101-0101-4101-8101-010101010101","readOnly":true,"#,
        r#""eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","#,
        r#""eventCategory":"Management"}"#,
    );
    assert_eq!(text(entry, Err::<(), _>(fault)), expected);
}

#[test]
fn access_denied_loses_its_exception_and_a_bare_fault_has_no_message() {
    let value = |fault| -> Value {
        let entry = world().begin(opening(user()));
        serde_json::from_slice(&bytes(entry, Err::<(), _>(fault))).unwrap()
    };
    let denied = value(Fault::new(FaultKind::AccessDenied, "no"));
    assert_eq!(denied["errorCode"], "AccessDenied");
    let bare = value(Fault::bare(FaultKind::InvalidCiphertext));
    assert_eq!(bare["errorCode"], "InvalidCiphertextException");
    assert_eq!(bare.get("errorMessage"), None);
}

#[test]
fn every_kind_of_principal() {
    let account = account();
    let root = identity_of("cn-north-1", Principal::Root { account });
    assert_eq!(
        root,
        concat!(
            r#"{"type":"Root","principalId":"111122223333","arn":"arn:aws-cn:iam::111122223333:root","#,
            r#""accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}"#
        )
    );
    let session = Principal::RoleSession {
        account,
        role: "service/worker".into(),
        session: "i-1".into(),
    };
    assert_eq!(
        identity_of("eu-west-1", session),
        concat!(
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/worker/i-1","#,
            r#""accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","#,
            r#""sessionContext":{"sessionIssuer":{"type":"Role","#,
            r#""arn":"arn:aws:iam::111122223333:role/service/worker","#,
            r#""accountId":"111122223333","userName":"worker"}}}"#
        )
    );
    let name = "bob".into();
    assert_eq!(
        identity_of("eu-west-1", Principal::FederatedUser { account, name }),
        concat!(
            r#"{"type":"FederatedUser","principalId":"111122223333:bob","#,
            r#""arn":"arn:aws:sts::111122223333:federated-user/bob","#,
            r#""accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}"#
        )
    );
    let name = "s3.amazonaws.com".into();
    assert_eq!(
        identity_of("eu-west-1", Principal::Service { name }),
        r#"{"type":"AWSService","invokedBy":"s3.amazonaws.com"}"#
    );
}

/// The caller of [`opening`] with a unique id and a session.
fn in_session(principal: Principal, id: Option<&str>, session: SessionContext) -> Opening {
    let caller = Caller {
        unique_id: id.map(Into::into),
        session: Some(Arc::new(session)),
        ..Caller::plain(principal, account(), "ASIAIOSFODNN7EXAMPLE".into())
    };
    Opening {
        requester: caller.into(),
        ..opening(user())
    }
}

fn session() -> SessionContext {
    let issued = Timestamp::from_millis(1_747_806_000_999);
    SessionContext::plain(issued, issued.plus_millis(3_600_000))
}

fn worker() -> Principal {
    Principal::RoleSession {
        account: account(),
        role: "service/worker".into(),
        session: "i-1".into(),
    }
}

fn shown(opening: Opening) -> Value {
    serde_json::from_slice(&bytes(world().begin(opening), Ok(()))).unwrap()
}

#[test]
fn users_and_roles_have_their_unique_id_and_sessions_their_facts() {
    let mfa = SessionContext {
        mfa_at: Some(Timestamp::from_millis(0)),
        ..session()
    };
    let user = shown(in_session(user(), Some("AIDAEXAMPLE"), mfa));
    assert_eq!(
        user["userIdentity"],
        json!({
            "type": "IAMUser", "principalId": "AIDAEXAMPLE",
            "arn": "arn:aws:iam::111122223333:user/team/alice", "accountId": "111122223333",
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE", "userName": "alice",
            "sessionContext": {"attributes": {
                "creationDate": "2025-05-21T05:40:00Z", "mfaAuthenticated": "true"}}
        })
    );
    let web = SessionContext {
        source_identity: Some("bob".into()),
        federated_provider: Some("accounts.example.com".into()),
        claims: vec![
            ("accounts.example.com:aud".into(), "app".into()),
            ("accounts.example.com:email".into(), "b@example.com".into()),
            ("accounts.example.com:sub".into(), "17\"".into()),
        ],
        ..session()
    };
    let role = shown(in_session(worker(), Some("AROAEXAMPLE"), web));
    assert_eq!(
        role["userIdentity"],
        json!({
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:i-1",
            "arn": "arn:aws:sts::111122223333:assumed-role/worker/i-1",
            "accountId": "111122223333", "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAEXAMPLE",
                    "arn": "arn:aws:iam::111122223333:role/service/worker",
                    "accountId": "111122223333", "userName": "worker"},
                "webIdFederationData": {
                    "federatedProvider": "accounts.example.com",
                    "attributes": {
                        "accounts.example.com:aud": "app", "accounts.example.com:sub": "17\""}},
                "attributes": {
                    "creationDate": "2025-05-21T05:40:00Z", "mfaAuthenticated": "false"},
                "sourceIdentity": "bob"}
        })
    );
    assert_eq!(role["sourceIPAddress"], "203.0.113.7");
}

#[test]
fn federated_users_have_their_issuer() {
    let guest = || Principal::FederatedUser {
        account: account(),
        name: "guest".into(),
    };
    let issuer = |federated_by| {
        let context = SessionContext {
            federated_by,
            ..session()
        };
        let record = shown(in_session(guest(), None, context));
        let user = record["userIdentity"].clone();
        assert_eq!(user["type"], "FederatedUser");
        assert_eq!(
            user["sessionContext"]["attributes"],
            json!({"creationDate": "2025-05-21T05:40:00Z", "mfaAuthenticated": "false"})
        );
        user["sessionContext"]["sessionIssuer"].clone()
    };
    let alice = FederatingUser {
        unique_id: "AIDAEXAMPLE".into(),
        name: "team/alice".into(),
    };
    assert_eq!(
        issuer(Some(alice)),
        json!({
            "type": "IAMUser", "principalId": "AIDAEXAMPLE",
            "arn": "arn:aws:iam::111122223333:user/team/alice",
            "accountId": "111122223333", "userName": "alice"})
    );
    assert_eq!(
        issuer(None),
        json!({
            "type": "Root", "principalId": "111122223333",
            "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"})
    );
}

#[test]
fn a_forward_access_session_names_the_last_service() {
    let forwarded = SessionContext {
        via: vec!["first.amazonaws.com".into(), "s3.amazonaws.com".into()],
        ..session()
    };
    for principal in [Principal::Root { account: account() }, user(), worker()] {
        let value = shown(in_session(principal, None, forwarded.clone()));
        assert_eq!(value["userIdentity"]["invokedBy"], "s3.amazonaws.com");
        assert_eq!(value["sourceIPAddress"], "s3.amazonaws.com");
        assert_eq!(value["userAgent"], "s3.amazonaws.com");
        assert_eq!(value["userIdentity"]["accountId"], "111122223333");
    }
}

#[test]
fn a_web_identity_is_named_once_its_token_is_verified() {
    let unknown = WebIdentity {
        account: account(),
        token: None,
    };
    let opening = Opening {
        event_source: STS,
        event_name: "AssumeRoleWithWebIdentity",
        requester: unknown.into(),
        vpc_endpoint_id: Some("vpce-1".into()),
        ..opening(user())
    };
    let refused = shown(opening.clone());
    assert_eq!(refused["userIdentity"], json!({"type": "WebIdentityUser"}));
    assert_eq!(refused["recipientAccountId"], "111122223333");
    let mut entry = world().begin(opening);
    entry.requester(WebIdentity {
        account: account(),
        token: Some(WebToken {
            provider: "accounts.example.com".into(),
            audience: "app".into(),
            subject: "17\n".into(),
        }),
    });
    entry.role_resource(account(), "service/worker");
    entry.role_resource(account(), "service/worker");
    let value: Value = serde_json::from_slice(&bytes(entry, Ok(()))).unwrap();
    assert_eq!(
        value["userIdentity"],
        json!({
            "type": "WebIdentityUser", "principalId": "accounts.example.com:app:17\n",
            "userName": "17\n", "identityProvider": "accounts.example.com"
        })
    );
    assert_eq!(value["eventSource"], "sts.amazonaws.com");
    assert_eq!(value["vpcEndpointId"], "vpce-1");
    assert_eq!(
        value["resources"],
        json!([{"accountId": "111122223333", "type": "AWS::IAM::Role",
            "ARN": "arn:aws:iam::111122223333:role/service/worker"}])
    );
}

#[test]
fn an_event_of_another_region_has_that_regions_partition() {
    let value = shown(Opening {
        event_source: IAM,
        region: Some(Region::parse("cn-north-1").unwrap()),
        ..opening(user())
    });
    assert_eq!(value["eventSource"], "iam.amazonaws.com");
    assert_eq!(value["awsRegion"], "cn-north-1");
    assert_eq!(
        value["userIdentity"]["arn"],
        "arn:aws-cn:iam::111122223333:user/team/alice"
    );
}

#[test]
fn explanations_stand_in_the_order_of_the_decisions() {
    let mut entry = world().begin(opening(user()));
    entry.authorization(br#"{"basis":"root"}"#.to_vec());
    entry.authorization(b"{\n\"denied\":true}".to_vec());
    let text = text(entry, Ok(()));
    let expected = r#""additionalEventData":{"keystead":{"authorization":[{"basis":"root"},{ "denied":true}]}}"#;
    assert!(text.contains(expected), "{text}");
    let mut entry = world().begin(opening(user()));
    entry.additional("a", "b".to_owned());
    entry.authorization(b"{}".to_vec());
    let value: Value = serde_json::from_slice(&bytes(entry, Ok(()))).unwrap();
    let expected = json!({"a": "b", "keystead": {"authorization": [{}]}});
    assert_eq!(value["additionalEventData"], expected);
}

#[test]
fn long_explanations_are_cut_and_marked() {
    let explanation = |length: usize| {
        let rest = length - br#"{"a":""}"#.len();
        format!(
            r#"{{"a":"{}"}}"#,
            "ä".repeat(rest / 2) + &"x".repeat(rest % 2)
        )
        .into_bytes()
    };
    for (first, second) in [
        (AUTHORIZATION_MAX_BYTES, 100),
        (AUTHORIZATION_MAX_BYTES - 99, 100),
        (AUTHORIZATION_MAX_BYTES - 100, 100),
        (AUTHORIZATION_MAX_BYTES + 1, 10),
        (1_000_000, 10),
    ] {
        let mut entry = world().begin(opening(user()));
        entry.authorization(explanation(first));
        entry.authorization(explanation(second));
        entry.authorization(b"{}".to_vec());
        let value: Value = serde_json::from_slice(&bytes(entry, Ok(()))).unwrap();
        let found = value["additionalEventData"]["keystead"]["authorization"].clone();
        let found: Vec<Value> = serde_json::from_value(found).unwrap();
        let cut = |value: &Value| value["cut"] == true;
        let whole = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        if first > AUTHORIZATION_MAX_BYTES {
            let kept = found[0]["text"].as_str().unwrap();
            assert!(kept.len() + 1 >= AUTHORIZATION_MAX_BYTES && found.len() == 1);
            assert!(explanation(first).starts_with(kept.as_bytes()));
            continue;
        }
        assert_eq!(found[0], whole(&explanation(first)));
        if first + second > AUTHORIZATION_MAX_BYTES {
            assert!(cut(&found[1]) && found.len() == 2);
        } else {
            assert_eq!(found[1], whole(&explanation(second)));
            assert!(cut(&found[2]), "{found:?}");
        }
    }
}

#[test]
fn identities_print_the_arn_of_the_principal() {
    let account = account();
    let principals = [
        Principal::Root { account },
        user(),
        Principal::RoleSession {
            account,
            role: "a/b/c".into(),
            session: "s".into(),
        },
        Principal::FederatedUser {
            account,
            name: "f".into(),
        },
    ];
    for principal in principals {
        let expected = principal.arn("aws-us-gov").to_string();
        let found: Value = serde_json::from_str(&identity_of("us-gov-west-1", principal)).unwrap();
        assert_eq!(found["arn"], expected);
    }
}

#[test]
fn a_service_event_in_full() {
    let details = br#"{"keyId":"k","rotationType":"AUTOMATIC"}"#.to_vec();
    let mut entry = world().service_event("RotateKey", account(), Some(details));
    entry.resource(key('a'));
    let expected = concat!(
        r#"{"eventVersion":"1.11","userIdentity":{"accountId":"111122223333","#,
        r#""invokedBy":"AWS Internal"},"eventTime":"2025-05-21T05:42:31Z","#,
        r#""eventSource":"kms.amazonaws.com","eventName":"RotateKey","awsRegion":"eu-west-1","#,
        r#""sourceIPAddress":"AWS Internal","userAgent":"AWS Internal","#,
        r#""requestParameters":null,"responseElements":null,"#,
        r#""eventID":"01010101-0101-4101-8101-010101010101","readOnly":false,"#,
        r#""resources":[{"accountId":"444455556666","type":"AWS::KMS::Key","#,
        r#""ARN":"arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890aa"}],"#,
        r#""eventType":"AwsServiceEvent","managementEvent":true,"#,
        r#""recipientAccountId":"111122223333","#,
        r#""serviceEventDetails":{"keyId":"k","rotationType":"AUTOMATIC"},"#,
        r#""eventCategory":"Management"}"#,
    );
    assert_eq!(text(entry, Ok(())), expected);
}

/// Hostile input E9: a forged line and terminal codes in every text that a client controls.
#[test]
fn nobody_can_forge_a_line_or_move_the_cursor() {
    let evil = "x\r\n{\"eventName\":\"fake\"}\u{1b}[2J\u{9b}2J\u{7f}\u{2028}\u{202e}\u{feff}\0\"\\";
    let mut opening = opening(Principal::FederatedUser {
        account: account(),
        name: evil.into(),
    });
    opening.user_agent = evil.to_owned();
    opening.source_ip = SourceAddress::Name(evil.to_owned().into());
    let Requester::Caller(caller) = &mut opening.requester else {
        panic!("a caller");
    };
    caller.access_key_id = evil.into();
    let mut tls = tls();
    tls.host = evil.to_owned();
    opening.tls = Some(tls);
    let mut entry = world().begin(opening);
    let parameters = serde_json::to_vec_pretty(&json!({ "description": evil })).unwrap();
    entry.request_parameters(parameters);
    entry.additional("note", evil.to_owned());
    let text = text(entry, Err::<(), _>(Fault::validation(evil)));
    let shown = text.chars().all(|c| !c.is_control());
    assert!(
        shown && !text.contains(['\u{2028}', '\u{202e}', '\u{feff}']),
        "{text}"
    );
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["eventName"], "Encrypt");
    assert_eq!(value["userAgent"], evil);
    assert_eq!(value["sourceIPAddress"], evil);
    assert_eq!(value["errorMessage"], evil);
    assert_eq!(value["requestParameters"]["description"], evil);
    assert_eq!(value["additionalEventData"]["note"], evil);
    assert_eq!(value["tlsDetails"]["clientProvidedHostHeader"], evil);
    assert_eq!(value["userIdentity"]["accessKeyId"], evil);
}

#[test]
fn long_fields_are_cut_and_long_parameters_left_out() {
    let mut opening = opening(user());
    opening.user_agent = "ä".repeat(USER_AGENT_MAX_BYTES);
    let mut entry = world().begin(opening);
    let long = "p".repeat(PARAMETERS_MAX_BYTES);
    entry.request_parameters(serde_json::to_vec(&json!({ "policy": long })).unwrap());
    let fault = Fault::validation(long);
    let value: Value = serde_json::from_slice(&bytes(entry, Err::<(), _>(fault))).unwrap();
    let agent = value["userAgent"].as_str().unwrap();
    assert_eq!(agent, "ä".repeat(USER_AGENT_MAX_BYTES / 2));
    let message = value["errorMessage"].as_str().unwrap();
    assert_eq!(message.len(), ERROR_MESSAGE_MAX_BYTES);
    assert_eq!(value["requestParameters"], json!({ "omitted": true }));
}

#[test]
fn moments_are_utc_seconds() {
    let shown = |seconds: i64| {
        let mut out = Vec::new();
        moment(&mut out, Timestamp::from_millis(seconds * 1000 + 999));
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(0), "1970-01-01T00:00:00Z");
    assert_eq!(shown(951_782_399), "2000-02-28T23:59:59Z");
    assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
    assert_eq!(shown(4_102_444_799), "2099-12-31T23:59:59Z");
}

proptest! {
    #[test]
    fn every_record_is_one_json_line_that_says_what_was_put_in(
        agent in any::<String>(),
        session in any::<String>(),
        message in any::<String>(),
        context in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        pretty in any::<bool>(),
    ) {
        let mut opening = opening(Principal::RoleSession {
            account: account(),
            role: "r".into(),
            session: session.as_str().into(),
        });
        opening.user_agent = agent.clone();
        let mut entry = world().begin(opening);
        let parameters = json!({ "keyId": message, "encryptionContext": context });
        let encode = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
        entry.request_parameters(encode(&parameters).unwrap());
        let text = text(entry, Err::<(), _>(Fault::validation(message.clone())));
        prop_assert!(text.chars().all(|c| !c.is_control()));
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&value["userAgent"], at_most(&agent, USER_AGENT_MAX_BYTES));
        prop_assert_eq!(&value["errorMessage"], at_most(&message, ERROR_MESSAGE_MAX_BYTES));
        prop_assert_eq!(&value["requestParameters"], &parameters);
        let arn = format!("arn:aws:sts::111122223333:assumed-role/r/{session}");
        prop_assert_eq!(&value["userIdentity"]["arn"], &arn);
    }
}

/// How long a record takes: `cargo test -- --ignored --nocapture record_speed`.
#[test]
#[ignore = "a measurement"]
fn record_speed() {
    let mut opening = opening(user());
    opening.tls = Some(tls());
    let mut entry = world().begin(opening);
    let parameters = br#"{"keyId":"arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890aa","encryptionContext":{"k":"v"}}"#;
    entry.request_parameters(parameters.to_vec());
    entry.resource(key('a'));
    let settled = entry.settle(Ok(()));
    let parts = settled.parts().unwrap();
    let rounds = 200_000_u32;
    let start = std::time::Instant::now();
    let mut bytes = 0;
    for _ in 0..rounds {
        bytes = std::hint::black_box(render(parts, parts.trail.now(), Ending::Success)).len();
    }
    println!("{bytes} bytes in {:?}", start.elapsed() / rounds);
}

#[test]
fn what_is_done_to_a_deployment_names_the_user_of_the_operating_system() {
    let (trail, log) = trail("eu-west-1");
    let operator = Arc::new(crate::Operator {
        user_id: 998,
        user_name: Some("kms\"x".to_owned()),
        login_user_id: Some(1000),
        process_id: 42,
        program: "keystead/1.0 init".to_owned(),
    });
    let mut entry = trail.administration("StartServer", operator.clone(), None);
    entry.event_details(br#"{"a":1}"#.to_vec());
    drop(entry.settle(Ok(())).publish());
    let own = Some(account());
    drop(trail.administration("CreateRootAccessKey", operator, own));
    let events = log.records();
    let events: Vec<serde_json::Value> = events
        .iter()
        .map(|record| serde_json::from_slice(&record.json).unwrap())
        .collect();
    assert_eq!(
        events[0],
        serde_json::json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "Unknown", "principalId": "uid:998", "userName": "kms\"x",
                "sessionContext": {"attributes": {"processId": "42", "loginUserId": "1000"}},
            },
            "eventTime": "2025-05-21T05:42:31Z",
            "eventSource": "kms.amazonaws.com",
            "eventName": "StartServer",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "AWS Internal",
            "userAgent": "keystead/1.0 init",
            "requestParameters": null,
            "responseElements": null,
            "eventID": events[0]["eventID"],
            "readOnly": false,
            "eventType": "AwsServiceEvent",
            "managementEvent": true,
            "serviceEventDetails": {"a": 1},
            "eventCategory": "Management",
        })
    );
    assert_eq!(events[1]["errorCode"], "ABANDONED");
    assert_eq!(events[1]["recipientAccountId"], "111122223333");
    assert_eq!(events[1]["userIdentity"]["accountId"], "111122223333");
}
