use super::*;
use crate::openssl::OpenSsl;

const P256: KeySpec = KeySpec::EccNistP256;
const RSA: KeySpec = KeySpec::Rsa2048;

struct Material {
    arena: Arc<Arena>,
    openssl: OpenSsl,
}

impl Material {
    fn new() -> Self {
        Self {
            arena: Arena::new().unwrap(),
            openssl: OpenSsl::new(),
        }
    }

    /// The wrapped form and the public key.
    fn parse(&self, spec: KeySpec, bytes: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), Refusal> {
        let fresh = parse(spec, bytes, &self.arena)?;
        Ok((fresh.bytes.expose().to_vec(), fresh.public_key))
    }

    fn refused(&self, spec: KeySpec, what: &str, bytes: &[u8]) {
        let parsed = self.parse(spec, bytes);
        assert_eq!(parsed, Err(Refusal::MaterialInvalid), "{spec}: {what}");
    }

    /// Makes a key and gives its PKCS#8.
    fn make(&self, arguments: &str) -> Vec<u8> {
        self.openssl.run(&format!("{arguments} -out key.pem"));
        self.openssl
            .run("pkcs8 -topk8 -outform der -nocrypt -in key.pem")
    }

    /// Every cut, and bytes more.
    fn cut_and_extended(&self, spec: KeySpec, good: &[u8]) {
        for len in 0..good.len() {
            self.refused(spec, "cut off", &good[..len]);
        }
        self.refused(spec, "extended", &[good, &[0]].concat());
        self.refused(spec, "twice", &[good, good].concat());
    }
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    der::put(&mut out, tag, parts);
    out
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    match magnitude.first() {
        None => vec![der::INTEGER, 1, 0],
        Some(0x80..) => element(der::INTEGER, &[&[0], magnitude]),
        Some(_) => element(der::INTEGER, &[magnitude]),
    }
}

/// PKCS#8 around a key: version, algorithm, parameters, key, what follows.
fn pkcs8(version: u8, algorithm: &[u8], parameters: &[u8], key: &[u8], rest: &[u8]) -> Vec<u8> {
    let name = element(der::OID, &[algorithm]);
    let identifier = element(der::SEQUENCE, &[&name, parameters]);
    let key = element(der::OCTET_STRING, &[key]);
    let version = [der::INTEGER, 1, version];
    element(der::SEQUENCE, &[&version, &identifier, &key, rest])
}

fn sec1(scalar: &[u8], rest: &[u8]) -> Vec<u8> {
    let scalar = element(der::OCTET_STRING, &[scalar]);
    element(der::SEQUENCE, &[&[der::INTEGER, 1, 1], &scalar, rest])
}

fn ec(spec: KeySpec, sec1: &[u8]) -> Vec<u8> {
    let name = element(der::OID, &[named(spec).unwrap().0]);
    pkcs8(0, EC_PUBLIC_KEY, &name, sec1, &[])
}

fn point(bytes: &[u8]) -> Vec<u8> {
    let bits = element(der::BIT_STRING, &[&[0], bytes]);
    element(der::CONSTRUCTED_1, &[&bits])
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn raw_material_has_the_length_of_its_spec() {
    use KeySpec as S;
    let material = Material::new();
    for (spec, shortest, longest) in [
        (S::SymmetricDefault, 32, 32),
        (S::Hmac224, 28, 128),
        (S::Hmac256, 32, 128),
        (S::Hmac384, 48, 128),
        (S::Hmac512, 64, 128),
    ] {
        for len in 0..200 {
            let bytes = vec![7; len];
            let expected = match (shortest..=longest).contains(&len) {
                true => Ok((bytes.clone(), None)),
                false => Err(Refusal::MaterialInvalid),
            };
            assert_eq!(material.parse(spec, &bytes), expected, "{spec}, {len}");
        }
    }
}

#[test]
fn what_is_not_imported_is_refused() {
    use KeySpec as S;
    let material = Material::new();
    for spec in S::ALL.iter().filter(|spec| !spec.is_importable()) {
        let fresh = crate::material::generate(*spec, &material.arena).unwrap();
        let private = crate::material::pkcs8(*spec, fresh.bytes.expose()).unwrap();
        material.refused(*spec, "a good key", &private);
        material.refused(*spec, "a seed", fresh.bytes.expose());
    }
}

const CURVES: [(KeySpec, &str); 5] = [
    (KeySpec::EccNistP256, "prime256v1"),
    (KeySpec::EccNistP384, "secp384r1"),
    (KeySpec::EccNistP521, "secp521r1"),
    (KeySpec::EccSecgP256k1, "secp256k1"),
    (KeySpec::Sm2, "SM2"),
];

#[test]
fn every_encoding_of_a_curve_key_is_the_same_material() {
    let material = Material::new();
    for (spec, name) in CURVES {
        let usual = material.make(&format!("ecparam -name {name} -genkey -noout"));
        let (scalar, public) = material.parse(spec, &usual).unwrap();
        let (_, len) = named(spec).unwrap();
        assert_eq!(scalar.len(), len);
        let openssl = &material.openssl;
        let spki = openssl.run("pkey -in key.pem -pubout -outform der");
        assert_eq!(public.as_ref(), Some(&spki));
        let without = openssl.run("ec -in key.pem -no_public -outform der");
        openssl.write("without.der", &without);
        let without = openssl.run("pkcs8 -topk8 -outform der -nocrypt -inform der -in without.der");
        assert!(without.len() < usual.len());
        let full = &spki[spki.len() - 2 * len - 1..];
        let half = [&[2 + (full[2 * len] & 1)], &full[1..=len]].concat();
        let name = element(der::OID, &[named(spec).unwrap().0]);
        let inner = element(der::CONSTRUCTED_0, &[&name]);
        let version_2 = element(der::CONTEXT_1, &[&[0], full]);
        for same in [
            without,
            ec(spec, &sec1(&scalar, &[])),
            ec(spec, &sec1(&scalar, &inner)),
            ec(spec, &sec1(&scalar, &point(full))),
            ec(spec, &sec1(&scalar, &point(&half))),
            ec(
                spec,
                &sec1(&scalar, &[inner.clone(), point(&half)].concat()),
            ),
            pkcs8(1, EC_PUBLIC_KEY, &name, &sec1(&scalar, &[]), &version_2),
            pkcs8(0, EC_PUBLIC_KEY, &name, &sec1(&scalar, &[]), &[0xa0, 0]),
        ] {
            assert_eq!(
                material.parse(spec, &same),
                Ok((scalar.clone(), public.clone()))
            );
        }
        for (other, _) in CURVES.into_iter().filter(|(other, _)| *other != spec) {
            material.refused(other, "another curve", &usual);
        }
        material.refused(KeySpec::EccNistEdwards25519, "another curve", &usual);
        material.refused(RSA, "another algorithm", &usual);
    }
}

#[test]
fn scalars_are_between_zero_and_the_order() {
    let material = Material::new();
    for (spec, order) in [
        (
            KeySpec::EccNistP256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            KeySpec::EccNistP384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973",
        ),
        (
            KeySpec::EccNistP521,
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ),
        (
            KeySpec::EccSecgP256k1,
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        ),
        (
            KeySpec::Sm2,
            "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
        ),
    ] {
        let order = unhex(order);
        let with_last = |last: u8| [&order[..order.len() - 1], &[last]].concat();
        let last = order[order.len() - 1];
        let parsed = |scalar: &[u8]| material.parse(spec, &ec(spec, &sec1(scalar, &[])));
        // SM2 has no signature for the order less one.
        let largest = if spec == KeySpec::Sm2 { 2 } else { 1 };
        for good in [with_last(last - largest), with_last(0)] {
            assert_eq!(parsed(&good).unwrap().0, good, "{spec}");
        }
        if spec == KeySpec::Sm2 {
            let largest = sec1(&with_last(last - 1), &[]);
            material.refused(spec, "the order less one", &ec(spec, &largest));
        }
        let one = [vec![0; order.len() - 1], vec![1]].concat();
        assert_eq!(parsed(&[1]).unwrap().0, one, "{spec}");
        assert_eq!(parsed(&one).unwrap().0, one, "{spec}");
        for bad in [
            order.clone(),
            with_last(last + 1),
            vec![0xff; order.len()],
            vec![0; order.len()],
            vec![0],
            Vec::new(),
            [&[0], &one[..]].concat(),
            [&[1], &one[..]].concat(),
        ] {
            material.refused(spec, "scalar", &ec(spec, &sec1(&bad, &[])));
        }
    }
}

#[test]
fn malformed_curve_keys_are_refused() {
    let material = Material::new();
    let openssl = &material.openssl;
    let good = material.make("ecparam -name prime256v1 -genkey -noout");
    let (scalar, public) = material.parse(P256, &good).unwrap();
    let public = public.unwrap();
    let full = &public[public.len() - 65..];
    material.cut_and_extended(P256, &good);
    material.refused(P256, "SEC 1", &openssl.run("ec -in key.pem -outform der"));
    material.refused(P256, "PEM", &openssl.read("key.pem"));
    material.refused(
        P256,
        "encrypted",
        &openssl.run("pkcs8 -topk8 -outform der -passout pass:x -in key.pem"),
    );
    material.refused(P256, "a public key", &public);
    material.refused(P256, "a bare scalar", &scalar);
    material.refused(
        P256,
        "parameters",
        &material.make("ecparam -name prime256v1 -param_enc explicit -genkey -noout"),
    );

    let inner = sec1(&scalar, &[]);
    let name = element(der::OID, &[named(P256).unwrap().0]);
    let other = element(der::OID, &[named(KeySpec::EccSecgP256k1).unwrap().0]);
    let with = |what, sec1: &[u8]| material.refused(P256, what, &ec(P256, sec1));
    with("trailing inside", &[&inner[..], &[0]].concat());
    with("trailing in the key", &sec1(&scalar, &[5, 0]));
    with(
        "another curve inside",
        &sec1(&scalar, &element(der::CONSTRUCTED_0, &[&other])),
    );
    let mut version_2 = inner.clone();
    version_2[4] = 2;
    with("version of the key", &version_2);
    let mut wrong = full.to_vec();
    wrong[64] ^= 1;
    let mut half = [&[2 + (full[64] & 1)], &full[1..33]].concat();
    let mut hybrid = full.to_vec();
    hybrid[0] = 6 + (full[64] & 1);
    with("another point", &sec1(&scalar, &point(&wrong)));
    with("a hybrid point", &sec1(&scalar, &point(&hybrid)));
    with("infinity", &sec1(&scalar, &point(&[0])));
    with("no point", &sec1(&scalar, &point(&[])));
    with("x alone", &sec1(&scalar, &point(&full[..33])));
    half[0] ^= 1;
    with("the other point of x", &sec1(&scalar, &point(&half)));
    let unused = element(der::BIT_STRING, &[&[1], full]);
    with(
        "unused bits",
        &sec1(&scalar, &element(der::CONSTRUCTED_1, &[&unused])),
    );

    let outer = |version, algorithm: &[u8], parameters: &[u8], rest: &[u8]| {
        pkcs8(version, algorithm, parameters, &inner, rest)
    };
    let stated = |bytes: &[u8]| element(der::CONTEXT_1, &[&[0], bytes]);
    for (what, bytes) in [
        ("RSA's name", outer(0, &RSA_NAME, &name, &[])),
        ("Ed25519's name", outer(0, ED25519, &name, &[])),
        ("no curve", outer(0, EC_PUBLIC_KEY, &[], &[])),
        ("NULL", outer(0, EC_PUBLIC_KEY, &[5, 0], &[])),
        ("another curve", outer(0, EC_PUBLIC_KEY, &other, &[])),
        (
            "two curves",
            outer(0, EC_PUBLIC_KEY, &[&name[..], &name].concat(), &[]),
        ),
        ("version 3", outer(2, EC_PUBLIC_KEY, &name, &[])),
        (
            "another point",
            outer(1, EC_PUBLIC_KEY, &name, &stated(&wrong)),
        ),
        (
            "a point in version 1",
            outer(0, EC_PUBLIC_KEY, &name, &stated(full)),
        ),
        ("trailing", outer(0, EC_PUBLIC_KEY, &name, &[5, 0])),
    ] {
        material.refused(P256, what, &bytes);
    }
    // The same key with a length in two bytes where one is enough, and of indefinite length.
    let body = &good[3..];
    let long = [&[0x30, 0x82, 0, u8::try_from(body.len()).unwrap()], body].concat();
    material.refused(P256, "BER length", &long);
    let indefinite = [&[0x30, 0x80], body, &[0, 0]].concat();
    material.refused(P256, "indefinite length", &indefinite);
    let deep: Vec<u8> = [0x30, 0x80].repeat(3000);
    material.refused(P256, "nested", &deep);
}

const RSA_NAME: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

#[test]
fn ed25519_keys() {
    const SPEC: KeySpec = KeySpec::EccNistEdwards25519;
    let material = Material::new();
    let good = material.make("genpkey -algorithm ed25519");
    let (seed, public) = material.parse(SPEC, &good).unwrap();
    let public = public.unwrap();
    let openssl = &material.openssl;
    assert_eq!(public, openssl.run("pkey -in key.pem -pubout -outform der"));
    let raw = &public[12..];
    let inner = element(der::OCTET_STRING, &[&seed]);
    let stated = |bytes: &[u8]| element(der::CONTEXT_1, &[&[0], bytes]);
    let same = pkcs8(1, ED25519, &[], &inner, &stated(raw));
    assert_eq!(
        material.parse(SPEC, &same),
        Ok((seed.clone(), Some(public.clone())))
    );
    material.cut_and_extended(SPEC, &good);
    let mut wrong = raw.to_vec();
    wrong[0] ^= 1;
    let x25519 = [0x2b, 0x65, 0x6e];
    for (what, bytes) in [
        (
            "another public key",
            pkcs8(1, ED25519, &[], &inner, &stated(&wrong)),
        ),
        (
            "a short public key",
            pkcs8(1, ED25519, &[], &inner, &stated(&raw[1..])),
        ),
        (
            "an empty public key",
            pkcs8(1, ED25519, &[], &inner, &stated(&[])),
        ),
        (
            "a public key in version 1",
            pkcs8(0, ED25519, &[], &inner, &stated(raw)),
        ),
        ("NULL", pkcs8(0, ED25519, &[5, 0], &inner, &[])),
        ("a bare seed", pkcs8(0, ED25519, &[], &seed, &[])),
        (
            "31 bytes",
            pkcs8(0, ED25519, &[], &element(4, &[&seed[1..]]), &[]),
        ),
        (
            "64 bytes",
            pkcs8(0, ED25519, &[], &element(4, &[&seed, raw]), &[]),
        ),
        (
            "trailing",
            pkcs8(0, ED25519, &[], &[&inner[..], &[0]].concat(), &[]),
        ),
        ("X25519", pkcs8(0, &x25519, &[], &inner, &[])),
        ("a seed alone", seed.clone()),
    ] {
        material.refused(SPEC, what, &bytes);
    }
}

/// RFC 8410, section 10.3: a key of version 2 with an attribute and its public key.
#[test]
fn the_example_of_rfc_8410_is_read() {
    let example = unhex(
        "3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f\
         44755842a01f301d060a2a864886f70d01090914310f0c0d437572646c65204368616972738121001\
         9bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
    );
    let (seed, public) = Material::new()
        .parse(KeySpec::EccNistEdwards25519, &example)
        .unwrap();
    assert_eq!(seed[..4], [0xd4, 0xee, 0x72, 0xdb]);
    assert_eq!(public.unwrap()[12..16], [0x19, 0xbf, 0x44, 0x09]);
}

/// The nine numbers of an RSAPrivateKey.
fn rsa_numbers(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let info = PrivateKeyInfo::parse(pkcs8).unwrap();
    let mut key = Reader::new(info.key).nested(der::SEQUENCE).unwrap();
    (0..9).map(|_| key.unsigned().unwrap().to_vec()).collect()
}

fn rsa(numbers: &[Vec<u8>]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| integer(number)).collect();
    let key = element(der::SEQUENCE, &[&numbers]);
    pkcs8(0, &RSA_NAME, &[5, 0], &key, &[])
}

#[test]
fn rsa_keys() {
    let material = Material::new();
    let openssl = &material.openssl;
    let make = |options: &str| material.make(&format!("genpkey -algorithm rsa {options}"));
    let good = make("-pkeyopt rsa_keygen_bits:2048");
    let spki = openssl.run("pkey -in key.pem -pubout -outform der");
    // OpenSSL writes the very bytes that AWS-LC writes.
    assert_eq!(material.parse(RSA, &good), Ok((good.clone(), Some(spki))));
    let numbers = rsa_numbers(&good);
    assert_eq!(rsa(&numbers), good);
    material.refused(KeySpec::Rsa3072, "another modulus", &good);
    material.refused(P256, "another algorithm", &good);
    material.refused(
        RSA,
        "PKCS#1",
        &openssl.run("rsa -in key.pem -traditional -outform der"),
    );
    material.refused(RSA, "PEM", &openssl.read("key.pem"));
    for (what, options) in [
        ("2047 bits", "-pkeyopt rsa_keygen_bits:2047"),
        ("2064 bits", "-pkeyopt rsa_keygen_bits:2064"),
        (
            "e = 3",
            "-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
        ),
        (
            "e = 65535",
            "-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:65535",
        ),
        (
            "three primes",
            "-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3",
        ),
    ] {
        material.refused(RSA, what, &make(options));
    }
    let pss = material.make("genpkey -algorithm rsa-pss -pkeyopt rsa_keygen_bits:2048");
    material.refused(RSA, "RSASSA-PSS", &pss);
    for at in (0..good.len()).step_by(7).chain([good.len()]) {
        material.refused(RSA, "cut off", &good[..at.min(good.len() - 1)]);
    }
    material.refused(RSA, "extended", &[&good[..], &[0]].concat());

    let info = PrivateKeyInfo::parse(&good).unwrap();
    let public = element(der::CONTEXT_1, &[&[0], &numbers[1]]);
    for (what, bytes) in [
        ("no parameters", pkcs8(0, &RSA_NAME, &[], info.key, &[])),
        ("parameters", pkcs8(0, &RSA_NAME, &[4, 0], info.key, &[])),
        ("EC's name", pkcs8(0, EC_PUBLIC_KEY, &[5, 0], info.key, &[])),
        (
            "a public key beside",
            pkcs8(1, &RSA_NAME, &[5, 0], info.key, &public),
        ),
        (
            "trailing",
            pkcs8(0, &RSA_NAME, &[5, 0], &[info.key, &[0]].concat(), &[]),
        ),
    ] {
        material.refused(RSA, what, &bytes);
    }
}

#[test]
fn rsa_numbers_must_go_together() {
    let material = Material::new();
    let good = material.make("genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048");
    let numbers = rsa_numbers(&good);
    // version, n, e, d, p, q, d mod p - 1, d mod q - 1, 1/q mod p
    for at in 0..9 {
        let mut zero = numbers.clone();
        zero[at].clear();
        if at > 0 {
            material.refused(RSA, "a number is zero", &rsa(&zero));
            let mut other = numbers.clone();
            *other[at].last_mut().unwrap() ^= 2;
            material.refused(RSA, "a number is another", &rsa(&other));
        }
        let mut one = numbers.clone();
        one[at] = vec![1];
        material.refused(RSA, "a number is one", &rsa(&one));
    }
    let with = |changes: &[(usize, &[u8])]| {
        let mut numbers = numbers.clone();
        for (at, number) in changes {
            numbers[*at] = number.to_vec();
        }
        rsa(&numbers)
    };
    // e = d = 1 goes together and encrypts nothing.
    let one: &[u8] = &[1];
    let trivial = with(&[(2, one), (3, one), (6, one), (7, one)]);
    material.refused(RSA, "e = 1", &trivial);
    material.refused(RSA, "e even", &with(&[(2, &[1, 0, 0])]));
    material.refused(
        RSA,
        "e of 65 bits",
        &with(&[(2, &[1, 0, 0, 0, 0, 0, 0, 0, 1])]),
    );
    material.refused(RSA, "p = q", &with(&[(5, &numbers[4])]));
    let none: &[u8] = &[];
    let stripped = with(&[2, 4, 5, 6, 7, 8].map(|at| (at, none)));
    material.refused(RSA, "n and d alone", &stripped);
    let mut negative = good.clone();
    // The sign byte of the modulus, whose top bit then is the sign.
    negative[29 + 4 + 3] = 0xff;
    material.refused(RSA, "a negative modulus", &negative);
}

/// Numbers that go together, as AWS-LC sees it, around a p that is the product of two primes.
#[test]
fn composite_primes_are_refused() {
    let material = Material::new();
    let key = unhex(include_str!("../../../tests/golden/rsa-composite-prime.hex").trim());
    let info = PrivateKeyInfo::parse(&key).unwrap();
    assert!(aws_lc_rs::signature::RsaKeyPair::from_der(info.key).is_ok());
    let numbers = rsa_numbers(&key);
    let primes = [&numbers[4], &numbers[5]].map(|number| crate::gaps::is_prime(number));
    assert_eq!(primes, [false, true]);
    material.refused(RSA, "p is not prime", &key);
}
