//! AssumeRoleWithWebIdentity: tokens of a provider, good and forged.

use std::sync::atomic::Ordering;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding,
    RsaKeyPair,
};
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, OTHER, START, World, encoded, may, text, told, trust};

const ISSUER: &str = "id.example.com/realm";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/id.example.com/realm";
const SUBJECT: &str = "system:serviceaccount:prod:web";
const ACTIONS: &str =
    r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]"#;

/// A provider's signing key.
enum Signer {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>, &'static str),
    Ed(Box<Ed25519KeyPair>),
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    fn ec(curve: &'static str) -> Self {
        let algorithm = match curve {
            "P-256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
            "P-384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P521_SHA512_FIXED_SIGNING,
        };
        Self::Ec(Box::new(EcdsaKeyPair::generate(algorithm).unwrap()), curve)
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                // DER of a modulus of 2048 bits and the exponent 65537.
                let public = pair.public_key().as_ref();
                let (modulus, exponent) = (&public[9..265], &public[267..]);
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": b64(modulus), "e": b64(exponent)})
            }
            Self::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "kid": kid, "crv": curve, "x": b64(x), "y": b64(y)})
            }
            Self::Ed(pair) => {
                let x = b64(pair.public_key().as_ref());
                json!({"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x})
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding: &dyn RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut out).unwrap();
                out
            }
            Self::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let algorithm = header["alg"].as_str().unwrap_or_default();
        let signed = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", b64(signed))
    }
}

fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "kid": "one", "typ": "JWT"})
}

fn claims() -> Value {
    json!({
        "iss": format!("https://{ISSUER}"),
        "sub": SUBJECT,
        "aud": ["sts.amazonaws.com"],
        "iat": START,
        "nbf": START,
        "exp": START + 600,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims
            .as_object_mut()
            .unwrap()
            .insert(name.to_owned(), value),
    };
    claims
}

fn key_set(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

/// A provider with a key, and a role that trusts one subject of it.
async fn furnished(signer: &Signer) -> (World, String) {
    let world = World::new().await;
    let form = format!(
        "CreateOpenIDConnectProvider&Url={}&ClientIDList.member.1=sts.amazonaws.com&\
         ClientIDList.member.2=cli",
        encoded(&format!("https://{ISSUER}"))
    );
    world.iam(ACCOUNT, &form).await;
    let condition = format!(
        r#"{{"StringEquals":{{"{ISSUER}:sub":"{SUBJECT}"}},"ForAnyValue:StringEquals":{{"{ISSUER}:aud":["sts.amazonaws.com","cli"]}}}}"#
    );
    let policy = trust(
        &format!(r#"{{"Federated":"{PROVIDER}"}}"#),
        ACTIONS,
        &condition,
    );
    let role = world.role(ACCOUNT, "web", &policy, "").await;
    let set = key_set(&[signer.jwk("one")]);
    world
        .keys
        .kept
        .lock()
        .unwrap()
        .insert(ISSUER.to_owned(), set.clone());
    world
        .keys
        .fresh
        .lock()
        .unwrap()
        .insert(ISSUER.to_owned(), set);
    (world, role)
}

fn form(role: &str, token: &str) -> String {
    let (role, token) = (encoded(role), encoded(token));
    format!("AssumeRoleWithWebIdentity&RoleArn={role}&RoleSessionName=pod&WebIdentityToken={token}")
}

async fn refused(world: &World, role: &str, token: &str) -> (String, String) {
    match world.sts(None, &form(role, token)).await {
        Ok(xml) => panic!("accepted: {xml}"),
        Err(fault) => told(&fault),
    }
}

#[tokio::test]
async fn a_pod_needs_no_secret() {
    let signer = Signer::ec("P-256");
    let (world, role) = furnished(&signer).await;
    let token = signer.token(&header("ES256"), &claims());
    let xml = world.sts(None, &form(&role, &token)).await.unwrap();
    assert_eq!(text(&xml, "SubjectFromWebIdentityToken"), SUBJECT);
    assert_eq!(text(&xml, "Audience"), "sts.amazonaws.com");
    assert_eq!(text(&xml, "Provider"), PROVIDER);
    let record = world.last_record();
    assert_eq!(record["userIdentity"]["type"], "WebIdentityUser");
    assert!(!record.to_string().contains(&token));
    let session = world.session(&xml).unwrap();
    let context = session.caller.session.as_deref().unwrap();
    assert_eq!(context.federated_provider.as_deref(), Some(ISSUER));
    let sub = (format!("{ISSUER}:sub").into(), SUBJECT.into());
    assert!(context.claims.contains(&sub));
    let identity = world.ok(&session, "GetCallerIdentity").await;
    assert_eq!(
        text(&identity, "Arn"),
        "arn:aws:sts::111122223333:assumed-role/web/pod"
    );
}

#[tokio::test]
async fn every_algorithm_works_with_keys_of_its_kind_only() {
    let signers = [
        (
            Signer::rsa(),
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..],
        ),
        (Signer::ec("P-256"), &["ES256"]),
        (Signer::ec("P-384"), &["ES384"]),
        (Signer::ec("P-521"), &["ES512"]),
        (
            Signer::Ed(Box::new(Ed25519KeyPair::generate().unwrap())),
            &["EdDSA"],
        ),
    ];
    let all = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ];
    for (signer, own) in &signers {
        let (world, role) = furnished(signer).await;
        for algorithm in all {
            let token = signer.token(&header(algorithm), &claims());
            let answer = world.sts(None, &form(&role, &token)).await;
            if own.contains(&algorithm) {
                assert!(answer.is_ok(), "{algorithm}: {answer:?}");
            } else {
                let (code, text) = told(&answer.unwrap_err());
                assert_eq!(code, "InvalidIdentityToken");
                assert_eq!(
                    text, "The signature of the token is not valid.",
                    "{algorithm}"
                );
            }
        }
    }
}

#[tokio::test]
async fn forged_tokens() {
    let signer = Signer::rsa();
    let (world, role) = furnished(&signer).await;
    let invalid = async |token: &str| {
        let (code, text) = refused(&world, &role, token).await;
        assert_eq!(code, "InvalidIdentityToken", "{text}: {token}");
        text
    };
    let good = signer.token(&header("RS256"), &claims());
    assert!(world.sts(None, &form(&role, &good)).await.is_ok());
    let (message, signed) = good.rsplit_once('.').unwrap();
    let body = b64(claims().to_string());

    // Nobody signed, or with what everybody knows: `none`, and HMAC with the public key.
    for none in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "ES256K",
    ] {
        let head = b64(header(none).to_string());
        for signature in ["", signed] {
            let text = invalid(&format!("{head}.{body}.{signature}")).await;
            assert_eq!(text, "The token is not signed with a supported algorithm.");
        }
    }
    let Signer::Rsa(pair) = &signer else { panic!() };
    let public: &[u8] = pair.public_key().as_ref();
    let head = b64(header("HS256").to_string());
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, public),
        format!("{head}.{body}").as_bytes(),
    );
    invalid(&format!("{head}.{body}.{}", b64(tag))).await;

    // Another's key, a key that came along, changed claims, changed signature.
    let eve = Signer::rsa();
    invalid(&eve.token(&header("RS256"), &claims())).await;
    let mut along = header("RS256");
    along["jwk"] = eve.jwk("one");
    along["jku"] = "https://evil.example.com/keys".into();
    invalid(&eve.token(&along, &claims())).await;
    let other = b64(with("sub", json!("system:serviceaccount:prod:admin")).to_string());
    let head = good.split('.').next().unwrap();
    invalid(&format!("{head}.{other}.{signed}")).await;
    for at in [0, signed.len() / 2, signed.len() - 2] {
        let mut bytes = signed.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        invalid(&format!("{message}.{}", String::from_utf8(bytes).unwrap())).await;
    }
    invalid(&format!("{message}.")).await;
    invalid(&format!("{message}.{signed}=")).await;
    invalid(&format!("{good}.{signed}")).await;
    for cut in [
        message,
        "aa.bb",
        "....",
        "abcd",
        &good[1..],
        &good[..good.len() - 1],
    ] {
        invalid(cut).await;
    }

    // Headers.
    invalid(&signer.token(&json!({"alg": "RS256"}), &claims())).await;
    invalid(&signer.token(&json!({"alg": "RS256", "kid": ""}), &claims())).await;
    invalid(&signer.token(&json!({"alg": ["RS256"], "kid": "one"}), &claims())).await;
    invalid(&signer.token(
        &json!({"alg": "RS256", "kid": "one", "crit": ["exp"]}),
        &claims(),
    ))
    .await;
    invalid(&signer.token(
        &json!({"alg": "RS256", "kid": "one", "b64": false}),
        &claims(),
    ))
    .await;
    for other in ["at+jwt", "application/AT+JWT", "logout+jwt"] {
        let head = json!({"alg": "RS256", "kid": "one", "typ": other});
        invalid(&signer.token(&head, &claims())).await;
    }
    let twice = b64(r#"{"alg":"none","alg":"RS256","kid":"one"}"#);
    let twice = format!("{twice}.{body}");
    let signature = b64(signer.sign("RS256", twice.as_bytes()));
    invalid(&format!("{twice}.{signature}")).await;
    let twice = claims().to_string().replacen('{', r#"{"sub":"x","#, 1);
    let twice = format!("{head}.{}", b64(twice));
    let signature = b64(signer.sign("RS256", twice.as_bytes()));
    invalid(&format!("{twice}.{signature}")).await;
}

#[tokio::test]
async fn claims_that_do_not_do() {
    let signer = Signer::ec("P-256");
    let (world, role) = furnished(&signer).await;
    let told = async |claims: &Value| {
        refused(&world, &role, &signer.token(&header("ES256"), claims)).await
    };
    let invalid = async |claims: &Value| {
        let (code, text) = told(claims).await;
        assert_eq!(code, "InvalidIdentityToken", "{claims}: {text}");
        text
    };
    for issuer in [
        "http://id.example.com/realm",
        "id.example.com/realm",
        "https://id.example.com/realm/",
        "https://ID.example.com/realm",
        "https://other.example.com",
        "https://id.example.com",
    ] {
        assert_eq!(
            invalid(&with("iss", json!(issuer))).await,
            format!("No OpenIDConnect provider found in your account for {issuer}")
        );
    }
    for (name, missing) in [
        ("iss", "iss"),
        ("sub", "sub"),
        ("aud", "aud"),
        ("exp", "exp"),
        ("iat", "iat"),
    ] {
        let text = invalid(&with(name, Value::Null)).await;
        assert_eq!(text, format!("Missing a required claim: {missing}"));
    }
    invalid(&with("sub", json!(""))).await;
    invalid(&with("sub", json!("x".repeat(256)))).await;
    invalid(&with("sub", json!(7))).await;
    for audience in [
        json!("other"),
        json!(["other"]),
        json!(["STS.amazonaws.com"]),
    ] {
        assert_eq!(
            invalid(&with("aud", audience)).await,
            "Incorrect token audience"
        );
    }
    invalid(&with("aud", json!([]))).await;
    invalid(&with("azp", json!("stranger"))).await;
    invalid(&with("azp", json!(""))).await;
    assert_eq!(
        invalid(&with("nbf", json!(START + 301))).await,
        "The token is not valid yet."
    );
    assert_eq!(
        invalid(&with("iat", json!(START + 301))).await,
        "The token is not valid yet."
    );
    for exp in [
        json!(START),
        json!(START - 1),
        json!(0),
        json!(-1),
        json!(f64::from(i32::MIN)),
    ] {
        let (code, text) = told(&with("exp", exp)).await;
        assert_eq!(code, "ExpiredTokenException");
        assert!(
            text.starts_with("Token expired: current date/time 1795341600 must be"),
            "{text}"
        );
    }
    invalid(&with("exp", json!("1795341700"))).await;
    // Small differences between clocks, fractions and other audiences do not hurt.
    for fine in [
        with("iat", json!(START + 300)),
        with("exp", json!(1_795_341_600.5e0 + 1.0)),
        with("aud", json!("cli")),
        with("aud", json!(["other", "sts.amazonaws.com"])),
        with("azp", json!("cli")),
        with("nbf", Value::Null),
    ] {
        let answer = world
            .sts(None, &form(&role, &signer.token(&header("ES256"), &fine)))
            .await;
        assert!(answer.is_ok(), "{fine}: {answer:?}");
    }
}

#[tokio::test]
async fn nobody_writes_the_audit_log_before_a_provider_vouches() {
    let signer = Signer::ec("P-256");
    let (world, role) = furnished(&signer).await;
    let before = world.records();
    let good = signer.token(&header("ES256"), &claims());
    let forged = Signer::ec("P-256").token(&header("ES256"), &claims());
    let expired = signer.token(&header("ES256"), &with("exp", json!(START)));
    let elsewhere = "arn:aws:iam::444455556666:role/web";
    for (role, token) in [
        (role.as_str(), "aaaa"),
        (&role, &forged),
        (&role, &expired),
        (
            &role,
            &signer.token(&header("ES256"), &with("aud", json!("x"))),
        ),
        (elsewhere, &good),
    ] {
        refused(&world, role, token).await;
    }
    let arns = |count: usize| {
        let arn = encoded("arn:aws:iam::aws:policy/ReadOnlyAccess");
        (1..=count)
            .map(|n| format!("&PolicyArns.member.{n}.arn={arn}"))
            .collect::<String>()
    };
    for more in [arns(11), "&ProviderId=www.amazon.com".to_owned()] {
        let form = format!("{}{more}", form(&role, &good));
        let fault = world.sts(None, &form).await.unwrap_err();
        assert_eq!(told(&fault).0, "ValidationError");
    }
    assert_eq!(world.records(), before);
    world.sts(None, &form(&role, &good)).await.unwrap();
    assert_eq!(world.records(), before + 1);
}

#[tokio::test]
async fn the_trust_policy_decides() {
    let signer = Signer::ec("P-256");
    let (world, role) = furnished(&signer).await;
    let nothing = (
        "AccessDenied".to_owned(),
        "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned(),
    );
    let other = signer.token(
        &header("ES256"),
        &with("sub", json!("system:serviceaccount:prod:eve")),
    );
    assert_eq!(refused(&world, &role, &other).await, nothing);
    let record = world.last_record();
    assert_eq!(record["errorCode"], "AccessDenied");
    let why = &record["additionalEventData"]["keystead"]["authorization"][0]["decision"];
    assert_eq!(why["noAllowIn"], "resource-based policy", "{record}");
    let token = signer.token(&header("ES256"), &claims());
    let missing = "arn:aws:iam::111122223333:role/missing";
    assert_eq!(refused(&world, missing, &token).await, nothing);
    // `*` and the account are callers with credentials; another account has no such provider.
    for principal in [r#""*""#, r#"{"AWS":"111122223333"}"#, r#"{"AWS":"*"}"#] {
        let name = format!("r{}", principal.len());
        let wide = world
            .role(ACCOUNT, &name, &trust(principal, ACTIONS, "{}"), "")
            .await;
        assert_eq!(refused(&world, &wide, &token).await, nothing, "{principal}");
    }
    let foreign = trust(&format!(r#"{{"Federated":"{PROVIDER}"}}"#), ACTIONS, "{}");
    let foreign = world.role(OTHER, "foreign", &foreign, "").await;
    assert_eq!(
        refused(&world, &foreign, &token).await.0,
        "InvalidIdentityToken"
    );
    // A signed request of the same form does not lend the signer's rights.
    let alice = world.user(ACCOUNT, "alice", &may("*")).await;
    let signed = world
        .sts(Some(&alice), &form(&role, &other))
        .await
        .unwrap_err();
    assert_eq!(told(&signed), nothing);
    let provided = format!("{}&ProviderId=www.amazon.com", form(&role, &token));
    assert_eq!(
        told(&world.sts(None, &provided).await.unwrap_err()).0,
        "ValidationError"
    );
    let bad = world
        .sts(None, &form("arn:aws:iam::1:role/x-y-z", &token))
        .await
        .unwrap_err();
    assert_eq!(told(&bad).0, "ValidationError");
}

#[tokio::test]
async fn tags_and_source_identity_of_a_token() {
    let signer = Signer::ec("P-256");
    let (world, role) = furnished(&signer).await;
    let mut claims = with("https://aws.amazon.com/source_identity", json!("ci"));
    claims["https://aws.amazon.com/tags"] =
        json!({"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]});
    let token = signer.token(&header("ES256"), &claims);
    let xml = world.sts(None, &form(&role, &token)).await.unwrap();
    assert_eq!(text(&xml, "SourceIdentity"), "ci");
    let session = world.session(&xml).unwrap();
    let context = session.caller.session.as_deref().unwrap();
    assert_eq!(context.tags, [("team".into(), "red".into())]);
    assert_eq!(context.transitive_tags, ["team".into()] as [Box<str>; 1]);
    let only = trust(
        &format!(r#"{{"Federated":"{PROVIDER}"}}"#),
        r#""sts:AssumeRoleWithWebIdentity""#,
        "{}",
    );
    let only = world.role(ACCOUNT, "only", &only, "").await;
    assert_eq!(refused(&world, &only, &token).await.0, "AccessDenied");
    for bad in [
        json!({"a": ["1", "2"]}),
        json!({"a": 1}),
        json!({"a\tb": "1"}),
        json!({"aws:a": "1"}),
    ] {
        let mut claims = self::claims();
        claims["https://aws.amazon.com/tags"] = json!({"principal_tags": bad});
        let token = signer.token(&header("ES256"), &claims);
        assert!(
            world.sts(None, &form(&role, &token)).await.is_err(),
            "{bad}"
        );
    }
    let bad = with("https://aws.amazon.com/source_identity", json!("a b"));
    let bad = signer.token(&header("ES256"), &bad);
    assert_eq!(refused(&world, &role, &bad).await.0, "InvalidIdentityToken");
}

#[tokio::test]
async fn keys_are_fetched_once_more_when_one_is_unknown() {
    let (old, new) = (Signer::ec("P-256"), Signer::ec("P-256"));
    let (world, role) = furnished(&old).await;
    let set = key_set(&[old.jwk("one"), new.jwk("two")]);
    world
        .keys
        .fresh
        .lock()
        .unwrap()
        .insert(ISSUER.to_owned(), set);
    let mut head = header("ES256");
    let fetched = || world.keys.fetched.load(Ordering::Relaxed);
    assert!(
        world
            .sts(None, &form(&role, &old.token(&head, &claims())))
            .await
            .is_ok()
    );
    assert_eq!(fetched(), 0);
    head["kid"] = "two".into();
    assert!(
        world
            .sts(None, &form(&role, &new.token(&head, &claims())))
            .await
            .is_ok()
    );
    assert_eq!(fetched(), 1);
    head["kid"] = "three".into();
    let (code, text) = refused(&world, &role, &new.token(&head, &claims())).await;
    assert_eq!(code, "InvalidIdentityToken");
    assert!(
        text.starts_with("Couldn't retrieve verification key"),
        "{text}"
    );
    // Keys for something else verify nothing, and what is no key set has none.
    let mut other = old.jwk("one");
    head["kid"] = "one".into();
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("key_ops", json!(["sign"])),
    ] {
        let kept = other[name].take();
        other[name] = value;
        let set = key_set(std::slice::from_ref(&other));
        world
            .keys
            .kept
            .lock()
            .unwrap()
            .insert(ISSUER.to_owned(), set);
        assert_eq!(
            refused(&world, &role, &old.token(&head, &claims())).await.0,
            "InvalidIdentityToken"
        );
        other[name] = kept;
    }
    for broken in [
        "",
        "[]",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[7]}",
        &" ".repeat(70_000),
    ] {
        for sets in [&world.keys.kept, &world.keys.fresh] {
            sets.lock()
                .unwrap()
                .insert(ISSUER.to_owned(), broken.to_owned());
        }
        assert_eq!(
            refused(&world, &role, &old.token(&head, &claims())).await.0,
            "InvalidIdentityToken"
        );
    }
    world.keys.kept.lock().unwrap().clear();
    assert_eq!(
        refused(&world, &role, &old.token(&head, &claims())).await.0,
        "InvalidIdentityToken"
    );
}
