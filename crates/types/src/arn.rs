//! Amazon Resource Names of keys and aliases, and the forms in which a request names a key.

use std::fmt;

use crate::{AccountId, AliasName, KeyId, Region};

/// The partition that a Region belongs to. Source: botocore `partitions.json`, Region patterns.
pub fn partition_of(region: &Region) -> &'static str {
    match region.as_str().as_bytes() {
        [b'c', b'n', b'-', ..] => "aws-cn",
        [b'u', b's', b'-', rest @ ..] => match rest {
            [b'g', b'o', b'v', b'-', ..] => "aws-us-gov",
            [b'i', b's', b'o', b'b', b'-', ..] => "aws-iso-b",
            [b'i', b's', b'o', b'f', b'-', ..] => "aws-iso-f",
            [b'i', b's', b'o', b'-', ..] => "aws-iso",
            _ => "aws",
        },
        [b'e', b'u', b's', b'c', b'-', ..] => "aws-eusc",
        [b'e', b'u', b'-', b'i', b's', b'o', b'e', b'-', ..] => "aws-iso-e",
        _ => "aws",
    }
}

/// `arn:<partition>:kms:<region>:<account>:key/<key id>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyArn {
    /// Where the key lives.
    pub region: Region,
    /// Who owns it.
    pub account: AccountId,
    /// Which key.
    pub key_id: KeyId,
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            account,
            key_id,
        } = self;
        write_kms_prefix(f, region, *account)?;
        f.write_str("key/")?;
        f.write_str(key_id.as_str())
    }
}

/// Writes `arn:<partition>:kms:<region>:<account>:`, piece by piece: every answer has one, and
/// `write!` takes several times as long.
fn write_kms_prefix(
    f: &mut fmt::Formatter<'_>,
    region: &Region,
    account: AccountId,
) -> fmt::Result {
    let account = account.as_str();
    for piece in [
        "arn:",
        partition_of(region),
        ":kms:",
        region.as_str(),
        ":",
        account,
        ":",
    ] {
        f.write_str(piece)?;
    }
    Ok(())
}

/// `arn:<partition>:kms:<region>:<account>:alias/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasArn {
    /// Where the alias lives.
    pub region: Region,
    /// Who owns it.
    pub account: AccountId,
    /// Its name, `alias/` included.
    pub name: AliasName,
}

impl fmt::Display for AliasArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            account,
            name,
        } = self;
        write_kms_prefix(f, region, *account)?;
        f.write_str(name.as_str())
    }
}

/// The `KeyId` member of a request, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReference {
    /// A bare key id: in the caller's account and Region.
    Id(KeyId),
    /// A key ARN.
    Arn(KeyArn),
    /// A bare alias name: in the caller's account and Region.
    Alias(AliasName),
    /// An alias ARN.
    AliasArn(AliasArn),
}

/// Why a `KeyId` member names no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArnError {
    /// Neither an ARN nor an alias nor a key id. KMS: NotFoundException `Invalid keyId '…'`.
    NotAKeyId,
    /// Starts with `arn:` but is not a KMS key or alias ARN. KMS: InvalidArnException.
    NotAnArn,
}

impl KeyReference {
    /// Takes a key id, a key ARN, an alias name or an alias ARN. The partition must be the one
    /// of the Region.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        if let Some(rest) = text.strip_prefix("arn:") {
            return Self::parse_arn(rest).ok_or(ArnError::NotAnArn);
        }
        if text.starts_with(AliasName::PREFIX) {
            return AliasName::parse(text)
                .map(Self::Alias)
                .map_err(|_| ArnError::NotAKeyId);
        }
        KeyId::parse(text)
            .map(Self::Id)
            .map_err(|_| ArnError::NotAKeyId)
    }

    fn parse_arn(rest: &str) -> Option<Self> {
        let mut fields = rest.splitn(5, ':');
        let partition = fields.next()?;
        if fields.next()? != "kms" {
            return None;
        }
        let region = Region::parse(fields.next()?).ok()?;
        let account = AccountId::parse(fields.next()?).ok()?;
        let resource = fields.next()?;
        if partition != partition_of(&region) {
            return None;
        }
        if resource.starts_with(AliasName::PREFIX) {
            let name = AliasName::parse(resource).ok()?;
            return Some(Self::AliasArn(AliasArn {
                region,
                account,
                name,
            }));
        }
        let key_id = KeyId::parse(resource.strip_prefix("key/")?).ok()?;
        Some(Self::Arn(KeyArn {
            region,
            account,
            key_id,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn each_form_is_recognised_and_printed_back() {
        let arn = format!("arn:aws:kms:eu-west-1:111122223333:key/{ID}");
        match KeyReference::parse(&arn).unwrap() {
            KeyReference::Arn(parsed) => assert_eq!(parsed.to_string(), arn),
            other => panic!("{other:?}"),
        }
        let alias = "arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b";
        match KeyReference::parse(alias).unwrap() {
            KeyReference::AliasArn(parsed) => assert_eq!(parsed.to_string(), alias),
            other => panic!("{other:?}"),
        }
        assert!(matches!(KeyReference::parse(ID), Ok(KeyReference::Id(_))));
        assert!(matches!(
            KeyReference::parse("alias/x"),
            Ok(KeyReference::Alias(_))
        ));
    }

    #[test]
    fn partitions_follow_the_region() {
        for (region, partition) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-isob-east-1", "aws-iso-b"),
            ("us-iso-east-1", "aws-iso"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(partition_of(&Region::parse(region).unwrap()), partition);
        }
    }

    #[test]
    fn odd_arns_are_refused() {
        for bad in [
            "arn:aws:kms:eu-west-1:111122223333:key/".to_owned(),
            format!("arn:aws-cn:kms:eu-west-1:111122223333:key/{ID}"),
            format!("arn:aws:kms::111122223333:key/{ID}"),
            format!("arn:aws:kms:eu-west-1:11112222333:key/{ID}"),
            format!("arn:aws:s3:eu-west-1:111122223333:key/{ID}"),
            format!("arn:aws:kms:eu-west-1:111122223333:key/{ID}:x:y:z"),
        ] {
            assert_eq!(KeyReference::parse(&bad), Err(ArnError::NotAnArn), "{bad}");
        }
        assert_eq!(KeyReference::parse("fake-key-id"), Err(ArnError::NotAKeyId));
    }
}
