//! IAM and STS beside KMS behind one door: scopes, forms, the language of refusals.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use keystead_server::Deadlines;
use rig::{
    Answer, FORM, Identity, JSON, KEY_ID, REGION, SECRET, SERVICE_KEY_ID, Wire, call, plain, query,
    request, signed, signed_for, start_named,
};

const LIST_USERS: &str = "Action=ListUsers&Version=2010-05-08";
const WHO_AM_I: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The code of an XML fault, after a look at its envelope.
fn code(answer: &Answer) -> String {
    assert_eq!(
        answer.header("content-type"),
        Some("text/xml"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-amzn-errortype"), None);
    assert!(
        answer.body.starts_with("<ErrorResponse xmlns=\""),
        "{answer:?}"
    );
    assert!(answer.body.contains(answer.id()), "{answer:?}");
    let rest = answer.body.split("<Code>").nth(1).unwrap();
    rest.split("</Code>").next().unwrap().to_owned()
}

#[test]
fn the_scope_chooses_the_service() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let answer = wire.ask(&query("iam", LIST_USERS));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert!(answer.body.contains("<ListUsersResult>"), "{answer:?}");
    assert!(answer.body.contains(answer.id()));
    // A signature for one service reaches no other, whatever the form says.
    assert_eq!(code(&wire.ask(&query("sts", LIST_USERS))), "InvalidAction");
    assert_eq!(code(&wire.ask(&query("iam", WHO_AM_I))), "InvalidAction");
    let answer = wire.ask(&query("kms", LIST_USERS));
    assert_eq!(answer.code(), "UnknownOperationException");
    let target = "TrentService.ListKeys";
    let other = signed_for(REGION, "iam", "a", JSON, target, "{}");
    assert_eq!(code(&wire.ask(&request(&other, "{}"))), "MissingAction");
    // The connection serves all of them.
    assert_eq!(wire.ask(&call("ListKeys", "{}")).status, 200);
}

#[test]
fn refusals_speak_the_language_of_the_service() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let good = query("iam", LIST_USERS);
    for (text, status, expected) in [
        (
            good.replace("ListUsers&", "ListRoles&"),
            403,
            "SignatureDoesNotMatch",
        ),
        (
            good.replace(KEY_ID, "AKIAAAAAAAAAAAAAAAAA"),
            403,
            "InvalidClientTokenId",
        ),
        (
            good.replace("Signature=", "Sig="),
            400,
            "IncompleteSignature",
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: 16\r\n\r\nAction=ListUsers"
            ),
            403,
            "MissingAuthenticationToken",
        ),
        (
            "GET /?Action=ListUsers HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            403,
            "MissingAuthenticationToken",
        ),
    ] {
        let answer = wire.ask(&text);
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (status, expected),
            "{text}"
        );
    }
    // A scope that is read beats the content type.
    let headers = signed_for(REGION, "kms", "a", FORM, "TrentService.ListKeys", "x");
    let answer = wire.ask(&request(&headers, "y"));
    assert_eq!(answer.code(), "InvalidSignatureException");
    assert!(running.log.records().is_empty());
}

#[test]
fn unsigned_requests_for_other_hosts_are_refused_too() {
    let running = start_named(None, Deadlines::default(), None, &["kms.local", "[::1]"]);
    let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15";
    let asked = |host: &str| {
        let text = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = Wire::to(&running).ask(&text);
        (answer.status, code(&answer))
    };
    for own in ["kms.local", "KMS.local:4599", "[::1]:80"] {
        assert_eq!(asked(own), (400, "ValidationError".to_owned()), "{own}");
    }
    for other in [
        "evil.example",
        "kms.local.evil.example",
        "kms.local@evil",
        "",
    ] {
        assert_eq!(asked(other), (421, "AccessDenied".to_owned()), "{other}");
    }
    // What is signed is refused as always, and health checks go by address.
    let answer = Wire::to(&running).ask(&call("ListKeys", "{}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let elsewhere = signed_for(REGION, "kms", "a", JSON, "TrentService.ListKeys", "{}");
    let answer = Wire::to(&running).ask(&request(&elsewhere, "{}"));
    assert_eq!(answer.code(), "InvalidSignatureException");
    let health = "GET /healthz HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n";
    assert_eq!(Wire::to(&running).ask(health).status, 200);
}

#[test]
fn only_one_action_needs_no_signature() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15";
    let unsigned = |kind: &str, more: &str, body: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    // It reaches STS, which misses its parameters.
    let answer = wire.ask(&unsigned(FORM, "", form));
    assert_ne!(code(&answer), "MissingAuthenticationToken", "{answer:?}");
    let missing = "MissingAuthenticationToken";
    let other = form.replace("AssumeRoleWithWebIdentity", "GetCallerIdentity");
    assert_eq!(code(&wire.ask(&unsigned(FORM, "", &other))), missing);
    let hidden = format!("{other}&X=Action=AssumeRoleWithWebIdentity");
    assert_eq!(code(&wire.ask(&unsigned(FORM, "", &hidden))), missing);
    // What brings credentials of any kind is not unsigned.
    let headers =
        "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sts/aws4_request\r\n";
    assert_eq!(
        code(&wire.ask(&unsigned(FORM, headers, form))),
        "IncompleteSignature"
    );
    let answer = wire.ask(&unsigned(JSON, "", form));
    assert_eq!(answer.code(), "MissingAuthenticationTokenException");
    // Two actions: the second is what is asked nowhere.
    let double = format!("{form}&Action=GetCallerIdentity");
    assert_ne!(wire.ask(&unsigned(FORM, "", &double)).status, 200);
}

#[test]
fn a_signed_get_brings_its_form_in_the_query_string() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let identity = Identity::new(KEY_ID, SECRET, None, None, "test");
    let ask = |wire: &mut Wire<_>, service: &str, path: &str| {
        let headers = [("host", "kms.local")];
        let headers = signed(&identity, (REGION, service), ("GET", path), &headers, "");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        wire.ask(&format!("GET {path} HTTP/1.1\r\n{lines}\r\n"))
    };
    let answer = ask(&mut wire, "iam", &format!("/?{LIST_USERS}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = ask(&mut wire, "kms", "/?Action=ListKeys");
    assert_eq!(answer.code(), "UnknownOperationException");
}

#[test]
fn calls_of_iam_are_audited_and_change_who_may_sign() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let made = wire.ask(&query(
        "iam",
        "Action=CreateUser&Version=2010-05-08&UserName=alice",
    ));
    assert_eq!(made.status, 200, "{made:?}");
    let made = wire.ask(&query(
        "iam",
        "Action=CreateAccessKey&Version=2010-05-08&UserName=alice",
    ));
    assert_eq!(made.status, 200, "{made:?}");
    let part = |name: &str| {
        let rest = made.body.split(&format!("<{name}>")).nth(1).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let (id, secret) = (part("AccessKeyId"), part("SecretAccessKey"));
    let alice = Identity::new(&*id, &*secret, None, None, "test");
    let headers = [
        ("host", "kms.local"),
        ("content-type", JSON),
        ("x-amz-target", "TrentService.ListKeys"),
    ];
    let headers = signed(&alice, (REGION, "kms"), ("POST", "/"), &headers, "{}");
    let refused = wire.ask(&request(&headers, "{}"));
    assert_eq!(refused.code(), "AccessDeniedException");
    assert!(
        refused
            .body
            .contains("user/alice is not authorized to perform: kms:ListKeys"),
        "{refused:?}"
    );
    // The denial comes with what DecodeAuthorizationMessage opens.
    let message = refused.header("x-keystead-authorization-message");
    assert!(message.is_some_and(|text| !text.is_empty()), "{refused:?}");
    let records = running.log.records();
    let names: Vec<String> = records
        .iter()
        .map(|record| {
            let record: serde_json::Value = serde_json::from_slice(&record.json).unwrap();
            record["eventName"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(names, ["CreateUser", "CreateAccessKey", "ListKeys"]);
    let gone = wire.ask(&query(
        "iam",
        &format!("Action=DeleteAccessKey&Version=2010-05-08&UserName=alice&AccessKeyId={id}"),
    ));
    assert_eq!(gone.status, 200, "{gone:?}");
    let answer = wire.ask(&request(&headers, "{}"));
    assert_eq!(answer.code(), "UnrecognizedClientException");
}

#[test]
fn only_services_say_for_which_resource_they_call() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"kms:DescribeKey","Resource":"*","Condition":{"StringEquals":{"aws:SourceArn":"arn:aws:s3:::bucket","aws:SourceAccount":"111122223333"}}}]}"#;
    let body = serde_json::json!({ "Policy": policy }).to_string();
    let made = wire.ask(&call("CreateKey", &body));
    assert_eq!(made.status, 200, "{made:?}");
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let body = format!("{{\"KeyId\":{}}}", made["KeyMetadata"]["Arn"]);
    let service = Identity::new(SERVICE_KEY_ID, SECRET, None, None, "test");
    let mut ask = |source: &[(&str, &str)]| {
        let base = [
            ("host", "kms.local"),
            ("content-type", JSON),
            ("x-amz-target", "TrentService.DescribeKey"),
        ];
        let headers: Vec<_> = base.iter().chain(source).copied().collect();
        let headers = signed(&service, (REGION, "kms"), ("POST", "/"), &headers, &body);
        wire.ask(&request(&headers, &body)).status
    };
    let (arn, account) = (
        ("x-amz-source-arn", "arn:aws:s3:::bucket"),
        ("x-amz-source-account", "111122223333"),
    );
    assert_eq!(ask(&[]), 400);
    assert_eq!(ask(&[arn]), 400);
    assert_eq!(ask(&[arn, ("x-amz-source-account", "999999999999")]), 400);
    assert_eq!(ask(&[arn, account]), 200);
    // Not signed: refused altogether.
    let headers = signed_for(
        REGION,
        "kms",
        "kms.local",
        JSON,
        "TrentService.ListKeys",
        "{}",
    );
    let text = request(&headers, "{}").replacen(
        "\r\n",
        "\r\nx-amz-source-arn: arn:aws:s3:::bucket\r\n",
        1,
    );
    assert_eq!(wire.ask(&text).status, 400);
}
