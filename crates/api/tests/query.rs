//! The query protocol: hostile forms, typed members, answers in XML.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use keystead_api::query::{Form, QueryShape, encode_fault};
use keystead_api::{iam, limits, sts};
use keystead_types::{Fault, FaultKind, RequestId, Timestamp};
use proptest::prelude::*;

fn id() -> RequestId {
    RequestId::from_random([0; 16])
}

fn input<S: QueryShape>(body: &str) -> S::Input {
    S::decode(&Form::parse(body.as_bytes()).unwrap()).unwrap()
}

fn fault<S: QueryShape>(body: impl AsRef<[u8]>) -> Fault {
    let decoded = Form::parse(body.as_ref()).and_then(|form| S::decode(&form));
    match decoded {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(body.as_ref())),
        Err(fault) => fault,
    }
}

fn malformed<S: QueryShape>(body: impl AsRef<[u8]>) {
    let fault = fault::<S>(body.as_ref());
    let shown = String::from_utf8_lossy(body.as_ref());
    assert_eq!(fault.kind(), FaultKind::Serialization, "{fault}: {shown}");
}

fn violation<S: QueryShape>(body: &str) -> String {
    let fault = fault::<S>(body);
    assert_eq!(fault.kind(), FaultKind::Validation, "{fault}");
    fault.message().unwrap().to_owned()
}

fn xml<S: QueryShape>(output: &S::Output) -> String {
    String::from_utf8(S::encode(output, &id())).unwrap()
}

#[test]
fn members_lists_and_structures() {
    let input = input::<iam::CreateUser>(
        "Action=CreateUser&Version=2010-05-08&UserName=a%2Bb&Path=%2Fteam%2f&\
         Tags.member.2.Key=two&Tags.member.1.Value=a+b%20c&Tags.member.1.Key=%C3%A9&\
         Tags.member.2.Value=&Unknown.deep.er=1&&",
    );
    assert_eq!(input.user_name, "a+b");
    assert_eq!(input.path.as_deref(), Some("/team/"));
    let tags = input.tags.unwrap();
    let tags: Vec<_> = tags.iter().map(|tag| (&*tag.key, &*tag.value)).collect();
    assert_eq!(tags, [("é", "a b c"), ("two", "")]);
}

#[test]
fn more_than_nine_elements_stay_in_the_order_of_their_numbers() {
    let body: String = (1..=12)
        .rev()
        .map(|n| format!("TagKeys.member.{n}=k{n}&"))
        .collect();
    let input = input::<iam::UntagUser>(&format!("{body}UserName=a"));
    let expected: Vec<String> = (1..=12).map(|n| format!("k{n}")).collect();
    assert_eq!(input.tag_keys, expected);
}

#[test]
fn empty_lists_numbers_and_booleans() {
    let tags = input::<iam::TagUser>("UserName=a&Tags=").tags;
    assert!(tags.is_empty());
    let listed = input::<iam::ListUsers>("MaxItems=1000");
    assert_eq!(listed.max_items, Some(1000));
    for text in ["true", "True", "TRUE"] {
        let input =
            input::<iam::ListPolicies>(&format!("OnlyAttached={text}&Scope=Local&MaxItems=%2B1"));
        assert_eq!(input.only_attached, Some(true));
        assert_eq!(input.max_items, Some(1));
    }
}

#[test]
fn wrong_kinds_are_malformed() {
    for body in [
        "MaxItems=",
        "MaxItems=1.0",
        "MaxItems=0x1",
        "MaxItems=+1",
        "MaxItems=%201",
        "MaxItems=1%00",
        "MaxItems=9999999999",
        "MaxItems=99999999999999999999999",
        "MaxItems.member.1=1",
    ] {
        malformed::<iam::ListUsers>(body);
    }
    for body in ["OnlyAttached=1", "OnlyAttached=", "OnlyAttached=yes"] {
        malformed::<iam::ListPolicies>(body);
    }
    for body in [
        "UserName.x=a",
        "UserName=a&UserName.x=b",
        "UserName.x=a&UserName=b",
        "UserName=a&UserName-x=1&UserName.x=b",
    ] {
        malformed::<iam::DeleteUser>(body);
    }
}

#[test]
fn lists_are_numbered_from_one_without_gaps() {
    for tags in [
        "Tags=x",
        "Tags.1.Key=a",
        "Tags.member=x",
        "Tags.member.0.Key=a",
        "Tags.member.2.Key=a",
        "Tags.member.1.Key=a&Tags.member.3.Key=b",
        "Tags.member.01.Key=a",
        "Tags.member.-1.Key=a",
        "Tags.member.1x.Key=a",
        "Tags.member.%D9%A1.Key=a",
        "Tags.member.4294967297.Key=a",
        "Tags.member.999999999999999999999999.Key=a",
        "Tags.member.1.Key=a&Tags.other.1.Key=a",
        "Tags.member.1=a",
        "Tags.member.1=a&Tags.member.1.Key=a",
        "Tags.member.1.Key.member.1=a",
    ] {
        malformed::<iam::TagUser>(format!("UserName=a&{tags}"));
    }
}

#[test]
fn forms_that_are_none() {
    let bodies: [&[u8]; 15] = [
        b"UserName=%",
        b"UserName=%2",
        b"UserName=%zz",
        b"UserName=%+1",
        b"UserName=a%2",
        b"%4=a",
        b"UserName=%ff",
        b"UserName=\xc3\x28",
        b"UserName=%c0%80",
        b"UserName=%ed%a0%80",
        b"=a",
        b".UserName=a",
        b"UserName.=a",
        b"User..Name=a",
        b"UserName=a&User%4eame=b",
    ];
    for body in bodies {
        malformed::<iam::DeleteUser>(body);
    }
    malformed::<iam::DeleteUser>("UserName=a&UserName=a");
    malformed::<iam::DeleteUser>("UserName=a&other=1&other=2");
}

#[test]
fn an_encoded_separator_is_none() {
    let message = violation::<sts::GetFederationToken>("Name=a%26Name%3Db");
    assert!(message.contains("'a&Name=b' at 'name'"), "{message}");
    // A dot in a name separates, encoded or not: decoding comes first.
    let tags = input::<iam::TagUser>("UserName=a&Tags%2Emember%2E1.Key=k&Tags.member.1.Value=v");
    assert_eq!(tags.tags[0].key, "k");
}

#[test]
fn limits_hold() {
    let many: String = (0..100_000).map(|n| format!("p{n}=1&")).collect();
    malformed::<iam::DeleteUser>(&many[..limits::BODY_MAX_BYTES.min(many.len())]);
    let at_most: String = (1..limits::PARAMETERS_MAX)
        .map(|n| format!("p{n}&"))
        .collect();
    let at_most = format!("{at_most}UserName=a");
    assert_eq!(input::<iam::DeleteUser>(&at_most).user_name, "a");
    malformed::<iam::DeleteUser>(format!("{at_most}&q"));

    let deep = ["a"; limits::PARAMETER_DEPTH_MAX].join(".");
    assert!(Form::parse(deep.as_bytes()).is_ok());
    malformed::<iam::DeleteUser>(format!("{deep}.a=1"));
    malformed::<iam::DeleteUser>(format!("a{}=1", ".a".repeat(400_000)));

    let long = format!("UserName={}", "a".repeat(limits::BODY_MAX_BYTES));
    malformed::<iam::DeleteUser>(long);
    let tags: String = (1..=51)
        .map(|n| format!("&Tags.member.{n}.Key=k{n}&Tags.member.{n}.Value=v"))
        .collect();
    let message = violation::<iam::TagUser>(&format!("UserName=a{tags}"));
    assert!(
        message.ends_with("at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"),
        "{message}"
    );
}

#[test]
fn violations_read_as_those_of_kms() {
    assert_eq!(
        violation::<iam::DeleteUser>("Action=DeleteUser"),
        "1 validation error detected: Value null at 'userName' failed to satisfy constraint: \
         Member must not be null"
    );
    assert_eq!(
        violation::<iam::DeleteUser>("UserName=a/b"),
        "The specified value for userName is invalid. It must contain only alphanumeric \
         characters and/or the following: +=,.@_-"
    );
    assert_eq!(
        violation::<iam::DetachUserPolicy>("UserName=a/b"),
        "2 validation errors detected: Value null at 'policyArn' failed to satisfy constraint: \
         Member must not be null; Value 'a/b' at 'userName' failed to satisfy constraint: Member \
         must satisfy regular expression pattern: [\\w+=,.@-]+"
    );
    assert_eq!(
        violation::<iam::TagUser>("UserName=a&Tags.member.1.Value=v"),
        "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy \
         constraint: Member must not be null"
    );
    assert_eq!(
        violation::<sts::AssumeRole>(
            "RoleArn=arn:aws:iam::111122223333:role/a&RoleSessionName=x&DurationSeconds=899"
        ),
        "2 validation errors detected: Value '899' at 'durationSeconds' failed to satisfy \
         constraint: Member must have value greater than or equal to 900; Value 'x' at \
         'roleSessionName' failed to satisfy constraint: Member must have length greater than or \
         equal to 2"
    );
    assert_eq!(
        violation::<iam::UpdateAccessKey>("AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=On"),
        "1 validation error detected: Value 'On' at 'status' failed to satisfy constraint: \
         Member must satisfy enum value set: [Active, Inactive, Expired]"
    );
}

#[test]
fn which_operation_a_form_asks_for() {
    let asked = |body: &str| iam::Operation::of(&Form::parse(body.as_bytes()).unwrap());
    let asked_fault = |body: &str| {
        let fault = asked(body).unwrap_err();
        (fault.kind(), fault.message().unwrap().to_owned())
    };
    let found = asked("Action=ListUsers&Version=2010-05-08").unwrap();
    assert_eq!(found, iam::Operation::ListUsers);
    assert_eq!(
        asked_fault("Action=ListUsers"),
        (
            FaultKind::UnknownOperation,
            "Could not find operation ListUsers for version NO_VERSION_SPECIFIED".to_owned()
        )
    );
    assert_eq!(
        asked_fault("Version=2010-05-08").0,
        FaultKind::MissingAction
    );
    assert_eq!(
        asked_fault("Action=listUsers&Version=2010-05-08"),
        (
            FaultKind::UnknownOperation,
            "Could not find operation listUsers for version 2010-05-08".to_owned()
        )
    );
    assert_eq!(
        asked_fault("Action=ListUsers&Version=2011-06-15").0,
        FaultKind::UnknownOperation
    );
    for operation in iam::Operation::ALL {
        assert_eq!(iam::Operation::parse(operation.as_str()), Some(*operation));
    }
    assert_eq!(sts::AssumeRole::ACTION, "AssumeRole");
}

#[test]
fn answers_are_xml() {
    let user = iam::model::User {
        arn: "arn:aws:iam::111122223333:user/a&b".to_owned(),
        create_date: Timestamp::from_millis(1_767_323_045_000),
        password_last_used: None,
        path: "/".to_owned(),
        permissions_boundary: None,
        tags: Some(vec![iam::model::Tag {
            key: "k".to_owned(),
            value: "<v>".to_owned(),
        }]),
        user_id: "AIDAEXAMPLE".to_owned(),
        user_name: "a&b".to_owned(),
    };
    let output = iam::create_user::Output { user: Some(user) };
    assert_eq!(
        xml::<iam::CreateUser>(&output),
        "<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <CreateUserResult><User><Arn>arn:aws:iam::111122223333:user/a&amp;b</Arn>\
         <CreateDate>2026-01-02T03:04:05Z</CreateDate><Path>/</Path>\
         <Tags><member><Key>k</Key><Value>&lt;v&gt;</Value></member></Tags>\
         <UserId>AIDAEXAMPLE</UserId><UserName>a&amp;b</UserName></User></CreateUserResult>\
         <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
         </ResponseMetadata></CreateUserResponse>"
    );
    assert_eq!(
        xml::<iam::DeleteUser>(&()),
        "<DeleteUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
         </ResponseMetadata></DeleteUserResponse>"
    );
    let summary = iam::get_account_summary::Output {
        summary_map: Some(vec![(iam::model::SummaryKeyType::Users, 3)]),
    };
    assert!(
        xml::<iam::GetAccountSummary>(&summary)
            .contains("<SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap>")
    );
    let listed = xml::<iam::ListAccountAliases>(&iam::list_account_aliases::Output {
        account_aliases: vec!["one".to_owned(), "two".to_owned()],
        is_truncated: Some(false),
        marker: None,
    });
    assert!(listed.contains(
        "<AccountAliases><member>one</member><member>two</member></AccountAliases>\
         <IsTruncated>false</IsTruncated></ListAccountAliasesResult>"
    ));
}

#[test]
fn audit_records_and_debug_have_no_secrets() {
    let credentials = sts::model::Credentials {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        expiration: Timestamp::from_millis(0),
        secret_access_key: "the secret".to_owned(),
        session_token: "the token".to_owned(),
    };
    let output = sts::get_session_token::Output {
        credentials: Some(credentials),
        ..Default::default()
    };
    let mut record = Vec::new();
    sts::GetSessionToken::audit_response(&output, &mut record);
    assert_eq!(
        String::from_utf8(record).unwrap(),
        r#"{"credentials":{"accessKeyId":"ASIAEXAMPLE","expiration":"Jan 1, 1970, 12:00:00 AM"}}"#
    );
    assert!(!format!("{output:?}").contains("the "));

    let body = "RoleArn=arn:aws:iam::111122223333:role/a&RoleSessionName=web&\
                WebIdentityToken=eyJhbGciOiJub25lIn0.e30.";
    let form = Form::parse(body.as_bytes()).unwrap();
    assert!(!format!("{form:?}").contains("eyJ"));
    let input = sts::AssumeRoleWithWebIdentity::decode(&form).unwrap();
    assert!(!format!("{input:?}").contains("eyJ"));
    let mut record = Vec::new();
    sts::AssumeRoleWithWebIdentity::audit_parameters(&input, &mut record);
    assert_eq!(
        String::from_utf8(record).unwrap(),
        r#"{"roleArn":"arn:aws:iam::111122223333:role/a","roleSessionName":"web"}"#
    );
    let mut record = Vec::new();
    iam::ListUsers::audit_parameters(&self::input::<iam::ListUsers>(""), &mut record);
    assert_eq!(record, b"null");
}

#[test]
fn faults_never_break_the_document() {
    let fault = Fault::validation("</Message><Code>Allow</Code>\0");
    let body = encode_fault(&fault, sts::NAMESPACE, &id());
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(
        "<Code>ValidationError</Code>\
         <Message>&lt;/Message&gt;&lt;Code&gt;Allow&lt;/Code&gt;\u{fffd}</Message>"
    ));
}

proptest! {
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(form) = Form::parse(&body) {
            let _ = iam::SimulateCustomPolicy::decode(&form);
            let _ = iam::TagUser::decode(&form);
        }
    }

    #[test]
    fn no_form_panics(
        pairs in prop::collection::vec(
            ("(UserName|Tags|Tags.member|ContextEntries|ActionNames|MaxItems)", "([.](member|1|2|Key|Value|x)){0,4}", "[a-z0-9%+]{0,3}"),
            0..8,
        )
    ) {
        let body: Vec<String> = pairs.iter().map(|(a, b, c)| format!("{a}{b}={c}")).collect();
        if let Ok(form) = Form::parse(body.join("&").as_bytes()) {
            let _ = iam::SimulateCustomPolicy::decode(&form);
            let _ = iam::TagUser::decode(&form);
            let _ = iam::ListUsers::decode(&form);
        }
    }

    #[test]
    fn texts_survive_encoding(value in "\\PC{0,40}") {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form = Form::parse(format!("a={encoded}").as_bytes()).unwrap();
        prop_assert_eq!(form.get("a"), Some(value.as_str()));
    }
}
