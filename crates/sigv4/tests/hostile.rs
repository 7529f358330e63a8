//! What an attacker or a broken client sends, and the code and text of the answer: section B of
//! the hostile inputs, one test for each row.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod signing;

use keystead_sigv4::{Rejection, Settings, Verifier};
use keystead_types::Timestamp;
use signing::{Draft, INVALID_TOKEN, KEY_ID, Keys, MISMATCH, NOW, SECRET, answer, verifier};

const INCOMPLETE: &str = "IncompleteSignatureException";
const INVALID: &str = "InvalidSignatureException";
const UNRECOGNIZED: &str = "UnrecognizedClientException";

fn mismatch() -> (&'static str, String) {
    (INVALID, MISMATCH.to_owned())
}

fn unknown() -> (&'static str, String) {
    (UNRECOGNIZED, INVALID_TOKEN.to_owned())
}

#[test]
fn an_honest_request_passes() {
    let verified = Draft::kms().sign().verify().unwrap();
    assert_eq!(verified.region().as_str(), "us-east-1");
    assert_eq!(verified.service(), "kms");
    assert_eq!(verified.signed_at(), NOW);
    assert_eq!(&**verified.access_key_id(), KEY_ID);
    let ((name, account), _, _) = verified.into_parts();
    assert_eq!(
        (name.as_str(), account.as_str()),
        ("akidexample", "111122223333")
    );
}

#[test]
fn b1_no_credentials() {
    let missing = (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token".to_owned(),
    );
    assert_eq!(Draft::kms().refusal(), missing);
    let mut presigned = Draft::kms();
    presigned.query = Some(format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY_ID}"
    ));
    assert_eq!(presigned.refusal(), missing);
}

#[test]
fn b2_two_sets_of_credentials() {
    let twice = Draft::kms().sign();
    let value = twice.authorization();
    let twice = twice.with("authorization", value);
    assert_eq!(twice.refusal().0, INCOMPLETE);
    assert_eq!(
        twice.verify().unwrap_err(),
        Rejection::DuplicateHeader("authorization")
    );

    for query in [
        "X-Amz-Credential=AKIDOTHER",
        "x-amz-signature=00",
        "X%2DAmz-Security-Token=t",
    ] {
        let mut both = Draft::kms();
        both.query = Some(query.into());
        let both = both.sign();
        assert_eq!(both.refusal().0, INCOMPLETE, "{query}");
        assert_eq!(both.verify().unwrap_err(), Rejection::TwoForms, "{query}");
    }
}

#[test]
fn b3_key_ids_that_are_unknown_or_malformed() {
    let with_id = |id: &str| {
        Draft {
            key_id: id.into(),
            ..Draft::kms()
        }
        .sign()
    };
    assert_eq!(with_id("AKIDOTHER").refusal(), unknown());
    assert_eq!(with_id("akidexample").refusal(), unknown());
    assert_eq!(with_id(&"A".repeat(128)).refusal(), unknown());
    let long = "A".repeat(4096);
    for id in [
        "",
        "AKID/EXAMPLE",
        "AKID EXAMPLE",
        "AKID\nEXAMPLE",
        "../x",
        "AKIDÉ",
        &long,
    ] {
        let (code, text) = with_id(id).refusal();
        assert_eq!(code, INCOMPLETE, "{id}");
        assert!(text.len() < 1024, "{id}");
    }
    // Whoever signs with the secret that stands in for an unknown key gets nowhere.
    let mut stand_in = Draft {
        key_id: "AKIDOTHER".into(),
        ..Draft::kms()
    };
    stand_in.secret = "0".repeat(40);
    assert_eq!(stand_in.sign().refusal(), unknown());
    let empty = Draft {
        key_id: "AKIDOTHER".into(),
        secret: String::new(),
        ..Draft::kms()
    };
    assert_eq!(empty.sign().refusal(), unknown());
    let own_id = Draft {
        secret: KEY_ID.into(),
        ..Draft::kms()
    };
    assert_eq!(own_id.sign().refusal(), mismatch());
}

#[test]
fn b4_signatures_in_another_form() {
    let good = Draft::kms().sign();
    let text = Draft::kms().authorization();
    let signature = text.rsplit('=').next().unwrap().to_owned();
    assert_eq!(signature.len(), 64);
    let upper = signature.to_uppercase();
    assert_ne!(upper, signature);
    for bad in [
        upper.as_str(),
        &signature[..63],
        &format!("{signature}0"),
        &"g".repeat(64),
        &format!("0x{}", &signature[2..]),
        &"0".repeat(64),
        "-",
        &format!("{signature}=="),
    ] {
        assert_eq!(
            good.clone().edit(&signature, bad).refusal(),
            mismatch(),
            "{bad}"
        );
    }
    let (code, text) = good.edit(&signature, "").refusal();
    assert_eq!(code, INCOMPLETE);
    assert!(
        text.starts_with("Authorization header requires 'Signature' parameter. Authorization=")
    );
}

#[test]
fn b6_headers_that_must_be_signed() {
    let unsigned = |name: &str| {
        let refused = Draft::kms()
            .with("x-amz-meta", "1")
            .unsigned(&[name])
            .sign();
        assert_eq!(
            refused.verify().unwrap_err(),
            Rejection::Unsigned(name.into())
        );
        refused.refusal()
    };
    let text = |name: &str| format!("{name} must be a 'SignedHeader' in the AWS Authorization.");
    assert_eq!(unsigned("host"), (INVALID, text("'Host' or ':authority'")));
    for name in ["x-amz-date", "x-amz-target", "content-type", "x-amz-meta"] {
        assert_eq!(unsigned(name), (INVALID, text(&format!("'{name}'"))));
    }
    let no_host = Draft::kms().without("host").sign();
    assert_eq!(no_host.refusal(), (INVALID, text("'Host' or ':authority'")));
    // What clients leave unsigned stays free.
    let free = Draft::kms()
        .with("user-agent", "x")
        .with("x-amzn-trace-id", "y")
        .with("date", "z");
    let free = free
        .unsigned(&["user-agent", "x-amzn-trace-id", "date"])
        .sign();
    assert!(free.verify().is_ok());
}

#[test]
fn signed_headers_is_a_sorted_list_of_present_names() {
    let good = Draft::kms().with("authority", "x");
    let names = "authority;content-type;host;x-amz-date;x-amz-target";
    assert!(good.clone().sign().verify().is_ok());
    for list in [
        "content-type;authority;host;x-amz-date;x-amz-target",
        "authority;authority;content-type;host;x-amz-date;x-amz-target",
        ";authority;content-type;host;x-amz-date;x-amz-target",
        "authority;;content-type;host;x-amz-date;x-amz-target",
        "authority;content-type;host;x-amz-date;x-amz-target;",
        "Authority;content-type;host;x-amz-date;x-amz-target",
        "absent;authority;content-type;host;x-amz-date;x-amz-target",
        "authority;authorization;content-type;host;x-amz-date;x-amz-target",
        "authority; content-type;host;x-amz-date;x-amz-target",
        "*",
    ] {
        let edited = good.clone().sign().edit(names, list);
        assert_eq!(
            edited.verify().unwrap_err(),
            Rejection::SignedHeaders,
            "{list}"
        );
        assert_eq!(edited.refusal(), mismatch());
        let mut signed = good.clone();
        signed.signed = Some(list.split(';').map(str::to_owned).collect());
        assert_eq!(
            signed.sign().verify().unwrap_err(),
            Rejection::SignedHeaders,
            "{list}"
        );
    }
}

#[test]
fn b7_headers_that_decide_come_once() {
    for (name, second) in [
        ("x-amz-target", "TrentService.Decrypt"),
        ("x-amz-date", "20150830T123600Z"),
        ("host", "kms.us-east-1.example.com"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-security-token", "t"),
        ("x-amz-content-sha256", "0"),
    ] {
        let once = Draft::kms();
        let once = match once.headers.iter().any(|(own, _)| own == name) {
            true => once,
            false => once.with(name, second),
        };
        let twice = once.sign().with(name, second);
        assert_eq!(twice.refusal().0, INCOMPLETE, "{name}");
        let signed_twice = twice.without("authorization").sign();
        for request in [turned(&signed_twice), signed_twice] {
            let why = request.verify().unwrap_err();
            assert!(
                matches!(why, Rejection::DuplicateHeader(own) if own == name),
                "{name}"
            );
        }
    }
    let other_case = Draft::kms()
        .sign()
        .with("X-Amz-Target", "TrentService.Decrypt");
    assert_eq!(other_case.verify().unwrap_err(), Rejection::HeaderName);
    let many = (0..130).fold(Draft::kms(), |draft, n| draft.with(&format!("a{n}"), "1"));
    assert_eq!(many.sign().verify().unwrap_err(), Rejection::TooManyHeaders);
}

/// The same lines with the last one first.
fn turned(draft: &Draft) -> Draft {
    let mut turned = draft.clone();
    turned.headers.rotate_right(2);
    turned
}

#[test]
fn b8_scopes_of_something_else() {
    let scoped = |at: usize, value: &str| {
        let mut draft = Draft::kms();
        draft.scope[at] = value.into();
        draft.sign().refusal()
    };
    let say = |text: &str| (INVALID, text.to_owned());
    assert_eq!(
        scoped(0, "20150829"),
        say(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '20150829' != '20150830', from '20150830T123600Z'."
        )
    );
    for region in [
        "us-west-2",
        "US-EAST-1",
        "us-east-1 ",
        "",
        "*",
        "us-east-1a",
    ] {
        assert_eq!(
            scoped(1, region),
            say("Credential should be scoped to a valid region."),
            "{region}"
        );
    }
    for service in ["sts", "KMS", "", "kms."] {
        assert_eq!(
            scoped(2, service),
            say("Credential should be scoped to correct service: 'kms'."),
            "{service}"
        );
    }
    assert_eq!(
        scoped(3, "aws4_requesT"),
        say(
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4_requesT'."
        )
    );
    let cut = Draft::kms().sign().edit("/aws4_request", "");
    assert_eq!(cut.refusal().0, INCOMPLETE);
}

#[test]
fn b9_dates_at_the_edges_of_the_window() {
    let at = |date: &str| Draft::kms().at(date).sign();
    for good in [
        "20150830T123101Z",
        "20150830T123100Z",
        "20150830T124100Z",
        "20150830T124059Z",
    ] {
        assert!(at(good).verify().is_ok(), "{good}");
    }
    let expired = "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z \
        (20150830T123600Z - 5 min.)";
    assert_eq!(
        at("20150830T123059Z").refusal(),
        (INVALID, expired.to_owned())
    );
    let early = "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z \
        (20150830T123600Z + 5 min.)";
    assert_eq!(
        at("20150830T124101Z").refusal(),
        (INVALID, early.to_owned())
    );
    for bad in [
        "20150830T123660Z",
        "20150230T123600Z",
        "00000830T123600Z",
        "20150830T123600",
        "20150830t123600z",
        "2015-08-30T12:36:00Z",
        "20150830T123600+0000",
        "20150830T123600Z,20150830T123600Z",
    ] {
        let (code, text) = at(bad).refusal();
        assert_eq!(code, INCOMPLETE, "{bad}");
        assert_eq!(
            text,
            format!(
                "Date must be in ISO-8601 'basic format'. Got '{bad}'. See http://en.wikipedia.org/wiki/ISO_8601"
            )
        );
    }
}

#[test]
fn the_window_is_a_setting_and_dates_cross_days() {
    let settings = Settings::new(&["kms"], |_, _| true).unwrap();
    let wide = Verifier::new(settings.with_skew_millis(15 * 60_000).unwrap());
    let keys = Keys::example();
    let midnight = Timestamp::from_millis(1_440_979_200_000);
    let before = Draft::kms().at("20150830T234500Z").sign();
    assert!(before.verify_with(&wide, midnight, &keys).is_ok());
    let after = Draft::kms().at("20150831T001501Z").sign();
    let why = after.verify_with(&wide, midnight, &keys).unwrap_err();
    assert_eq!(
        answer(&why).1,
        "Signature not yet current: 20150831T001501Z is still later than 20150831T001500Z \
         (20150831T000000Z + 15 min.)"
    );
}

#[test]
fn the_date_header_serves_if_there_is_no_other() {
    let dated = |date: &str| {
        let mut draft = Draft::kms().without("x-amz-date").with("date", date);
        draft.date = Some("20150830T123600Z".into());
        draft
    };
    for good in [
        "Sun, 30 Aug 2015 12:36:00 GMT",
        "Sun, 30 Aug 2015 12:36:00 -0000",
        "20150830T123600Z",
    ] {
        assert!(dated(good).sign().verify().is_ok(), "{good}");
    }
    assert_eq!(
        dated("Mon, 30 Aug 2015 12:36:00 GMT").sign().refusal().0,
        INCOMPLETE
    );
    let unsigned = dated("20150830T123600Z").unsigned(&["date"]).sign();
    assert_eq!(
        unsigned.verify().unwrap_err(),
        Rejection::Unsigned("date".into())
    );
    let twice = dated("20150830T123600Z")
        .with("date", "20150830T123600Z")
        .sign();
    assert_eq!(
        twice.verify().unwrap_err(),
        Rejection::DuplicateHeader("date")
    );
    // x-amz-date wins, whatever the other says.
    assert!(
        Draft::kms()
            .with("date", "yesterday")
            .sign()
            .verify()
            .is_ok()
    );
    let none = Draft::kms().sign().without("x-amz-date");
    let (code, text) = none.refusal();
    assert_eq!(code, INCOMPLETE);
    assert!(text.starts_with(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization=AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"
    ));
}

#[test]
fn b10_payload_digests_that_are_not_the_bodys() {
    let digest = |value: &str| Draft::kms().with("x-amz-content-sha256", value).sign();
    let body = Draft::kms().body;
    let right = signing::hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &body).as_ref());
    assert!(digest(&right).verify().is_ok());
    for bad in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "",
        &right.to_uppercase(),
        &right[..63],
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ] {
        assert_eq!(digest(bad).refusal(), mismatch(), "{bad}");
        assert_eq!(digest(bad).verify().unwrap_err(), Rejection::Payload);
    }
}

#[test]
fn b11_session_tokens() {
    let keys = Keys::example();
    keys.put(
        "ASIAONE",
        "secret-one",
        Some(("token-one", NOW.plus_millis(1))),
    );
    keys.put(
        "ASIATWO",
        "secret-two",
        Some(("token-two", NOW.plus_days(1))),
    );
    keys.put("ASIALATE", "secret-late", Some(("token-late", NOW)));
    keys.put("ASIAVOID", "secret-void", Some(("", NOW.plus_days(1))));
    let with = |id: &str, secret: &str, token: Option<&str>| {
        let draft = Draft {
            key_id: id.into(),
            secret: secret.into(),
            ..Draft::kms()
        };
        let draft = match token {
            Some(token) => draft.with("x-amz-security-token", token),
            None => draft,
        };
        draft
            .sign()
            .verify_with(&verifier(), NOW, &keys)
            .map_err(|why| answer(&why))
    };
    assert!(with("ASIAONE", "secret-one", Some("token-one")).is_ok());
    let long = "t".repeat(65_536);
    for (id, secret, token) in [
        ("ASIATWO", "secret-two", Some("token-one")),
        ("ASIATWO", "secret-one", Some("token-one")),
        ("ASIAONE", "secret-one", Some("token-on")),
        ("ASIAONE", "secret-one", Some("token-onf")),
        ("ASIAONE", "secret-one", Some("")),
        ("ASIAONE", "secret-one", Some(&*long)),
        ("ASIAONE", "secret-one", None),
        ("ASIAVOID", "secret-void", Some("")),
        (KEY_ID, SECRET, Some("token-one")),
        (KEY_ID, SECRET, Some("")),
        ("ASIANONE", SECRET, Some("token-one")),
    ] {
        assert_eq!(
            with(id, secret, token).unwrap_err(),
            unknown(),
            "{id} {token:?}"
        );
    }
    let expired = "The security token included in the request is expired";
    assert_eq!(
        with("ASIALATE", "secret-late", Some("token-late")).unwrap_err(),
        ("ExpiredTokenException", expired.to_owned())
    );
    // That a session is over is told to its holder only.
    assert_eq!(
        with("ASIALATE", "guess", Some("token-late")).unwrap_err(),
        mismatch()
    );
}

#[test]
fn sigv4a_and_other_schemes_are_refused() {
    let sigv4a = Draft::kms()
        .sign()
        .edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    assert_eq!(
        sigv4a.refusal(),
        (
            INCOMPLETE,
            "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.".to_owned()
        )
    );
    for scheme in ["Bearer", "aws4-hmac-sha256", "AWS3-HMAC-SHA256", "AWS"] {
        let (code, text) = Draft::kms()
            .sign()
            .edit("AWS4-HMAC-SHA256", scheme)
            .refusal();
        assert_eq!(code, INCOMPLETE);
        assert_eq!(
            text,
            format!(
                "Authorization header requires 'Credential' parameter. Authorization header \
                 requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
                 parameter. Authorization={scheme}"
            )
        );
    }
    assert_eq!(
        Draft::kms().with("authorization", "").refusal().0,
        INCOMPLETE
    );
}

#[test]
fn only_configured_hosts_are_served() {
    let settings = Settings::new(&["kms"], |_, _| true).unwrap();
    let ours = Verifier::new(settings.with_hosts(vec!["kms.us-east-1.example.com".into()]));
    let keys = Keys::example();
    let to = |host: &str| {
        let draft = Draft::kms().without("host").with("host", host).sign();
        draft
            .verify_with(&ours, NOW, &keys)
            .map_err(|why| answer(&why))
    };
    assert!(to("kms.us-east-1.example.com:8443").is_ok());
    assert_eq!(to("kms.us-west-2.example.com").unwrap_err(), mismatch());
    assert_eq!(to("").unwrap_err().0, INVALID);
}

#[test]
fn control_bytes_cannot_forge_lines() {
    for value in [
        "1\nx-amz-target:TrentService.Decrypt",
        "1\r",
        "\0",
        "\u{7f}",
    ] {
        let forged = Draft::kms().with("a", value).sign();
        assert_eq!(
            forged.verify().unwrap_err(),
            Rejection::NotCanonical("header value")
        );
    }
    for name in ["a:1\nhost", "a b", "a;b", "", "é"] {
        let forged = Draft::kms().with(name, "1").sign();
        assert_eq!(forged.verify().unwrap_err(), Rejection::HeaderName);
    }
    for method in ["", "post", "POST\n/", "PO ST", "ABCDEFGHIJKLMNOPQ"] {
        let forged = Draft {
            method: method.into(),
            ..Draft::kms()
        }
        .sign();
        assert_eq!(
            forged.verify().unwrap_err(),
            Rejection::NotCanonical("method")
        );
    }
}

#[test]
fn answers_do_not_contain_the_right_signature() {
    let good = Draft::kms().authorization();
    let signature = good.rsplit('=').next().unwrap().to_owned();
    let wrong = Draft::kms().sign().edit(&signature, &"0".repeat(64));
    let why = wrong.verify().unwrap_err();
    let fault = why.fault();
    for text in [fault.to_string(), format!("{fault:?}"), why.to_string()] {
        assert!(
            !text.contains(&signature) && !text.contains("x-amz-date"),
            "{text}"
        );
    }
}

#[test]
fn the_claimed_key_id_is_there_for_the_audit() {
    let claimed = |draft: &Draft| {
        let lines: Vec<_> = draft
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_slice()))
            .collect();
        let request = keystead_sigv4::Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &lines,
            body: keystead_sigv4::Payload::Bytes(b""),
        };
        keystead_sigv4::claimed_access_key_id(&request).map(str::to_owned)
    };
    assert_eq!(claimed(&Draft::kms().sign()).as_deref(), Some(KEY_ID));
    assert_eq!(claimed(&Draft::kms()), None);
    assert_eq!(claimed(&Draft::kms().sign().sign()), None);
}
