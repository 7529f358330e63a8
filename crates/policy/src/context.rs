//! What a request says of itself: the values of condition keys.

use std::fmt;
use std::net::IpAddr;

use keystead_types::Timestamp;

use crate::limits::CONDITION_KEY_MAX_CHARS;

macro_rules! known_keys {
    (plain { $($(#[$doc:meta])* $plain:ident = $name:literal;)* } families { $($(#[$fdoc:meta])* $family:ident = $prefix:literal;)* }) => {
        /// A condition key that means something here. Names are compared without case.
        ///
        /// Sources: KMS Developer Guide, "AWS KMS condition keys"; IAM User Guide, "AWS global
        /// condition context keys"; STS and IAM: Service Authorization Reference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum KnownKey {
            $(#[doc = concat!("`", $name, "`")] $(#[$doc])* $plain,)*
            $(#[doc = concat!("`", $prefix, "…`: a family, the rest of the name is [`ConditionKey::tail`].")] $(#[$fdoc])* $family,)*
        }

        impl KnownKey {
            /// Every key and family.
            pub const ALL: &'static [Self] = &[$(Self::$plain,)* $(Self::$family,)*];

            /// The name as AWS writes it; a family's ends in `/`, `:` or `PCR`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$plain => $name,)* $(Self::$family => $prefix,)* }
            }

            /// Whether it has one value for each name, of which the caller chooses the case.
            pub(crate) fn is_family(self) -> bool {
                match self { $(Self::$plain => false,)* $(Self::$family => true,)* }
            }
        }
    };
}

known_keys! {
    plain {
    BypassPolicyLockoutSafetyCheck = "kms:BypassPolicyLockoutSafetyCheck";
    CallerAccount = "kms:CallerAccount";
    CustomerMasterKeySpec = "kms:CustomerMasterKeySpec";
    CustomerMasterKeyUsage = "kms:CustomerMasterKeyUsage";
    DataKeyPairSpec = "kms:DataKeyPairSpec";
    EncryptionAlgorithm = "kms:EncryptionAlgorithm";
    /// Multi-valued.
    EncryptionContextKeys = "kms:EncryptionContextKeys";
    ExpirationModel = "kms:ExpirationModel";
    GrantConstraintType = "kms:GrantConstraintType";
    GrantConstraintSourceArn = "kms:GrantConstraintSourceArn";
    GrantIsForAwsResource = "kms:GrantIsForAWSResource";
    /// Multi-valued.
    GrantOperations = "kms:GrantOperations";
    GranteePrincipal = "kms:GranteePrincipal";
    GranteeServicePrincipal = "kms:GranteeServicePrincipal";
    KeyAgreementAlgorithm = "kms:KeyAgreementAlgorithm";
    KeyOrigin = "kms:KeyOrigin";
    KeySpec = "kms:KeySpec";
    KeyUsage = "kms:KeyUsage";
    MacAlgorithm = "kms:MacAlgorithm";
    MessageType = "kms:MessageType";
    MultiRegion = "kms:MultiRegion";
    MultiRegionKeyType = "kms:MultiRegionKeyType";
    PolicyName = "kms:PolicyName";
    PrimaryRegion = "kms:PrimaryRegion";
    ReEncryptOnSameKey = "kms:ReEncryptOnSameKey";
    RecipientImageSha384 = "kms:RecipientAttestation:ImageSha384";
    ReplicaRegion = "kms:ReplicaRegion";
    RequestAlias = "kms:RequestAlias";
    /// Multi-valued.
    ResourceAliases = "kms:ResourceAliases";
    RetiringPrincipal = "kms:RetiringPrincipal";
    RetiringServicePrincipal = "kms:RetiringServicePrincipal";
    RotationPeriodInDays = "kms:RotationPeriodInDays";
    PendingWindowInDays = "kms:ScheduleKeyDeletionPendingWindowInDays";
    SigningAlgorithm = "kms:SigningAlgorithm";
    TrailingDaysWithoutKeyUsage = "kms:TrailingDaysWithoutKeyUsage";
    ValidTo = "kms:ValidTo";
    ViaService = "kms:ViaService";
    WrappingAlgorithm = "kms:WrappingAlgorithm";
    WrappingKeySpec = "kms:WrappingKeySpec";

    /// Multi-valued, in order of the calls.
    CalledVia = "aws:CalledVia";
    CalledViaFirst = "aws:CalledViaFirst";
    CalledViaLast = "aws:CalledViaLast";
    CurrentTime = "aws:CurrentTime";
    EpochTime = "aws:EpochTime";
    FederatedProvider = "aws:FederatedProvider";
    MultiFactorAuthAge = "aws:MultiFactorAuthAge";
    MultiFactorAuthPresent = "aws:MultiFactorAuthPresent";
    PrincipalAccount = "aws:PrincipalAccount";
    PrincipalArn = "aws:PrincipalArn";
    PrincipalIsAwsService = "aws:PrincipalIsAWSService";
    PrincipalOrgId = "aws:PrincipalOrgID";
    /// Multi-valued.
    PrincipalOrgPaths = "aws:PrincipalOrgPaths";
    PrincipalServiceName = "aws:PrincipalServiceName";
    /// Multi-valued.
    PrincipalServiceNamesList = "aws:PrincipalServiceNamesList";
    PrincipalType = "aws:PrincipalType";
    Referer = "aws:Referer";
    RequestedRegion = "aws:RequestedRegion";
    ResourceAccount = "aws:ResourceAccount";
    ResourceOrgId = "aws:ResourceOrgID";
    /// Multi-valued.
    ResourceOrgPaths = "aws:ResourceOrgPaths";
    SecureTransport = "aws:SecureTransport";
    SourceAccount = "aws:SourceAccount";
    SourceArn = "aws:SourceArn";
    SourceIdentity = "aws:SourceIdentity";
    SourceIp = "aws:SourceIp";
    SourceOrgId = "aws:SourceOrgID";
    /// Multi-valued.
    SourceOrgPaths = "aws:SourceOrgPaths";
    SourceVpc = "aws:SourceVpc";
    SourceVpce = "aws:SourceVpce";
    /// Multi-valued.
    TagKeys = "aws:TagKeys";
    TokenIssueTime = "aws:TokenIssueTime";
    UserAgent = "aws:UserAgent";
    UserId = "aws:userid";
    UserName = "aws:username";
    ViaAwsService = "aws:ViaAWSService";
    VpcSourceIp = "aws:VpcSourceIp";

    StsExternalId = "sts:ExternalId";
    StsRoleSessionName = "sts:RoleSessionName";
    StsSourceIdentity = "sts:SourceIdentity";
    /// Multi-valued.
    StsTransitiveTagKeys = "sts:TransitiveTagKeys";
    IamPassedToService = "iam:PassedToService";
    IamPermissionsBoundary = "iam:PermissionsBoundary";
    IamPolicyArn = "iam:PolicyARN";

    }

    families {
    EncryptionContext = "kms:EncryptionContext:";
    RecipientPcr = "kms:RecipientAttestation:PCR";
    RecipientNitroTpmPcr = "kms:RecipientAttestation:NitroTPMPCR";
    PrincipalTag = "aws:PrincipalTag/";
    RequestTag = "aws:RequestTag/";
    ResourceTag = "aws:ResourceTag/";
    IamResourceTag = "iam:ResourceTag/";
    }
}

impl KnownKey {
    /// Whether requests have it as a set of values. Such a key is no policy variable.
    pub(crate) fn is_multi_valued(self) -> bool {
        matches!(
            self,
            Self::EncryptionContextKeys
                | Self::GrantOperations
                | Self::ResourceAliases
                | Self::CalledVia
                | Self::PrincipalOrgPaths
                | Self::PrincipalServiceNamesList
                | Self::ResourceOrgPaths
                | Self::SourceOrgPaths
                | Self::TagKeys
                | Self::StsTransitiveTagKeys
        )
    }
}

/// A condition key as a policy names it, read once when the policy is compiled.
#[derive(Clone, PartialEq, Eq)]
pub struct ConditionKey {
    known: Option<KnownKey>,
    name: Box<str>,
    tail_start: usize,
}

impl ConditionKey {
    /// Reads a name. `None` for what is no name of a condition key: empty, longer than
    /// [`CONDITION_KEY_MAX_CHARS`], without a service prefix.
    ///
    /// A claim of a web identity (`accounts.example.com:aud`) and every other unknown name is
    /// taken too: it has a value only if the [`Context`] knows it.
    pub fn parse(name: &str) -> Option<Self> {
        let (service, rest) = name.split_once(':')?;
        if service.is_empty() || rest.is_empty() || name.chars().count() > CONDITION_KEY_MAX_CHARS {
            return None;
        }
        let plain = |key: &&KnownKey| !key.is_family() && key.name().eq_ignore_ascii_case(name);
        let family = |key: &&KnownKey| {
            let prefix = key.name();
            let head = name.get(..prefix.len());
            key.is_family()
                && name.len() > prefix.len()
                && head.is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        let mut all = KnownKey::ALL.iter();
        let known = all
            .clone()
            .find(plain)
            .or_else(|| all.find(family))
            .copied();
        let tail_start = match known {
            Some(key) if key.is_family() => key.name().len(),
            _ => name.len(),
        };
        Some(Self {
            known,
            name: name.into(),
            tail_start,
        })
    }

    /// Which key it is, if it is one that means something here.
    pub fn known(&self) -> Option<KnownKey> {
        self.known
    }

    /// The whole name, as the policy writes it. Names are compared without ASCII case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a family's name goes on with: the tag's key, the encryption context's key, the
    /// number of a register. Compared without ASCII case. Empty for other keys.
    pub fn tail(&self) -> &str {
        self.name.get(self.tail_start..).unwrap_or_default()
    }
}

impl fmt::Debug for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// One value of a condition key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A text; also every ARN.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// A moment.
    Moment(Timestamp),
    /// An IP address.
    Address(IpAddr),
}

/// Whether a request has a condition key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The request has no such key.
    Absent,
    /// It has one value, which was told.
    Single,
    /// It has a set of values, each of which was told; maybe none.
    Multi,
}

/// The condition keys of a request.
pub trait Context {
    /// Tells `each` every value of a key, in order. Allocates nothing and does no I/O: it is
    /// called for every condition of every statement that gets that far.
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence;
}

/// A request without any condition key.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContext;

impl Context for NoContext {
    fn values(&self, _: &ConditionKey, _: &mut dyn FnMut(Value<'_>)) -> Presence {
        Presence::Absent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_case_and_families_keep_their_tail() {
        let read = |name: &str| {
            let key = ConditionKey::parse(name).unwrap();
            (key.known(), key.tail().to_owned())
        };
        assert_eq!(
            read("AWS:principalarn"),
            (Some(KnownKey::PrincipalArn), String::new())
        );
        assert_eq!(
            read("kms:EncryptionContext:Team:A"),
            (Some(KnownKey::EncryptionContext), "Team:A".into())
        );
        assert_eq!(
            read("kms:EncryptionContextKeys"),
            (Some(KnownKey::EncryptionContextKeys), String::new())
        );
        assert_eq!(
            read("kms:RecipientAttestation:NitroTPMPCR7"),
            (Some(KnownKey::RecipientNitroTpmPcr), "7".into())
        );
        assert_eq!(
            read("kms:RecipientAttestation:pcr0"),
            (Some(KnownKey::RecipientPcr), "0".into())
        );
        assert_eq!(
            read("aws:PrincipalTag/a/b"),
            (Some(KnownKey::PrincipalTag), "a/b".into())
        );
        assert_eq!(read("aws:PrincipalTag/"), (None, String::new()));
        assert_eq!(read("saml:aud"), (None, String::new()));
        for bad in ["", "aws", ":x", "aws:"] {
            assert!(ConditionKey::parse(bad).is_none(), "{bad}");
        }
        // Characters, not bytes.
        let long = |chars: usize| format!("aws:{}", "é".repeat(chars - 4));
        assert!(ConditionKey::parse(&long(CONDITION_KEY_MAX_CHARS)).is_some());
        assert!(ConditionKey::parse(&long(CONDITION_KEY_MAX_CHARS + 1)).is_none());
    }
}
