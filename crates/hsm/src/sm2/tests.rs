use super::*;

use crate::openssl::OpenSsl;
use SigningAlgorithm as A;
use keystead_types::MessageType as T;

const SPEC: KeySpec = KeySpec::Sm2;
const ORDER: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// DER of two unsigned numbers of 32 bytes that begin with a set bit.
fn der_pair(r: &str, s: &str) -> Vec<u8> {
    hex(&format!("3046022100{r}022100{s}"))
}

/// The examples of GM/T 0003.5-2012 (GB/T 32918.5-2017), annexes A and C.
const STANDARD_KEY: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";

#[test]
fn the_standards_key_and_signature() {
    let key = hex(STANDARD_KEY);
    let point = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
                 ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
    let public = public_key(SPEC, &key).unwrap();
    assert_eq!(public[27..], hex(point));

    let signature = der_pair(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3",
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
    );
    let key = SigningKey::parse(SPEC, &key).unwrap();
    let raw = key.verify(A::Sm2Dsa, T::Raw, b"message digest", &signature);
    assert_eq!(raw, Ok(()));
    let e = hex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
    let digest = key.verify(A::Sm2Dsa, T::Digest, &e, &signature);
    assert_eq!(digest, Ok(()));
}

#[test]
fn the_standards_ciphertext() {
    let ciphertext = hex(
        "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73\
         022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0\
         042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766\
         041321886ca989ca9c7d58087307ca93092d651efa",
    );
    let opened = decrypt(&hex(STANDARD_KEY), &ciphertext).unwrap();
    assert_eq!(opened.expose(), b"encryption standard");
}

/// Made with OpenSSL 3.0.19: `ecparam -name SM2 -genkey`, `pkcs8 -topk8`, `pkey -pubout`.
const OPENSSL_PKCS8: &str = "308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420\
     d602b3bf8acfb289a35eb1b76c9ee3cc1d75b8a62bc8cdabcae18d87b332eed9a14403420004\
     17e8c0417e4ee53d852d771f1f778ba6c622ef70643f0418ed01b53860d0ac05\
     21c0939b90828a1ffbde5b829c758cbf3e9c92f8f564fbdff5fd0672c53f7698";
const OPENSSL_SPKI: &str = "3059301306072a8648ce3d020106082a811ccf5501822d03420004\
     17e8c0417e4ee53d852d771f1f778ba6c622ef70643f0418ed01b53860d0ac05\
     21c0939b90828a1ffbde5b829c758cbf3e9c92f8f564fbdff5fd0672c53f7698";
/// `pkeyutl -encrypt` of `encryption standard`.
const OPENSSL_CIPHERTEXT: &str = "307b0220267a0485deb3cb82515c6d3a8efdcc11252132fd427807c00fbc83565405c3f2\
     0220631a92426522e4195dd5da0cecbf2b83f24eb5c3e584310058fcfa7e1e68c7bb\
     04204454fc8432f54283371691609715c1537cdfe8b9d29ca9f4ff88222e88bbbff8\
     041395e10d9f0c275efe5baff6e4241342499046b1";
/// `dgst -sm3 -sigopt distid:1234567812345678 -sign` of `encryption standard`.
const OPENSSL_SIGNATURE: &str = "3045022100aaef57eaa45443fc00d32ffe8051c1607d43718ef6ee87f126ebaf0deaba4656\
     02206a67205111e2f7eaf2bf4cfa6d9abf3d85c64ca29f64dc2915646d925cb8c42c";

fn openssl_scalar() -> Vec<u8> {
    hex(OPENSSL_PKCS8)[36..68].to_vec()
}

#[test]
fn what_openssl_made_opens_and_verifies() {
    let key = openssl_scalar();
    assert_eq!(public_key(SPEC, &key).unwrap(), hex(OPENSSL_SPKI));
    assert_eq!(pkcs8(SPEC, &key).unwrap().to_vec(), hex(OPENSSL_PKCS8));
    let opened = decrypt(&key, &hex(OPENSSL_CIPHERTEXT)).unwrap();
    assert_eq!(opened.expose(), b"encryption standard");
    let key = SigningKey::parse(SPEC, &key).unwrap();
    let signature = hex(OPENSSL_SIGNATURE);
    let verified = key.verify(A::Sm2Dsa, T::Raw, b"encryption standard", &signature);
    assert_eq!(verified, Ok(()));
}

/// The other direction, for messages of 1 to 951 bytes.
#[test]
fn openssl_opens_and_verifies_what_is_made_here() {
    let openssl = OpenSsl::new();
    let arena = Arena::new().unwrap();
    for round in 0..20 {
        let fresh = generate(SPEC, &arena).unwrap();
        let key = fresh.bytes.expose();
        let message = vec![round; 1 + 50 * usize::from(round)];
        openssl.write("key", &pkcs8(SPEC, key).unwrap());
        openssl.write("public", &fresh.public_key.unwrap());
        openssl.write("message", &message);

        openssl.write("sealed", &encrypt(key, &message).unwrap());
        let opened = openssl.run("pkeyutl -decrypt -keyform DER -inkey key -in sealed");
        assert_eq!(opened, message);

        let key = SigningKey::parse(SPEC, key).unwrap();
        let signature = key.sign(A::Sm2Dsa, T::Raw, &message).unwrap();
        openssl.write("signature", &signature);
        openssl.run(
            "dgst -sm3 -sigopt distid:1234567812345678 -keyform DER -verify public \
             -signature signature message",
        );
    }
}

#[test]
fn signatures_verify_and_are_not_repeated() {
    let key = SigningKey::parse(SPEC, &hex(STANDARD_KEY)).unwrap();
    let invalid = Err(Refusal::SignatureInvalid);
    for (message_type, message) in [(T::Raw, &[1; 100][..]), (T::Digest, &[2; 32])] {
        let sign = || key.sign(A::Sm2Dsa, message_type, message).unwrap();
        let (one, two) = (sign(), sign());
        assert_ne!(one, two);
        assert!(one.len() <= 72);
        let verify = |message: &[u8], signature: &[u8]| {
            key.verify(A::Sm2Dsa, message_type, message, signature)
        };
        assert_eq!(verify(message, &one), Ok(()));
        assert_eq!(verify(message, &two), Ok(()));
        assert_eq!(verify(&[3; 32], &one), invalid);
        assert_eq!(verify(message, &one[..one.len() - 1]), invalid);
        assert_eq!(verify(message, &[&one[..], &[0]].concat()), invalid);
        assert_eq!(verify(message, &[]), invalid);
    }
}

#[test]
fn signatures_out_of_range_or_not_der_are_invalid() {
    let key = SigningKey::parse(SPEC, &hex(STANDARD_KEY)).unwrap();
    let good = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3";
    let long = format!("3047022200{good}00022100{good}");
    let negative = format!("30440220{good}0220{good}");
    let zero = format!("3026020100022100{good}");
    let wrong = [
        der_pair(ORDER, good),
        der_pair(good, ORDER),
        hex(&long),
        hex(&negative),
        hex(&zero),
        vec![0; 64],
        vec![0xff; 6000],
    ];
    for signature in wrong {
        let verified = key.verify(A::Sm2Dsa, T::Raw, b"message digest", &signature);
        assert_eq!(verified, Err(Refusal::SignatureInvalid));
    }
}

#[test]
fn messages_and_algorithms_that_do_not_go_together_are_refused() {
    let key = SigningKey::parse(SPEC, &hex(STANDARD_KEY)).unwrap();
    let argument = Err(Refusal::InvalidArgument);
    assert_eq!(key.sign(A::Sm2Dsa, T::ExternalMu, &[0; 64]), argument);
    for length in [0, 31, 33, 64] {
        assert_eq!(key.sign(A::Sm2Dsa, T::Digest, &vec![0; length]), argument);
    }
    for algorithm in A::ALL.iter().copied().filter(|one| *one != A::Sm2Dsa) {
        let usage = Err(Refusal::WrongUsage);
        assert_eq!(key.sign(algorithm, T::Raw, b"message"), usage);
    }
}

#[test]
fn what_is_encrypted_opens_once_and_whole() {
    let key = hex(STANDARD_KEY);
    for length in [1, 2, 31, 32, 33, 1024] {
        let message = vec![5; length];
        let (one, two) = (encrypt(&key, &message), encrypt(&key, &message));
        let one = one.unwrap();
        assert_ne!(one, two.unwrap());
        assert_eq!(decrypt(&key, &one).unwrap().expose(), message);
        let invalid = Some(Refusal::InvalidCiphertext);
        let other_key = [7; 32];
        assert_eq!(decrypt(&other_key, &one).err(), invalid);
        for at in 0..one.len() {
            let mut wrong = one.clone();
            wrong[at] ^= 1;
            assert_eq!(decrypt(&key, &wrong).err(), invalid, "byte {at}");
            if length > 33 && at > 120 {
                break;
            }
        }
        assert_eq!(decrypt(&key, &one[..one.len() - 1]).err(), invalid);
        assert_eq!(decrypt(&key, &[&one[..], &[0]].concat()).err(), invalid);
    }
    assert_eq!(encrypt(&key, &[]).err(), Some(Refusal::InvalidArgument));
    let too_long = encrypt(&key, &[0; 1025]).err();
    assert_eq!(too_long, Some(Refusal::PlaintextTooLong));
}

#[test]
fn broken_ciphertexts_are_invalid() {
    let key = hex(STANDARD_KEY);
    let invalid = Some(Refusal::InvalidCiphertext);
    // (1, 1) is not on the curve.
    let off_curve = format!("302b0201010201010420{}040100", "00".repeat(32));
    for wrong in [
        vec![],
        vec![0x30],
        vec![0x30, 0],
        vec![0; 6144],
        hex(&off_curve),
    ] {
        assert_eq!(decrypt(&key, &wrong).err(), invalid);
    }
}

/// The other side's key is OpenSSL's; the secret was computed with the curve's formulas in Python.
#[test]
fn the_shared_secret_is_the_x_coordinate() {
    let head = "3059301306072a8648ce3d020106082a811ccf5501822d034200";
    let point = "9670a82491e2d7dd1062f3dfa57619eda72e96b93f4b6c83df56c81a109e08d6\
                 dd97839554b5db80f720186451812934fe4d24baa1c2bb19af978fdefd02a29d";
    let other = hex(&format!("{head}04{point}"));
    let secret = derive(&openssl_scalar(), &other).unwrap();
    assert_eq!(
        secret.expose(),
        hex("fe7e5bd1fc7a8763360a1176ca9f5d9230067bd50f02ad1072a483a6af8355b7")
    );

    // The same point, compressed: its y is odd.
    let short = "3039301306072a8648ce3d020106082a811ccf5501822d032200";
    let compressed = hex(&format!("{short}03{}", &point[..64]));
    let same = derive(&openssl_scalar(), &compressed).unwrap();
    assert_eq!(same.expose(), secret.expose());

    let invalid = Some(Refusal::PublicKeyInvalid);
    let mut off_curve = other.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    let mut other_curve = other.clone();
    other_curve[20] ^= 1;
    let wrong = [
        off_curve,
        other_curve,
        other[..90].to_vec(),
        [&other[..], &[0]].concat(),
        hex(&format!("{head}06{point}")),
        hex(&format!("{short}04{}", &point[..64])),
        hex(&format!("{head}00")),
        vec![],
        hex(&format!("04{point}")),
    ];
    for public_key in wrong {
        assert_eq!(derive(&openssl_scalar(), &public_key).err(), invalid);
    }
}

#[test]
fn both_sides_derive_the_same_secret() {
    let arena = Arena::new().unwrap();
    let (one, two) = (
        generate(SPEC, &arena).unwrap(),
        generate(SPEC, &arena).unwrap(),
    );
    let to_two = derive(one.bytes.expose(), &two.public_key.unwrap()).unwrap();
    let to_one = derive(two.bytes.expose(), &one.public_key.unwrap()).unwrap();
    assert_eq!(to_two.expose(), to_one.expose());
    assert_eq!(to_two.len(), 32);
}

#[test]
fn keys_are_scalars_of_the_curve_for_which_there_are_signatures() {
    let arena = Arena::new().unwrap();
    let fresh = generate(SPEC, &arena).unwrap();
    let public = public_key(SPEC, fresh.bytes.expose()).unwrap();
    assert_eq!(fresh.public_key, Some(public));

    let mut order = hex(ORDER);
    let less = |order: &[u8], by: u8| {
        let mut scalar = order.to_vec();
        *scalar.last_mut().unwrap() -= by;
        scalar
    };
    assert!(SigningKey::parse(SPEC, &less(&order, 2)).is_ok());
    let last = less(&order, 1);
    *order.last_mut().unwrap() += 1;
    let wrong = [
        hex(ORDER),
        last,
        order,
        vec![0; 32],
        vec![7; 31],
        vec![7; 33],
        vec![],
    ];
    for bytes in wrong {
        let damaged = Some(Refusal::WrappedKeyDamaged);
        assert_eq!(SigningKey::parse(SPEC, &bytes).err(), damaged);
        assert_eq!(public_key(SPEC, &bytes).err(), damaged);
        assert_eq!(pkcs8(SPEC, &bytes).err(), damaged);
        assert_eq!(encrypt(&bytes, b"message").err(), damaged);
        assert_eq!(decrypt(&bytes, &[]).err(), damaged);
        assert_eq!(derive(&bytes, &[]).err(), damaged);
    }
    for spec in KeySpec::ALL.iter().copied().filter(|spec| *spec != SPEC) {
        let unsupported = Some(Refusal::UnsupportedSpec);
        assert_eq!(generate(spec, &arena).err(), unsupported);
        assert_eq!(public_key(spec, &[7; 32]).err(), unsupported);
        assert_eq!(pkcs8(spec, &[7; 32]).err(), unsupported);
        assert_eq!(SigningKey::parse(spec, &[7; 32]).err(), unsupported);
    }
}
