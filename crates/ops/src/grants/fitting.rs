//! What a grant may say: its operations against its key, its constraints.
//!
//! Source: KMS Developer Guide, "Grants in AWS KMS"; KMS API reference, CreateGrant.

use keystead_api::model;
use keystead_engine::{GrantConstraints, KeyRecord};
use keystead_types::{
    EncryptionContext, Fault, GrantOperation, GrantOperation as G, KeySpec, KeyUsage,
};

/// Pairs in one encryption context constraint. Source: KMS API reference, CreateGrant, Constraints.
const PAIRS_PER_CONSTRAINT: usize = 8;
/// Length of a value in an encryption context constraint, UTF-16 units.
/// Source: KMS API reference, CreateGrant, Constraints.
const CONSTRAINT_VALUE_MAX_CHARS: usize = 384;

/// Operations that a grant on any key may allow.
const COMMON: [GrantOperation; 3] = [G::CreateGrant, G::RetireGrant, G::DescribeKey];

/// The other operations that a grant on a key of this kind may allow.
fn fitting(spec: KeySpec, usage: KeyUsage) -> &'static [GrantOperation] {
    match usage {
        KeyUsage::EncryptDecrypt if spec == KeySpec::SymmetricDefault => &[
            G::Encrypt,
            G::Decrypt,
            G::ReEncryptFrom,
            G::ReEncryptTo,
            G::GenerateDataKey,
            G::GenerateDataKeyWithoutPlaintext,
            G::GenerateDataKeyPair,
            G::GenerateDataKeyPairWithoutPlaintext,
        ],
        KeyUsage::EncryptDecrypt => &[
            G::Encrypt,
            G::Decrypt,
            G::ReEncryptFrom,
            G::ReEncryptTo,
            G::GetPublicKey,
        ],
        KeyUsage::SignVerify => &[G::Sign, G::Verify, G::GetPublicKey],
        KeyUsage::GenerateVerifyMac => &[G::GenerateMac, G::VerifyMac],
        KeyUsage::KeyAgreement => &[G::DeriveSharedSecret, G::GetPublicKey],
        KeyUsage::EncapsulateDecapsulate => &[G::Encapsulate, G::Decapsulate, G::GetPublicKey],
    }
}

/// The operations of a request, each once, in their order.
///
/// Errors: ValidationException for none, or for CreateGrant alone.
pub(super) fn operations(sent: &[GrantOperation]) -> Result<Vec<GrantOperation>, Fault> {
    let mut once: Vec<GrantOperation> = Vec::with_capacity(COMMON.len());
    for operation in sent {
        if !once.contains(operation) {
            once.push(*operation);
        }
    }
    match once.as_slice() {
        [] => Err(Fault::validation(
            "A grant must allow at least one operation.",
        )),
        [G::CreateGrant] => Err(Fault::validation(
            "Grants must not contain only the CreateGrant operation.",
        )),
        _ => Ok(once),
    }
}

/// Refuses what does not go with the key: operations of another usage, and encryption context
/// constraints unless the key is a symmetric encryption key.
///
/// Errors: ValidationException.
pub(super) fn check(
    key: &KeyRecord,
    operations: &[GrantOperation],
    constraints: Option<&model::GrantConstraints>,
) -> Result<(), Fault> {
    let (spec, usage) = (key.spec, key.usage);
    let fits = |one: &GrantOperation| COMMON.contains(one) || fitting(spec, usage).contains(one);
    if let Some(unfit) = operations.iter().find(|one| !fits(one)) {
        return Err(Fault::validation(format!(
            "The operation {} is not supported in a grant on a key with key spec {spec} and key \
             usage {usage}.",
            unfit.as_str()
        )));
    }
    let context = constraints.is_some_and(|held| {
        !held.encryption_context_equals.is_empty() || !held.encryption_context_subset.is_empty()
    });
    if context && spec != KeySpec::SymmetricDefault {
        return Err(Fault::validation(format!(
            "Encryption context grant constraints are supported only for symmetric encryption \
             keys, not for a key with key spec {spec}."
        )));
    }
    Ok(())
}

/// The constraints of a request in the form in which they are kept.
///
/// Errors: ValidationException for constraints that constrain nothing (a client that meant an
/// empty encryption context must not get a grant for every one), too many pairs, long values.
pub(super) fn constraints(sent: &model::GrantConstraints) -> Result<GrantConstraints, Fault> {
    let held = GrantConstraints {
        encryption_context_subset: pairs(
            "encryptionContextSubset",
            &sent.encryption_context_subset,
        )?,
        encryption_context_equals: pairs(
            "encryptionContextEquals",
            &sent.encryption_context_equals,
        )?,
        source_arn: sent.source_arn.clone(),
    };
    if held == GrantConstraints::default() {
        return Err(Fault::validation(
            "Constraints must hold an encryption context with at least one pair, or a SourceArn.",
        ));
    }
    Ok(held)
}

fn pairs(name: &str, context: &EncryptionContext) -> Result<Option<Vec<(String, String)>>, Fault> {
    if context.pairs().count() > PAIRS_PER_CONSTRAINT {
        return Err(Fault::validation(format!(
            "The grant constraint {name} has more than {PAIRS_PER_CONSTRAINT} pairs."
        )));
    }
    let long = |value: &str| value.encode_utf16().count() > CONSTRAINT_VALUE_MAX_CHARS;
    if context.pairs().any(|(_, value)| long(value)) {
        return Err(Fault::validation(format!(
            "A value of the grant constraint {name} is longer than {CONSTRAINT_VALUE_MAX_CHARS} \
             characters."
        )));
    }
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let pairs: Vec<_> = context.pairs().map(owned).collect();
    Ok((!pairs.is_empty()).then_some(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key usage's own operations, as the Developer Guide's table has them.
    #[test]
    fn the_table_is_the_guides() {
        let rows = [
            (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, 8),
            (KeySpec::Rsa2048, KeyUsage::EncryptDecrypt, 5),
            (KeySpec::Rsa2048, KeyUsage::SignVerify, 3),
            (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, 2),
            (KeySpec::EccNistP256, KeyUsage::KeyAgreement, 2),
        ];
        for (spec, usage, count) in rows {
            let own = fitting(spec, usage);
            assert_eq!(own.len(), count, "{spec} {usage}");
            assert!(!own.iter().any(|one| COMMON.contains(one)));
            let symmetric = spec == KeySpec::SymmetricDefault;
            let hmac = usage == KeyUsage::GenerateVerifyMac;
            assert_eq!(own.contains(&G::GetPublicKey), !symmetric && !hmac);
            assert_eq!(own.contains(&G::GenerateDataKey), symmetric);
            assert_eq!(own.contains(&G::Sign), usage == KeyUsage::SignVerify);
        }
    }

    #[test]
    fn operations_are_kept_once_and_in_order() {
        let sent = [G::Encrypt, G::CreateGrant, G::Encrypt, G::Decrypt];
        let kept = operations(&sent).unwrap();
        assert_eq!(kept, [G::Encrypt, G::CreateGrant, G::Decrypt]);
        assert!(operations(&[]).is_err());
        let alone = operations(&[G::CreateGrant, G::CreateGrant]).unwrap_err();
        assert_eq!(
            alone.message(),
            Some("Grants must not contain only the CreateGrant operation.")
        );
    }

    #[test]
    fn constraints_have_bounds() {
        let context = |count: usize, value: &str| {
            let pair = |index: usize| (format!("k{index}"), value.to_owned());
            EncryptionContext::new((0..count).map(pair).collect())
        };
        let sent = |equals| model::GrantConstraints {
            encryption_context_equals: equals,
            encryption_context_subset: EncryptionContext::default(),
            source_arn: None,
        };
        let longest = "\u{e9}".repeat(CONSTRAINT_VALUE_MAX_CHARS);
        let held = constraints(&sent(context(PAIRS_PER_CONSTRAINT, &longest))).unwrap();
        assert_eq!(held.encryption_context_equals.unwrap().len(), 8);
        assert_eq!(held.encryption_context_subset, None);
        assert!(constraints(&sent(context(PAIRS_PER_CONSTRAINT + 1, "v"))).is_err());
        assert!(constraints(&sent(context(1, &format!("{longest}x")))).is_err());
        assert!(constraints(&sent(context(0, ""))).is_err());
    }
}
