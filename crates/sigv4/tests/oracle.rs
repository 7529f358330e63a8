//! Whatever the official Rust signer signs must verify, and must not verify after a change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod signing;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use keystead_sigv4::{Settings, Verifier};
use keystead_types::Timestamp;
use proptest::prelude::*;
use signing::{Draft, Keys};

#[derive(Debug, Clone)]
struct Case {
    id: String,
    secret: String,
    token: Option<String>,
    region: String,
    seconds: u64,
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    hashed: bool,
    /// Signed as S3's clients do it.
    s3: bool,
}

prop_compose! {
    fn cases()(
        id in "[A-Z0-9_]{1,128}",
        secret in "[A-Za-z0-9/+]{1,100}",
        token in proptest::option::of("[A-Za-z0-9/+=]{1,700}"),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        seconds in 0u64..4_000_000_000,
        method in prop_oneof![Just("POST"), Just("GET"), Just("PUT")],
        path in "(/[A-Za-z0-9_~:@%-]{1,8}){0,3}/?",
        query in proptest::collection::btree_map("[a-wyz][A-Za-z0-9 %&=/é+]{0,6}", "[ -~é]{0,9}", 0..5),
        headers in proptest::collection::btree_map("[a-gi-wyz][a-z0-9-]{0,9}[0-9]|x-amz-[e-r]{1,8}", "[ -~]{0,40}", 0..8),
        body in proptest::collection::vec(any::<u8>(), 0..2000),
        hashed in any::<bool>(),
    ) -> Case {
        let path = if path.is_empty() { "/".to_owned() } else { path };
        // Names that differ in case only are refused here.
        let mut names = std::collections::BTreeSet::new();
        let query = query.into_iter().filter(|(name, _)| names.insert(name.to_ascii_lowercase()));
        Case {
            id, secret, token, region, seconds, method,
            path: path.replace('%', "%25"),
            query: query.collect(), headers: headers.into_iter().collect(), body, hashed,
            s3: false,
        }
    }
}

prop_compose! {
    /// Requests for objects of any keys.
    fn objects()(
        case in cases(),
        segments in proptest::collection::vec("[ -.0-~éñ日\u{1f511}]{0,6}|[.]{1,2}", 0..5),
    ) -> Case {
        let segments: Vec<_> = segments.iter().map(|segment| escape(segment)).collect();
        Case { path: format!("/{}", segments.join("/")), s3: true, ..case }
    }
}

fn escape(text: &str) -> String {
    let escaped = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(b).to_string()
        }
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(escaped).collect()
}

impl Case {
    /// The request as the official signer leaves it.
    fn signed(&self) -> Draft {
        let identity =
            Identity::new(&self.id, &self.secret, self.token.clone(), None, "test").into();
        let mut settings = SigningSettings::default();
        if self.hashed {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if self.s3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("kms")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let pairs = self
            .query
            .iter()
            .map(|(n, v)| format!("{}={}", escape(n), escape(v)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = format!("https://kms.example.com{}{mark}{query}", self.path);
        let mut headers = vec![
            (
                "content-type".to_owned(),
                "application/x-amz-json-1.1".to_owned(),
            ),
            ("x-amz-target".to_owned(), "TrentService.Encrypt".to_owned()),
        ];
        headers.extend(self.headers.clone());
        let lines = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let body = SignableBody::Bytes(&self.body);
        let request = SignableRequest::new(self.method, uri, lines, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut draft = Draft {
            method: self.method.into(),
            path: self.path.clone(),
            query: (!query.is_empty()).then_some(query),
            headers: vec![("host".into(), b"kms.example.com".to_vec())],
            body: self.body.clone(),
            ..Draft::kms()
        };
        for (name, value) in headers {
            draft = draft.with(&name, value);
        }
        for (name, value) in instructions.headers() {
            draft = draft.with(name, value);
        }
        draft
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.seconds).unwrap() * 1000)
    }

    fn keys(&self) -> Keys {
        let keys = Keys::default();
        let session = self
            .token
            .as_deref()
            .map(|token| (token, self.now().plus_days(1)));
        keys.put(&self.id, &self.secret, session);
        keys
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_official_client_signs_verifies(case in cases(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let verifier = Verifier::new(Settings::new(&["kms"], |_, _| true).unwrap());
        let (draft, keys) = (case.signed(), case.keys());
        // Twice: with a derived key and with a kept one.
        for _ in 0..2 {
            let verified = draft.verify_with(&verifier, case.now(), &keys);
            prop_assert!(verified.is_ok(), "{:?}", verified.err());
            let verified = verified.unwrap();
            prop_assert_eq!(&**verified.access_key_id(), case.id.as_str());
            prop_assert_eq!(verified.region().as_str(), case.region.as_str());
            prop_assert_eq!(verified.signed_at(), case.now());
        }
        if !draft.body.is_empty() {
            let mut other = draft.clone();
            *at.get_mut(&mut other.body) ^= 1 << bit;
            prop_assert!(other.verify_with(&verifier, case.now(), &keys).is_err());
        }
        let mut other = draft;
        let line = at.index(other.headers.len());
        other.headers[line].1.push(b'x');
        prop_assert!(other.verify_with(&verifier, case.now(), &keys).is_err());
    }

    #[test]
    fn what_it_signs_for_objects_verifies_and_for_no_other_path(case in objects(), more in "[a-z/]") {
        let settings = Settings::new(&["kms"], |_, _| true).unwrap();
        let verifier = Verifier::new(settings.with_paths_of_s3());
        let (mut draft, keys) = (case.signed(), case.keys());
        let verified = draft.verify_with(&verifier, case.now(), &keys);
        prop_assert!(verified.is_ok(), "{:?}", verified.err());
        draft.path += &more;
        prop_assert!(draft.verify_with(&verifier, case.now(), &keys).is_err());
    }

    /// No bytes anywhere make the verifier panic, or verify.
    #[test]
    fn arbitrary_requests_are_refused(
        method in ".{0,20}",
        path in ".{0,40}",
        query in proptest::option::of(".{0,60}"),
        authorization in proptest::collection::vec(any::<u8>(), 0..200),
        parts in proptest::collection::vec("Credential=[A-Z/a-z0-9_-]{0,60}|SignedHeaders=[a-z;-]{0,40}|Signature=[0-9a-f]{64}|.{0,9}", 0..5),
        headers in proptest::collection::vec(("[a-z:-]{0,12}|host|date|x-amz-date|x-amz-target", proptest::collection::vec(any::<u8>(), 0..40)), 0..12),
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let tail = format!("AWS4-HMAC-SHA256 {}", parts.join(", "));
        for value in [authorization, tail.into_bytes()] {
            let draft = Draft {
                method: method.clone(), path: path.clone(), query: query.clone(),
                headers: headers.clone(), body: body.clone(), ..Draft::kms()
            };
            let draft = draft.with("authorization", value);
            prop_assert!(draft.verify().map_err(|why| why.fault().to_string()).is_err());
        }
    }
}
