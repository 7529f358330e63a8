//! Hostile bodies: whatever arrives, decoding answers with the right fault and never panics.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use keystead_api::{
    CreateKey, Decrypt, Encrypt, GenerateRandom, ImportKeyMaterial, ListKeys, OperationName, Shape,
    limits,
};
use keystead_types::{Fault, FaultKind};
use proptest::prelude::*;

fn refused<S: Shape>(body: impl AsRef<[u8]>) -> Fault {
    match S::decode(body.as_ref()) {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(body.as_ref())),
        Err(fault) => fault,
    }
}

fn serialization<S: Shape>(body: impl AsRef<[u8]>) -> Option<String> {
    let fault = refused::<S>(body.as_ref());
    let shown = String::from_utf8_lossy(body.as_ref());
    assert_eq!(
        fault.kind(),
        FaultKind::Serialization,
        "{fault} for {shown}"
    );
    fault.message().map(str::to_owned)
}

#[test]
fn anything_but_one_object_is_refused() {
    let bodies: [&[u8]; 20] = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"\"x\"",
        b"1",
        b"{",
        b"}",
        b"{\"Limit\":1,}",
        b"{\"Limit\":1}x",
        b"{\"Limit\":1}{}",
        b"{\"Limit\":1} null",
        b"{'Limit':1}",
        b"{Limit:1}",
        b"{\"Limit\":1 // c\n}",
        b"\xef\xbb\xbf{}",
        b"{\0}",
        b"{\"Marker\":\"a\nb\"}",
        b"\xfe\xff\x00{\x00}",
        b"{\x00}\x00",
    ];
    for body in bodies {
        assert_eq!(serialization::<ListKeys>(body), None);
    }
    assert!(ListKeys::decode(b" {} \r\n").is_ok());
}

#[test]
fn a_member_named_twice_is_refused_at_every_level() {
    for body in [
        r#"{"KeyId":"A","KeyId":"B","Plaintext":"QQ=="}"#,
        r#"{"KeyId":"A","KeyId":"A","Plaintext":"QQ=="}"#,
        r#"{"KeyId":"A","Key\u0049d":"B","Plaintext":"QQ=="}"#,
        r#"{"KeyId":"A","Plaintext":"QQ==","EncryptionContext":{"a":"1","a":"2"}}"#,
        r#"{"KeyId":"A","Plaintext":"QQ==","Unknown":[{"x":1,"x":1}]}"#,
    ] {
        assert_eq!(serialization::<Encrypt>(body), None);
    }
    let many: Vec<String> = (0..200).map(|n| format!(r#""k{n}":1"#)).collect();
    let distinct = format!("{{{}}}", many.join(","));
    assert!(ListKeys::decode(distinct.as_bytes()).is_ok());
    let twice = format!("{{{},\"k77\":2}}", many.join(","));
    assert_eq!(serialization::<ListKeys>(twice), None);
}

#[test]
fn nesting_is_bounded_in_known_and_unknown_members() {
    let nested = |member: &str, depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!("{{\"{member}\":{open}{close}}}")
    };
    // The object itself is the first level.
    let deepest = limits::DEPTH_MAX as usize - 1;
    assert!(ListKeys::decode(nested("Unknown", deepest).as_bytes()).is_ok());
    for depth in [deepest + 1, 100_000] {
        let fault = refused::<ListKeys>(nested("Unknown", depth));
        assert_eq!(fault.kind(), FaultKind::Serialization);
        let cause = fault.cause().unwrap().to_string();
        assert!(cause.contains("DEPTH_MAX"), "{cause}");
        assert_eq!(serialization::<ListKeys>(nested("Limit", depth)), None);
    }
    let objects = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert_eq!(serialization::<ListKeys>(objects), None);
    assert_eq!(serialization::<ListKeys>("{\"a\":".repeat(100_000)), None);
}

#[test]
fn the_number_of_values_is_bounded() {
    let list = |values: u32| format!("{{\"x\":[{}0]}}", "0,".repeat(values as usize - 1));
    // The object and the list count as well.
    assert!(ListKeys::decode(list(limits::NODES_MAX - 2).as_bytes()).is_ok());
    let members: Vec<String> = (0..70_000).map(|n| format!("\"m{n}\":0")).collect();
    for body in [
        list(limits::NODES_MAX - 1),
        format!("{{\"x\":[{}[]]}}", "[],".repeat(300_000)),
        format!("{{\"x\":[{}\"\"]}}", "\"\",".repeat(300_000)),
        format!("{{{}}}", members.join(",")),
        format!("{{\"EncryptionContext\":{{{}}}}}", members.join(",")),
    ] {
        let fault = refused::<ListKeys>(body);
        assert_eq!(fault.kind(), FaultKind::Serialization);
        let cause = fault.cause().unwrap().to_string();
        assert!(cause.contains("NODES_MAX"), "{cause}");
    }
}

#[test]
fn the_length_of_a_body_is_bounded() {
    let padded = |len: usize| format!("{{{}}}", " ".repeat(len - 2));
    assert!(ListKeys::decode(padded(limits::BODY_MAX_BYTES).as_bytes()).is_ok());
    let fault = refused::<ListKeys>(padded(limits::BODY_MAX_BYTES + 1));
    assert_eq!(fault.kind(), FaultKind::Serialization);
    let name = format!("{{\"{}\":1}}", "k".repeat(limits::BODY_MAX_BYTES - 10));
    assert!(ListKeys::decode(name.as_bytes()).is_ok());
}

#[test]
fn text_must_be_unicode() {
    for body in [
        &br#"{"Marker":"\ud800"}"#[..],
        br#"{"Marker":"\udc00\ud800"}"#,
        br#"{"Marker":"\ud800x"}"#,
        br#"{"\ud800":1}"#,
        b"{\"Marker\":\"\xff\"}",
        b"{\"Marker\":\"\xc0\x80\"}",
        b"{\"Marker\":\"\xed\xa0\x80\"}",
        b"{\"Unknown\":\"\xf4\x90\x80\x80\"}",
        b"{\"\xff\":1}",
        br#"{"Marker":"\x41"}"#,
    ] {
        assert_eq!(serialization::<ListKeys>(body), None);
    }
    let input = ListKeys::decode(br#"{"Marker":"\u0041\u00e9"}"#).unwrap();
    assert_eq!(input.marker.as_deref(), Some("Aé"));
}

#[test]
fn numbers_never_wrap() {
    for number in [
        "1e400", "-1e400", "007", "+1", "NaN", "Infinity", "0x10", "1.", ".5", "1e",
    ] {
        let body = format!("{{\"Limit\":{number}}}");
        assert_eq!(serialization::<ListKeys>(body), None);
    }
    for number in [
        "1.0",
        "-0",
        "1e2",
        "0.5",
        "18446744073709551616",
        "-9223372036854775809",
    ] {
        let body = format!("{{\"Limit\":{number}}}");
        let message = serialization::<ListKeys>(body).unwrap();
        assert_eq!(message, "DECIMAL_VALUE can not be converted to an Integer");
    }
    for number in [
        "2147483648",
        "-2147483649",
        "4294967297",
        "9223372036854775808",
    ] {
        let body = format!("{{\"Limit\":{number}}}");
        let message = serialization::<ListKeys>(body).unwrap();
        assert_eq!(message, "NUMBER_VALUE can not be converted to an Integer");
    }
    for number in ["0", "-1", "1001", "2147483647", "-2147483648"] {
        let fault = refused::<ListKeys>(format!("{{\"Limit\":{number}}}"));
        assert_eq!(fault.kind(), FaultKind::Validation);
    }
    for (number, expected) in [("1", 1), ("1000", 1000)] {
        let body = format!("{{\"Limit\":{number}}}");
        assert_eq!(
            ListKeys::decode(body.as_bytes()).unwrap().limit,
            Some(expected)
        );
    }
}

#[test]
fn moments_are_bounded_numbers() {
    let body = |time: &str| {
        format!(
            r#"{{"KeyId":"k","ImportToken":"QQ==","EncryptedKeyMaterial":"QQ==","ValidTo":{time}}}"#
        )
    };
    for (time, millis) in [
        ("0", 0),
        ("1568290320.123", 1_568_290_320_123),
        ("1.568290320123E9", 1_568_290_320_123),
        ("253402300799", 253_402_300_799_000),
    ] {
        let input = ImportKeyMaterial::decode(body(time).as_bytes()).unwrap();
        assert_eq!(input.valid_to.unwrap().as_millis(), millis);
    }
    for time in [
        "-1",
        "-0.5",
        "253402300800",
        "1e300",
        "18446744073709551615",
    ] {
        assert_eq!(
            serialization::<ImportKeyMaterial>(body(time)).unwrap(),
            "NUMBER_VALUE can not be converted to a Timestamp"
        );
    }
    assert_eq!(
        serialization::<ImportKeyMaterial>(body("\"2026-01-01\"")).unwrap(),
        "STRING_VALUE can not be converted to a Timestamp"
    );
}

#[test]
fn wrong_json_types_are_named() {
    let cases = [
        (
            r#"{"KeyId":1}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"KeyId":1.5}"#,
            "DECIMAL_VALUE can not be converted to a String",
        ),
        (
            r#"{"KeyId":true}"#,
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            r#"{"KeyId":{}}"#,
            "Start of structure or map found where not expected.",
        ),
        (
            r#"{"KeyId":["k"]}"#,
            "Start of list found where not expected.",
        ),
        (
            r#"{"EncryptionAlgorithm":7}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"DryRun":"true"}"#,
            "STRING_VALUE can not be converted to a Boolean",
        ),
        (
            r#"{"DryRun":1}"#,
            "NUMBER_VALUE can not be converted to a Boolean",
        ),
        (
            r#"{"Plaintext":{}}"#,
            "Start of structure or map found where not expected.",
        ),
        (
            r#"{"Plaintext":false}"#,
            "FALSE_VALUE can not be converted to a Blob",
        ),
        (r#"{"GrantTokens":"t"}"#, "Expected list or null"),
        (
            r#"{"GrantTokens":{}}"#,
            "Start of structure or map found where not expected.",
        ),
        (
            r#"{"GrantTokens":[1]}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (r#"{"EncryptionContext":"x"}"#, "Expected map or null"),
        (
            r#"{"EncryptionContext":[]}"#,
            "Start of list found where not expected.",
        ),
        (
            r#"{"EncryptionContext":{"a":{}}}"#,
            "Start of structure or map found where not expected.",
        ),
        (
            r#"{"EncryptionContext":{"a":null}}"#,
            "NULL_VALUE can not be converted to a String",
        ),
        (
            r#"{"EncryptionContext":{"a":1.5}}"#,
            "DECIMAL_VALUE can not be converted to a String",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(
            serialization::<Encrypt>(body).as_deref(),
            Some(message),
            "{body}"
        );
    }
    assert_eq!(
        serialization::<ListKeys>(r#"{"Limit":"5"}"#).unwrap(),
        "STRING_VALUE can not be converted to an Integer"
    );
    assert_eq!(
        serialization::<CreateKey>(r#"{"Tags":["a"]}"#).unwrap(),
        "Expected map or null"
    );
}

#[test]
fn unknown_members_and_other_cases_are_ignored() {
    let body = r#"{"__proto__":{"KeyId":"x"},"constructor":1,"keyId":"x","KEYID":2,
        "KeyId":"k","Plaintext":"QQ==","plaintext":"QkI=","DryRun":null,"EncryptionContext":null}"#;
    let input = Encrypt::decode(body.as_bytes()).unwrap();
    assert_eq!(input.key_id, "k");
    assert_eq!(input.plaintext.expose(), b"A");
    assert_eq!(input.dry_run, None);
    assert!(input.encryption_context.is_empty());
    let fault = refused::<Encrypt>(r#"{"keyId":"k","Plaintext":"QQ=="}"#);
    assert_eq!(fault.kind(), FaultKind::Validation);
}

#[test]
fn context_values_may_be_integers_and_booleans() {
    let body = br#"{"KeyId":"k","Plaintext":"QQ==",
        "EncryptionContext":{"z":-9223372036854775808,"a":true,"m":18446744073709551615,"":"","\u00e9":"\ud83d\ude00"}}"#;
    let input = Encrypt::decode(body).unwrap();
    let pairs: Vec<_> = input.encryption_context.pairs().collect();
    assert_eq!(
        pairs,
        [
            ("", ""),
            ("a", "true"),
            ("m", "18446744073709551615"),
            ("z", "-9223372036854775808"),
            ("é", "😀"),
        ]
    );
}

#[test]
fn base64_has_one_spelling() {
    for text in [
        "QQ",
        "QQ=",
        "QQ===",
        "Q",
        "Q===",
        "=QQ=",
        "QQ==QQ==",
        "QR==",
        "QUJ=",
        "QUF=",
        "Q Q==",
        "QQ==\\n",
        "\\nQQ==",
        "QQ\\r\\n==",
        "-_-_",
        "QUI_",
        "é",
        "====",
        "QQ==\\u0000",
    ] {
        let plaintext = format!(r#"{{"KeyId":"k","Plaintext":"{text}"}}"#);
        let ciphertext = format!(r#"{{"CiphertextBlob":"{text}"}}"#);
        for message in [
            serialization::<Encrypt>(plaintext),
            serialization::<Decrypt>(ciphertext),
        ] {
            assert_eq!(message.unwrap(), "The value is not valid Base64", "{text}");
        }
    }
    // Escaped characters are no other spelling of base64, only of JSON.
    let input = Encrypt::decode(br#"{"KeyId":"k","Plaintext":"\/+\u002f+"}"#).unwrap();
    assert_eq!(input.plaintext.expose(), [0xff, 0xef, 0xfe]);
}

#[test]
fn operation_names_are_exact() {
    for name in [
        "",
        "encrypt",
        "ENCRYPT",
        "Encrypt ",
        "X.Encrypt",
        "Encrypt\0",
        "Encryрt",
    ] {
        assert_eq!(OperationName::parse(name), None, "{name}");
    }
    assert_eq!(OperationName::ALL.len(), 56);
    for operation in OperationName::ALL {
        assert_eq!(OperationName::parse(operation.as_str()), Some(*operation));
    }
}

macro_rules! decode_all {
    ($body:expr, $($name:ident)*) => {$(
        let _ = keystead_api::$name::decode($body).map(|input| {
            let mut out = Vec::new();
            keystead_api::$name::audit_parameters(&input, &mut out);
            let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert!(parsed.is_object() || parsed.is_null());
        });
    )*};
}

fn decode_each(body: &[u8]) {
    decode_all!(body, Encrypt Decrypt CreateKey CreateGrant ImportKeyMaterial ListKeys Sign
        CreateCustomKeyStore TagResource GenerateRandom ReEncrypt DeriveSharedSecret);
}

/// JSON that comes near to requests: known names, odd values.
fn near_request() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"QQ==\"".to_owned()),
        Just("\"SYMMETRIC_DEFAULT\"".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        "-?[0-9]{1,20}(\\.[0-9]{1,3})?(e-?[0-9]{1,3})?",
        "\"[a-zA-Z0-9:/ é_.=-]{0,40}\"",
    ];
    let name = prop::sample::select(vec![
        "KeyId",
        "Plaintext",
        "CiphertextBlob",
        "EncryptionContext",
        "GrantTokens",
        "Limit",
        "DryRun",
        "Tags",
        "TagKey",
        "TagValue",
        "Operations",
        "Constraints",
        "Recipient",
        "AttestationDocument",
        "KeySpec",
        "Message",
        "ValidTo",
        "ImportToken",
        "Policy",
        "x",
        "EncryptedKeyMaterial",
        "GranteePrincipal",
        "EncryptionContextEquals",
        "NumberOfBytes",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|l| format!("[{}]", l.join(","))),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(n, v)| format!("\"{n}\":{v}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_each(&body);
    }

    #[test]
    fn near_requests_never_panic(body in near_request()) {
        decode_each(body.as_bytes());
    }

    #[test]
    fn cut_and_changed_requests_never_panic(cut in 0usize..200, at in 0usize..200, byte: u8) {
        let mut body = br#"{"KeyId":"alias/a","Plaintext":"QUFBQQ==","EncryptionContext":{"a":"b\u00e9","c":"d"},"GrantTokens":["t"],"DryRun":true}"#.to_vec();
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        body.truncate(cut);
        decode_each(&body);
    }
}

#[test]
fn generate_random_takes_nothing() {
    assert_eq!(GenerateRandom::decode(b"{}").unwrap().number_of_bytes, None);
}
