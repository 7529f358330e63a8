//! Whole imports, with the OpenSSL program as the client and the commands that AWS publishes.
//! Source: KMS Developer Guide, "Encrypt the key material with OpenSSL".

use std::collections::HashSet;

use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Region};
use keystead_wall::{KeyHandle, WrappedKey};

use super::*;
use crate::openssl::OpenSsl;
use crate::roots::{Ephemeral, LocalRoot};
use crate::{rsa, secrets, sm2};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const END: Timestamp = Timestamp::from_millis(1_700_086_400_000);

struct Fixture {
    arena: Arc<Arena>,
    root: LocalRoot,
    domains: Domains,
}

impl Fixture {
    fn new() -> Self {
        let arena = Arena::new().unwrap();
        let root = Ephemeral::create(&arena).unwrap();
        let domains = Domains::new();
        domains.create(&region(), &root, &arena).unwrap();
        Self {
            arena,
            root,
            domains,
        }
    }

    fn wrapping_key(&self, spec: WrappingKeySpec) -> Fresh {
        match spec {
            WrappingKeySpec::Sm2 => sm2::generate(KeySpec::Sm2, &self.arena).unwrap(),
            rsa => rsa::generate(key_spec(rsa), &self.arena).unwrap(),
        }
    }

    /// Another value of the same key.
    fn copy(&self, key: &Fresh) -> Fresh {
        let public = key.public_key.clone().unwrap();
        Fresh::copied(&self.arena, key.bytes.expose(), public)
    }

    fn parameters(
        &self,
        target: &KeyBinding,
        (algorithm, spec): Way,
        key: Fresh,
    ) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        match prepare(&self.domains, target, algorithm, spec, END, key)? {
            Reply::ImportParameters { public_key, token } => Ok((public_key, token)),
            other => panic!("{other:?}"),
        }
    }

    fn import(
        &self,
        target: &KeyBinding,
        token: &[u8],
        encrypted: &[u8],
    ) -> Result<Imported, Refusal> {
        match import(&self.domains, &self.arena, target, token, NOW, encrypted)? {
            Reply::NewKey {
                material_id,
                wrapped,
                public_key,
            } => Ok((material_id.to_string(), wrapped, public_key)),
            other => panic!("{other:?}"),
        }
    }
}

type Way = (WrappingAlgorithm, WrappingKeySpec);
type Imported = (String, WrappedKey, Option<Vec<u8>>);

fn region() -> Region {
    Region::parse("eu-central-1").unwrap()
}

fn target(spec: KeySpec) -> KeyBinding {
    let usages = KeyUsage::ALL.iter().copied();
    KeyBinding {
        region: region(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec,
        usage: usages
            .into_iter()
            .find(|usage| spec.allows(*usage))
            .unwrap(),
        origin: Origin::External,
        material_id: Hex32([0; 32]),
    }
}

fn ways() -> impl Iterator<Item = Way> {
    let specs = || WrappingKeySpec::ALL.iter().copied();
    let algorithms = WrappingAlgorithm::ALL.iter().copied();
    algorithms.flat_map(move |algorithm| specs().map(move |spec| (algorithm, spec)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes test material of a spec in the file `material` and gives its public key.
fn make_material(openssl: &OpenSsl, spec: KeySpec) -> Option<Vec<u8>> {
    use KeySpec as S;
    let private = match spec {
        S::SymmetricDefault | S::Hmac256 => "rand -out material 32",
        S::Hmac224 => "rand -out material 28",
        S::Hmac384 => "rand -out material 128",
        S::Hmac512 => "rand -out material 64",
        S::Rsa2048 => "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out key.pem",
        S::Rsa3072 => "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072 -out key.pem",
        S::Rsa4096 => "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:4096 -out key.pem",
        S::EccNistP256 => "ecparam -name prime256v1 -genkey -out key.pem",
        S::EccNistP384 => "ecparam -name secp384r1 -genkey -out key.pem",
        S::EccNistP521 => "ecparam -name secp521r1 -genkey -out key.pem",
        S::EccSecgP256k1 => "ecparam -name secp256k1 -genkey -out key.pem",
        S::EccNistEdwards25519 => "genpkey -algorithm ed25519 -out key.pem",
        S::Sm2 => "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out key.pem",
        other => panic!("{other} is not imported"),
    };
    openssl.run(private);
    if !spec.is_asymmetric() {
        return None;
    }
    openssl.run("pkcs8 -topk8 -outform der -nocrypt -in key.pem -out material");
    Some(openssl.run("pkey -in key.pem -pubout -outform der"))
}

/// Encrypts the file `from` with the wrapping public key, as RSAES-OAEP.
fn oaep(openssl: &OpenSsl, hash: &str, from: &str) -> Vec<u8> {
    openssl.run(&format!(
        "pkeyutl -encrypt -in {from} -inkey wrapping.der -keyform DER -pubin \
         -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{hash} -pkeyopt rsa_mgf1_md:{hash}"
    ))
}

/// RSAES-OAEP of a new AES key and AES-KWP of the file `material`.
fn key_wrap(openssl: &OpenSsl, hash: &str) -> Vec<u8> {
    openssl.run("rand -out aes.key 32");
    let key = hex(&openssl.read("aes.key"));
    let first = oaep(openssl, hash, "aes.key");
    let second = openssl.run(&format!(
        "enc -id-aes256-wrap-pad -K {key} -iv A65959A6 -in material"
    ));
    [first, second].concat()
}

/// Wraps the file `material` as the algorithm says.
fn wrap(openssl: &OpenSsl, public_key: &[u8], algorithm: WrappingAlgorithm) -> Vec<u8> {
    use WrappingAlgorithm as A;
    openssl.write("wrapping.der", public_key);
    match algorithm {
        A::RsaesOaepSha1 => oaep(openssl, "sha1", "material"),
        A::RsaesOaepSha256 => oaep(openssl, "sha256", "material"),
        A::RsaAesKeyWrapSha1 => key_wrap(openssl, "sha1"),
        A::RsaAesKeyWrapSha256 => key_wrap(openssl, "sha256"),
        A::Sm2Pke | A::RsaesPkcs1V15 => {
            openssl.run("pkeyutl -encrypt -in material -inkey wrapping.der -keyform DER -pubin")
        }
    }
}

#[test]
fn every_spec_is_imported_in_every_way_and_no_other() {
    let fixture = Fixture::new();
    let keys: Vec<(WrappingKeySpec, Fresh)> = WrappingKeySpec::ALL
        .iter()
        .map(|spec| (*spec, fixture.wrapping_key(*spec)))
        .collect();
    let openssl = OpenSsl::new();
    let mut imported = 0;
    for spec in KeySpec::ALL.iter().copied() {
        let target = target(spec);
        let public_key = match spec.is_importable() {
            true => make_material(&openssl, spec),
            false => None,
        };
        let mut ids = HashSet::new();
        for way in ways() {
            let (_, key) = keys.iter().find(|(of, _)| *of == way.1).unwrap();
            let parameters = fixture.parameters(&target, way, fixture.copy(key));
            if !spec.imports_with(way.0, way.1) {
                assert_eq!(parameters, Err(Refusal::InvalidArgument), "{spec} {way:?}");
                continue;
            }
            let (wrapping, token) = parameters.unwrap();
            assert!(token.len() <= 6144);
            let encrypted = wrap(&openssl, &wrapping, way.0);
            // AWS allows a second use.
            for _ in 0..2 {
                let (id, wrapped, public) = fixture
                    .import(&target, &token, &encrypted)
                    .unwrap_or_else(|refusal| panic!("{spec} {way:?}: {refusal}"));
                assert_eq!(public, public_key, "{spec} {way:?}");
                ids.insert(id.clone());
                let binding = KeyBinding {
                    material_id: Hex32::parse(&id).unwrap(),
                    ..target.clone()
                };
                let handle = KeyHandle {
                    binding: &binding,
                    wrapped: &wrapped,
                };
                let inside =
                    wrapping::unwrap_material(&fixture.domains, &fixture.arena, handle).unwrap();
                if !spec.is_asymmetric() {
                    assert_eq!(inside.expose(), openssl.read("material"));
                }
            }
            imported += 1;
        }
        assert!(ids.len() <= 1, "{spec}");
    }
    // Symmetric and HMAC 5 × 6, RSA 3 × 7, P-256, P-384, secp256k1, Ed25519 4 × 13, P-521 11, SM2 7.
    assert_eq!(imported, 30 + 21 + 52 + 11 + 7);
}

#[test]
fn only_keys_with_material_from_outside_are_prepared() {
    let fixture = Fixture::new();
    let way = (WrappingAlgorithm::RsaesOaepSha256, WrappingKeySpec::Rsa2048);
    let key = fixture.wrapping_key(way.1);
    let target = target(KeySpec::SymmetricDefault);
    let refused = |target: &KeyBinding| fixture.parameters(target, way, fixture.copy(&key)).err();
    assert_eq!(refused(&target), None);
    let inside = KeyBinding {
        origin: Origin::AwsKms,
        ..target.clone()
    };
    assert_eq!(refused(&inside), Some(Refusal::InvalidArgument));
    let signing = KeyBinding {
        usage: KeyUsage::SignVerify,
        ..target.clone()
    };
    assert_eq!(refused(&signing), Some(Refusal::WrongUsage));
    let elsewhere = KeyBinding {
        region: Region::parse("us-east-1").unwrap(),
        ..target
    };
    assert_eq!(refused(&elsewhere), Some(Refusal::DomainMissing));
}

/// A token, and material wrapped for it.
fn prepared(fixture: &Fixture, target: &KeyBinding, way: Way) -> (Vec<u8>, Vec<u8>) {
    let key = fixture.wrapping_key(way.1);
    let (public_key, token) = fixture.parameters(target, way, key).unwrap();
    let openssl = OpenSsl::new();
    make_material(&openssl, target.spec);
    (token, wrap(&openssl, &public_key, way.0))
}

#[test]
fn a_token_serves_its_own_key_alone() {
    let fixture = Fixture::new();
    let other_region = Region::parse("us-east-1").unwrap();
    fixture
        .domains
        .create(&other_region, &fixture.root, &fixture.arena)
        .unwrap();
    let target = target(KeySpec::EccNistP256);
    let way = (WrappingAlgorithm::RsaesOaepSha256, WrappingKeySpec::Rsa2048);
    let (token, encrypted) = prepared(&fixture, &target, way);
    let result =
        |target: &KeyBinding, token: &[u8]| fixture.import(target, token, &encrypted).map(|_| ());
    assert_eq!(result(&target, &token), Ok(()));
    let with_id = KeyBinding {
        material_id: Hex32([7; 32]),
        ..target.clone()
    };
    assert_eq!(result(&with_id, &token), Ok(()));

    let mut others = vec![target.clone(); 6];
    others[0].key_id = KeyId::from_random([2; 16]);
    others[1].account = AccountId::parse("111122223334").unwrap();
    others[2].region = other_region;
    others[3].spec = KeySpec::EccSecgP256k1;
    others[4].usage = KeyUsage::KeyAgreement;
    others[5].origin = Origin::AwsKms;
    for other in others {
        assert_eq!(
            result(&other, &token),
            Err(Refusal::ImportTokenInvalid),
            "{other:?}"
        );
    }
    for at in 0..token.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = token.clone();
            flipped[at] ^= mask;
            assert_eq!(
                result(&target, &flipped),
                Err(Refusal::ImportTokenInvalid),
                "byte {at}"
            );
        }
        assert_eq!(
            result(&target, &token[..at]),
            Err(Refusal::ImportTokenInvalid)
        );
    }
    let longer = [&token[..], &[0]].concat();
    assert_eq!(result(&target, &longer), Err(Refusal::ImportTokenInvalid));
    assert_eq!(
        result(&target, &[1; 6144]),
        Err(Refusal::ImportTokenInvalid)
    );
}

#[test]
fn a_token_ends() {
    let fixture = Fixture::new();
    let target = target(KeySpec::SymmetricDefault);
    let way = (WrappingAlgorithm::RsaesOaepSha1, WrappingKeySpec::Rsa2048);
    let (token, encrypted) = prepared(&fixture, &target, way);
    let at = |now, token: &[u8]| {
        let (domains, arena) = (&fixture.domains, &fixture.arena);
        import(domains, arena, &target, token, now, &encrypted).map(|_| ())
    };
    let expired = Err(Refusal::ImportTokenExpired);
    assert_eq!(at(END.plus_millis(-1), &token), Ok(()));
    assert_eq!(at(END, &token), expired);
    assert_eq!(at(END.plus_days(1), &token), expired);
    // A token that is not authentic has no end to speak of.
    let mut forged = token.clone();
    forged[7] ^= 0x40;
    assert_eq!(at(END, &forged), Err(Refusal::ImportTokenInvalid));
    assert_eq!(at(NOW, &forged), Err(Refusal::ImportTokenInvalid));
}

/// All three are under the same domain key.
#[test]
fn tokens_wrapped_keys_and_secrets_are_never_one_another() {
    let fixture = Fixture::new();
    let (domains, arena) = (&fixture.domains, &fixture.arena);
    let target = target(KeySpec::Rsa2048);
    let way = (
        WrappingAlgorithm::RsaAesKeyWrapSha256,
        WrappingKeySpec::Rsa2048,
    );
    let (token, encrypted) = prepared(&fixture, &target, way);
    let (id, wrapped, _) = fixture.import(&target, &token, &encrypted).unwrap();

    let invalid = Some(Refusal::ImportTokenInvalid);
    assert_eq!(
        fixture.import(&target, &wrapped.0, &encrypted).err(),
        invalid
    );
    let secret = secrets::seal(domains, &target.region, b"label", &[7; 1000]).unwrap();
    assert_eq!(fixture.import(&target, &secret, &encrypted).err(), invalid);
    let opened = secrets::open(domains, &target.region, b"label", &token);
    assert_eq!(opened.err(), Some(Refusal::SealBroken));
    for material_id in [Hex32([0; 32]), Hex32::parse(&id).unwrap()] {
        let binding = KeyBinding {
            material_id,
            ..target.clone()
        };
        let handle = KeyHandle {
            binding: &binding,
            wrapped: &WrappedKey(token.clone()),
        };
        let opened = wrapping::unwrap_material(domains, arena, handle);
        assert_eq!(opened.err(), Some(Refusal::WrappedKeyDamaged));
    }
}

#[test]
fn whatever_fails_to_unwrap_is_the_same_refusal() {
    use WrappingAlgorithm as A;
    let fixture = Fixture::new();
    let openssl = OpenSsl::new();
    let key = fixture.wrapping_key(WrappingKeySpec::Rsa2048);
    openssl.write("wrapping.der", key.public_key.as_deref().unwrap());
    let broken = Err(Refusal::InvalidCiphertext);

    let symmetric = target(KeySpec::SymmetricDefault);
    make_material(&openssl, symmetric.spec);
    let one_step = |algorithm| (algorithm, WrappingKeySpec::Rsa2048);
    let way = one_step(A::RsaesOaepSha256);
    let (public_key, token) = fixture
        .parameters(&symmetric, way, fixture.copy(&key))
        .unwrap();
    let result = |encrypted: &[u8]| fixture.import(&symmetric, &token, encrypted).map(|_| ());
    let good = wrap(&openssl, &public_key, A::RsaesOaepSha256);
    assert_eq!(result(&good), Ok(()));
    for bad in [
        wrap(&openssl, &public_key, A::RsaesOaepSha1),
        wrap(&openssl, &public_key, A::RsaesPkcs1V15),
        wrap(&openssl, &public_key, A::RsaAesKeyWrapSha256),
        good[1..].to_vec(),
        [&good[..], &[0]].concat(),
        vec![0; 256],
        vec![0xff; 256],
        Vec::new(),
        vec![7; 6144],
    ] {
        assert_eq!(result(&bad), broken);
    }
    for at in (0..good.len()).step_by(5) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        assert_eq!(result(&flipped), broken, "byte {at}");
    }

    let private = target(KeySpec::EccNistP256);
    make_material(&openssl, private.spec);
    let way = one_step(A::RsaAesKeyWrapSha256);
    let (public_key, token) = fixture
        .parameters(&private, way, fixture.copy(&key))
        .unwrap();
    let result = |encrypted: &[u8]| fixture.import(&private, &token, encrypted).map(|_| ());
    let good = wrap(&openssl, &public_key, A::RsaAesKeyWrapSha256);
    assert_eq!(result(&good), Ok(()));
    openssl.run("rand -out short.key 16");
    let short = hex(&openssl.read("short.key"));
    let short = [
        oaep(&openssl, "sha256", "short.key"),
        openssl.run(&format!(
            "enc -id-aes128-wrap-pad -K {short} -iv A65959A6 -in material"
        )),
    ];
    for bad in [
        wrap(&openssl, &public_key, A::RsaAesKeyWrapSha1),
        wrap(&openssl, &public_key, A::RsaesOaepSha256),
        short.concat(),
        // The AES key without material, the parts in the other order, material too long for a key.
        good[..256].to_vec(),
        [&good[256..], &good[..256]].concat(),
        [&good[..], &[0; 8]].concat(),
        [&good[..256], &vec![0; 5888]].concat(),
        good[..good.len() - 1].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(result(&bad), broken);
    }
    for at in (0..good.len()).step_by(3) {
        let mut flipped = good.clone();
        flipped[at] ^= 0x80;
        assert_eq!(result(&flipped), broken, "byte {at}");
    }
}

/// What unwraps, but is not of the spec.
#[test]
fn material_of_another_kind_is_refused() {
    let fixture = Fixture::new();
    let openssl = OpenSsl::new();
    let target = target(KeySpec::SymmetricDefault);
    let way = (WrappingAlgorithm::RsaesOaepSha256, WrappingKeySpec::Rsa2048);
    let key = fixture.wrapping_key(way.1);
    let (public_key, token) = fixture.parameters(&target, way, key).unwrap();
    for len in [1, 16, 31, 33, 64] {
        openssl.write("material", &vec![7; len]);
        let encrypted = wrap(&openssl, &public_key, way.0);
        let result = fixture.import(&target, &token, &encrypted);
        assert_eq!(result.err(), Some(Refusal::MaterialInvalid), "{len} bytes");
    }
}
