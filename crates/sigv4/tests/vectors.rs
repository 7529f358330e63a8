//! Known answers of the AWS Signature Version 4 test suite (header form), made by other code
//! than ours. Source: <https://github.com/awslabs/aws-c-auth>, `tests/aws-signing-test-suite/v4`.
//!
//! The suite's `-normalized` cases are left out: a path that is not normal on arrival is refused
//! here (`ambiguous_paths_are_refused`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod signing;

use keystead_sigv4::{Rejection, Settings, Verifier};
use signing::{Draft, KEY_ID, Keys, NOW};

struct Vector {
    name: &'static str,
    method: &'static str,
    /// Path and query.
    target: &'static str,
    /// Besides `host` and `x-amz-date`, in order of arrival.
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signed: &'static str,
    signature: &'static str,
}

const PLAIN: Vector = Vector {
    name: "get-vanilla",
    method: "GET",
    target: "/",
    headers: &[],
    body: "",
    signed: "host;x-amz-date",
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
};

const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
const STS_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

#[rustfmt::skip]
fn vectors() -> Vec<Vector> {
    vec![
        PLAIN,
        Vector { name: "get-header-key-duplicate", signed: "host;my-header1;x-amz-date",
            headers: &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea", ..PLAIN },
        Vector { name: "get-header-value-order", signed: "host;my-header1;x-amz-date",
            headers: &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")],
            signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01", ..PLAIN },
        Vector { name: "get-header-value-multiline (unfolded)", signed: "host;my-header1;x-amz-date",
            headers: &[("my-header1", "value1   value2      value3")],
            signature: "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd", ..PLAIN },
        Vector { name: "get-header-value-trim", signed: "host;my-header1;my-header2;x-amz-date",
            headers: &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736", ..PLAIN },
        Vector { name: "get-space-unnormalized", target: "/example space/",
            signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741", ..PLAIN },
        Vector { name: "get-unreserved", target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f", ..PLAIN },
        Vector { name: "get-utf8", target: "/ሴ",
            signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", ..PLAIN },
        Vector { name: "get-vanilla-empty-query-key", target: "/?Param1=value1",
            signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb", ..PLAIN },
        Vector { name: "get-vanilla-query-order-encoded", target: "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            signature: "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac", ..PLAIN },
        Vector { name: "get-vanilla-query-order-key-case", target: "/?Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", ..PLAIN },
        Vector { name: "get-vanilla-query-unreserved",
            target: "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197", ..PLAIN },
        Vector { name: "get-vanilla-utf8-query", target: "/?ሴ=bar",
            signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04", ..PLAIN },
        Vector { name: "get-vanilla-with-session-token", signed: "host;x-amz-date;x-amz-security-token",
            headers: &[("x-amz-security-token", TOKEN)],
            signature: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8", ..PLAIN },
        Vector { name: "post-vanilla", method: "POST",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", ..PLAIN },
        Vector { name: "post-header-key-sort", method: "POST", signed: "host;my-header1;x-amz-date",
            headers: &[("my-header1", "value1")],
            signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c", ..PLAIN },
        Vector { name: "post-header-value-case", method: "POST", signed: "host;my-header1;x-amz-date",
            headers: &[("my-header1", "VALUE1")],
            signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d", ..PLAIN },
        Vector { name: "post-sts-header-before", method: "POST", signed: "host;x-amz-date;x-amz-security-token",
            headers: &[("x-amz-security-token", STS_TOKEN)],
            signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead", ..PLAIN },
        Vector { name: "post-vanilla-query", method: "POST", target: "/?Param1=value1",
            signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11", ..PLAIN },
        Vector { name: "post-x-www-form-urlencoded", method: "POST", body: "Param1=value1",
            headers: &[("content-type", "application/x-www-form-urlencoded"), ("content-length", "13"),
                ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e")],
            signed: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b", ..PLAIN },
        Vector { name: "post-x-www-form-urlencoded-parameters", method: "POST", body: "Param1=value1",
            headers: &[("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("content-length", "13"),
                ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e")],
            signed: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            signature: "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422", ..PLAIN },
    ]
}

fn verifier() -> signing::Verifier {
    Verifier::new(Settings::new(&["service"], |_, _| true).unwrap())
}

fn keys(vector: &Vector) -> Keys {
    let keys = Keys::example();
    let token = vector
        .headers
        .iter()
        .find(|(name, _)| name.ends_with("-token"));
    if let Some((_, token)) = token {
        keys.put(KEY_ID, signing::SECRET, Some((token, NOW.plus_days(1))));
    }
    keys
}

fn draft(vector: &Vector) -> Draft {
    let (path, query) = match vector.target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (vector.target, None),
    };
    let mut draft = Draft {
        method: vector.method.into(),
        path: path.into(),
        query,
        headers: vec![],
        body: vector.body.into(),
        ..Draft::kms()
    }
    .with("host", "example.amazonaws.com");
    for (name, value) in vector.headers {
        draft = draft.with(name, value);
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={}, Signature={}",
        vector.signed, vector.signature
    );
    draft
        .with("x-amz-date", "20150830T123600Z")
        .with("authorization", authorization)
}

#[test]
fn the_published_signatures_verify() {
    for vector in vectors() {
        let verified = draft(&vector).verify_with(&verifier(), NOW, &keys(&vector));
        let verified = verified.unwrap_or_else(|why| panic!("{}: {why}", vector.name));
        assert_eq!(signing::hex(verified.signature()), vector.signature);
        assert_eq!(&**verified.access_key_id(), KEY_ID);
        assert_eq!(verified.service(), "service");
    }
}

#[test]
fn no_published_signature_fits_another_vector() {
    let all = vectors();
    for (own, other) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        if own.signature == other.signature || own.signed != other.signed {
            continue;
        }
        let mixed = draft(own).edit(own.signature, other.signature);
        let refused = mixed.verify_with(&verifier(), NOW, &keys(own)).err();
        assert_eq!(
            refused,
            Some(Rejection::Signature),
            "{} {}",
            own.name,
            other.name
        );
    }
}

/// post-sts-header-after adds the token after signing. KMS clients sign it; an unsigned one is
/// refused.
#[test]
fn a_token_added_after_signing_is_refused() {
    let vector = Vector {
        method: "POST",
        headers: &[("x-amz-security-token", STS_TOKEN)],
        signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ..PLAIN
    };
    let refused = draft(&vector).verify_with(&verifier(), NOW, &keys(&vector));
    assert_eq!(
        refused.err(),
        Some(Rejection::Unsigned("x-amz-security-token".into()))
    );
}

/// The `-normalized` cases: signed for the normal path, received as another one.
#[test]
fn ambiguous_paths_are_refused() {
    for target in [
        "/example/..",
        "/example1/example2/../..",
        "/./",
        "//",
        "/./example",
        "//example//",
    ] {
        let refused =
            draft(&Vector { target, ..PLAIN }).verify_with(&verifier(), NOW, &Keys::example());
        assert_eq!(
            refused.err(),
            Some(Rejection::NotCanonical("path")),
            "{target}"
        );
    }
}
