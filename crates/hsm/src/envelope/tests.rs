use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair;

use super::*;
use crate::openssl::OpenSsl;

/// The header of the next BER element: tag, content, whether its length is indefinite (then the
/// content is everything that follows).
fn header(bytes: &[u8]) -> (u8, &[u8], &[u8], bool) {
    if bytes[1] == 0x80 {
        return (bytes[0], &bytes[2..], &bytes[2..], true);
    }
    let (len, at) = match bytes[1] {
        short @ ..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        other => panic!("length {other:x}"),
    };
    (bytes[0], &bytes[at..at + len], &bytes[at + len..], false)
}

fn indefinite(bytes: &[u8], expected: u8) -> &[u8] {
    let (tag, _, rest, indefinite) = header(bytes);
    assert!(
        tag == expected && indefinite,
        "{tag:x} instead of {expected:x}"
    );
    rest
}

fn definite(bytes: &[u8], expected: u8) -> (&[u8], &[u8]) {
    let (tag, content, rest, indefinite) = header(bytes);
    assert!(
        tag == expected && !indefinite,
        "{tag:x} instead of {expected:x}"
    );
    (content, rest)
}

/// Encrypted key, IV and content in the order in which the C SDK of Nitro enclaves reads them.
fn walk(cms: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let rest = indefinite(cms, 0x30);
    let (kind, rest) = definite(rest, 0x06);
    assert_eq!(kind, ENVELOPED_DATA);
    let rest = indefinite(rest, 0xa0);
    let rest = indefinite(rest, 0x30);
    let (version, rest) = definite(rest, 0x02);
    assert_eq!(version, [2]);
    let (recipients, rest) = definite(rest, 0x31);
    let (recipient, after) = definite(recipients, 0x30);
    assert!(after.is_empty());
    let (version, recipient) = definite(recipient, 0x02);
    assert_eq!(version, [2]);
    let (identifier, recipient) = definite(recipient, 0x80);
    assert_eq!(identifier.len(), 32);
    let (_, recipient) = definite(recipient, 0x30);
    let (encrypted_key, recipient) = definite(recipient, 0x04);
    assert!(recipient.is_empty());
    let rest = indefinite(rest, 0x30);
    let (kind, rest) = definite(rest, 0x06);
    assert_eq!(kind, DATA);
    let (cipher, rest) = definite(rest, 0x30);
    let (name, parameters) = definite(cipher, 0x06);
    assert_eq!(name, AES_256_CBC);
    let (iv, parameters) = definite(parameters, 0x04);
    assert!(parameters.is_empty() && iv.len() == 16);
    // Context-specific and primitive: the SDK takes the content as it is.
    let (content, rest) = definite(rest, 0x80);
    assert_eq!(rest, [0; 8]);
    (encrypted_key, iv, content)
}

#[test]
fn openssl_and_the_walk_of_the_sdk_open_it() {
    let openssl = OpenSsl::new();
    for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
        let key = RsaKeyPair::generate(size).unwrap();
        let spki = key.public_key().as_der().unwrap();
        openssl.write("key.der", key.as_der().unwrap().as_ref());
        let identifier = digest::digest(&digest::SHA256, spki.as_ref());
        for len in [1, 15, 16, 32, 255, 1024, 2379] {
            let mut secret = vec![0; len];
            aead::random(&mut secret).unwrap();
            let sealed = seal(spki.as_ref(), &secret).unwrap();
            let contains = |part: &[u8]| sealed.windows(part.len()).any(|found| found == part);
            assert!(contains(identifier.as_ref()) && (len < 15 || !contains(&secret)));
            openssl.write("sealed.der", &sealed);
            openssl.run(
                "cms -decrypt -inform DER -in sealed.der -keyform DER -inkey key.der -out opened",
            );
            assert_eq!(openssl.read("opened"), secret);

            let (encrypted_key, iv, content) = walk(&sealed);
            assert_eq!(encrypted_key.len(), size.len());
            openssl.write("encrypted.key", encrypted_key);
            openssl.run(
                "pkeyutl -decrypt -in encrypted.key -out content.key -inkey key.der -keyform DER \
                 -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
                 -pkeyopt rsa_mgf1_md:sha256",
            );
            let hex = |bytes: &[u8]| {
                let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
                digits.collect::<String>()
            };
            let content_key = openssl.read("content.key");
            assert_eq!(content_key.len(), 32);
            openssl.write("content", content);
            openssl.run(&format!(
                "enc -d -aes-256-cbc -in content -out opened -K {} -iv {}",
                hex(&content_key),
                hex(iv)
            ));
            assert_eq!(openssl.read("opened"), secret);
        }
    }
}

/// A real answer of AWS with one block of content has 457 bytes. Source: the tests of
/// aws-nitro-enclaves-sdk-c, `cms_test.c`.
#[test]
fn it_is_as_long_as_the_answers_of_aws() {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki = key.public_key().as_der().unwrap();
    assert_eq!(seal(spki.as_ref(), &[7; 15]).unwrap().len(), 457);
    assert_ne!(
        seal(spki.as_ref(), &[7; 15]).unwrap(),
        seal(spki.as_ref(), &[7; 15]).unwrap()
    );
}

fn spki(algorithm: &[u8], parameters: &[u8], modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut identifier = Vec::new();
    der::put(&mut identifier, der::OID, &[algorithm]);
    identifier.extend_from_slice(parameters);
    let mut numbers = Vec::new();
    for number in [modulus, exponent] {
        let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        der::put(&mut numbers, der::INTEGER, &[sign, number]);
    }
    let mut key = vec![0];
    der::put(&mut key, der::SEQUENCE, &[&numbers]);
    let mut info = Vec::new();
    der::put(&mut info, der::SEQUENCE, &[&identifier]);
    der::put(&mut info, der::BIT_STRING, &[&key]);
    let mut out = Vec::new();
    der::put(&mut out, der::SEQUENCE, &[&info]);
    out
}

#[test]
fn other_recipients_are_refused() {
    const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    const NULL: &[u8] = &[5, 0];
    const F4: &[u8] = &[1, 0, 1];
    let modulus = |first: u8, len: usize, last: u8| {
        let mut out = vec![0x5a; len];
        out[0] = first;
        out[len - 1] = last;
        out
    };
    let plain = |modulus: &[u8], exponent: &[u8]| spki(RSA_ENCRYPTION, NULL, modulus, exponent);
    let result = |spki: &[u8]| seal(spki, b"secret").map(|_| ());

    let good = modulus(0xc0, 256, 1);
    assert_eq!(result(&plain(&good, F4)), Ok(()));
    assert_eq!(result(&plain(&modulus(0xc0, 512, 1), F4)), Ok(()));
    let mut trailing = plain(&good, F4);
    trailing.push(0);
    let elliptic = {
        let openssl = OpenSsl::new();
        openssl.run("ecparam -name prime256v1 -genkey -noout -out key.pem");
        openssl.run("pkey -in key.pem -pubout -outform DER")
    };
    for bad in [
        plain(&modulus(0x7f, 256, 1), F4),
        plain(&modulus(0xc0, 128, 1), F4),
        plain(&modulus(0x01, 513, 1), F4),
        plain(&modulus(0xc0, 1024, 1), F4),
        plain(&modulus(0xc0, 256, 2), F4),
        plain(&good, &[1]),
        plain(&good, &[2]),
        plain(&good, &[1, 0, 0, 0, 0, 0, 0, 0, 1]),
        spki(RSASSA_PSS, &[], &good, F4),
        spki(RSASSA_PSS, NULL, &good, F4),
        spki(RSA_ENCRYPTION, &[4, 1, 7], &good, F4),
        trailing,
        elliptic,
        Vec::new(),
        vec![0x30, 0x80],
    ] {
        assert_eq!(result(&bad), Err(Refusal::RecipientInvalid), "{bad:x?}");
    }
}
