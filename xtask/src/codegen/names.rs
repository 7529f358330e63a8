//! Names of the model in Rust's cases.

/// `AWSAccountId` → `aws_account_id`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(index + 1);
        let starts_word = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase()
                    || after.is_some_and(|after| after.is_ascii_lowercase())
            });
        if starts_word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `CustomerMasterKeySpec` → `CUSTOMER_MASTER_KEY_SPEC`.
pub(crate) fn upper(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `KeyId` → `keyId`, as AWS spells members in messages and in CloudTrail.
pub(crate) fn lower_camel(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// `RSAES_OAEP_SHA_256` → `RsaesOaepSha256`; names with lower case stay as they are.
/// `SELF` becomes `Own`, because `Self` is a keyword.
pub(crate) fn variant(name: &str) -> String {
    if name == "SELF" {
        return "Own".to_owned();
    }
    if name.contains(|c: char| c.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let word = |word: &str| {
        let mut chars = word.chars();
        let first: String = chars.next().into_iter().collect();
        first + &chars.as_str().to_ascii_lowercase()
    };
    name.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        for (name, expected) in [
            ("AWSAccountId", "aws_account_id"),
            ("ReEncrypt", "re_encrypt"),
            ("CloudHsmClusterId", "cloud_hsm_cluster_id"),
            ("Arn", "arn"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(lower_camel("AWSAccountId"), "aWSAccountId");
        assert_eq!(variant("RSASSA_PKCS1_V1_5_SHA_256"), "RsassaPkcs1V15Sha256");
        assert_eq!(variant("GenerateDataKey"), "GenerateDataKey");
    }
}
