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

/// `KeyId` → `key_id`, `Type` → `r#type`.
pub(crate) fn field(name: &str) -> String {
    match snake(name) {
        name if name == "type" => format!("r#{name}"),
        name => name,
    }
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

/// `statusType` → `StatusType`; names that begin in upper case stay as they are.
pub(crate) fn type_name(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// `RSAES_OAEP_SHA_256` → `RsaesOaepSha256`; names with lower case keep it: `aws-managed` → `AwsManaged`.
/// `SELF` becomes `Own`, because `Self` is a keyword.
pub(crate) fn variant(name: &str) -> String {
    if name == "SELF" {
        return "Own".to_owned();
    }
    if name.contains(|c: char| c.is_ascii_lowercase()) {
        return name.split('-').map(type_name).collect();
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
        assert_eq!(variant("aws-managed"), "AwsManaged");
        assert_eq!(type_name("statusType"), "StatusType");
    }
}
