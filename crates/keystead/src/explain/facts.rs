//! The condition keys of a request, as far as its audit record holds them.

use keystead_policy::{ConditionKey, Context, KnownKey, Presence, Value};
use keystead_store::records::KeyRecord;
use serde_json::Value as Json;

use super::{list, text};

/// What a record says of one of its decisions.
pub(super) struct Facts<'a> {
    pub(super) record: &'a Json,
    /// The action that was decided: `kms:ReEncryptFrom`.
    pub(super) action: &'a str,
    /// The resource's ARN; empty for none.
    pub(super) resource: &'a str,
    /// The key as it is today; only what never changes of a key is read.
    pub(super) key: Option<&'a KeyRecord>,
}

/// The values of a condition key; none for a key that the request had not got. `None` for one of
/// which the record tells nothing.
type Held = Option<Vec<String>>;

fn value(text: &str) -> Held {
    match text {
        "" => absent(),
        text => Some(vec![text.to_owned()]),
    }
}

fn flag(flag: bool) -> Held {
    Some(vec![flag.to_string()])
}

fn absent() -> Held {
    Some(Vec::new())
}

impl Context for Facts<'_> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let values = self.held(key).unwrap_or_default();
        values.iter().for_each(|value| each(Value::Text(value)));
        match values.as_slice() {
            [] => Presence::Absent,
            [_] => Presence::Single,
            _ => Presence::Multi,
        }
    }
}

impl Facts<'_> {
    /// Whether the record tells whether the request had a condition key, and its values.
    pub(super) fn holds(&self, key: &str) -> bool {
        ConditionKey::parse(key).is_some_and(|key| self.held(&key).is_some())
    }

    fn text(&self, path: &str) -> &str {
        text(self.record, path)
    }

    /// The service in whose name a user's request came.
    fn via(&self) -> &str {
        match self.service() {
            "" => self.text("/userIdentity/invokedBy"),
            _ => "",
        }
    }

    /// The service that asked for itself.
    fn service(&self) -> &str {
        match self.text("/userIdentity/type") {
            "AWSService" => self.text("/userIdentity/invokedBy"),
            _ => "",
        }
    }

    fn is_direct(&self) -> bool {
        self.via().is_empty() && self.service().is_empty()
    }

    /// A member of the request; the record has none for one that was not sent.
    fn parameter(&self, name: &str) -> Held {
        match self.text(&format!("/requestParameters/{name}")) {
            "" => None,
            found => value(found),
        }
    }

    fn held(&self, key: &ConditionKey) -> Held {
        use KnownKey as K;
        match key.known()? {
            K::EncryptionContext | K::EncryptionContextKeys => self.encryption_context(key),
            K::EncryptionAlgorithm => self.parameter(match self.action {
                "kms:ReEncryptFrom" => "sourceEncryptionAlgorithm",
                "kms:ReEncryptTo" => "destinationEncryptionAlgorithm",
                _ => "encryptionAlgorithm",
            }),
            K::SigningAlgorithm => self.parameter("signingAlgorithm"),
            K::MacAlgorithm => self.parameter("macAlgorithm"),
            K::KeyAgreementAlgorithm => self.parameter("keyAgreementAlgorithm"),
            K::MessageType => self.parameter("messageType"),
            K::DataKeyPairSpec => self.parameter("keyPairSpec"),
            K::WrappingAlgorithm => self.parameter("wrappingAlgorithm"),
            K::WrappingKeySpec => self.parameter("wrappingKeySpec"),
            K::KeySpec | K::CustomerMasterKeySpec => value(self.key?.spec.as_str()),
            K::KeyUsage | K::CustomerMasterKeyUsage => value(self.key?.usage.as_str()),
            K::KeyOrigin => value(self.key?.origin.as_str()),
            K::CallerAccount if self.resource.contains(":key/") => {
                value(self.text("/recipientAccountId"))
            }
            K::RequestAlias => {
                let named = self.text("/requestParameters/keyId");
                value(
                    named
                        .find("alias/")
                        .and_then(|at| named.get(at..))
                        .unwrap_or(""),
                )
            }
            K::ViaService => match (self.via(), self.service()) {
                ("", "") => absent(),
                ("", _) => None,
                (via, _) => {
                    let label = via.split('.').next().unwrap_or_default();
                    value(&format!(
                        "{label}.{}.amazonaws.com",
                        self.text("/awsRegion")
                    ))
                }
            },
            K::RequestedRegion => value(self.text("/awsRegion")),
            K::ResourceAccount => match self.resource.split(':').nth(4) {
                Some(account) => value(account),
                None => value(self.text("/recipientAccountId")),
            },
            K::CurrentTime => value(self.text("/eventTime")),
            known => match self.of_caller(known) {
                None => self.of_connection(known),
                found => found,
            },
        }
    }

    fn encryption_context(&self, key: &ConditionKey) -> Held {
        let parameters = self.record.pointer("/requestParameters")?;
        // Too long to be kept.
        if parameters.pointer("/omitted").is_some() {
            return None;
        }
        let name = match self.action {
            "kms:ReEncryptFrom" => "sourceEncryptionContext",
            "kms:ReEncryptTo" => "destinationEncryptionContext",
            _ => "encryptionContext",
        };
        let pairs = parameters.get(name).and_then(Json::as_object);
        let pairs = pairs.into_iter().flatten();
        if key.known() == Some(KnownKey::EncryptionContextKeys) {
            return Some(pairs.map(|(name, _)| name.clone()).collect());
        }
        let pairs = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(key.tail()));
        let values = pairs.filter_map(|(_, value)| value.as_str());
        Some(values.map(str::to_owned).collect())
    }

    fn of_caller(&self, key: KnownKey) -> Held {
        use KnownKey as K;
        let session = "/userIdentity/sessionContext";
        let of_session = |path: &str| value(self.text(&format!("{session}{path}")));
        let kind = self.text("/userIdentity/type");
        match key {
            K::PrincipalAccount => value(self.text("/userIdentity/accountId")),
            K::PrincipalArn if kind == "AssumedRole" => of_session("/sessionIssuer/arn"),
            K::PrincipalArn => value(self.text("/userIdentity/arn")),
            K::PrincipalType => value(match kind {
                "Root" => "Account",
                "IAMUser" => "User",
                "AWSService" => "",
                other => other,
            }),
            K::UserId => value(self.text("/userIdentity/principalId")),
            K::UserName => value(match kind {
                "IAMUser" => self.text("/userIdentity/userName"),
                _ => "",
            }),
            K::PrincipalIsAwsService => flag(kind == "AWSService"),
            K::PrincipalServiceName | K::PrincipalServiceNamesList => value(self.service()),
            K::TokenIssueTime => of_session("/attributes/creationDate"),
            K::MultiFactorAuthPresent => of_session("/attributes/mfaAuthenticated"),
            K::SourceIdentity => of_session("/sourceIdentity"),
            K::FederatedProvider => of_session("/webIdFederationData/federatedProvider"),
            _ => None,
        }
    }

    fn of_connection(&self, key: KnownKey) -> Held {
        use KnownKey as K;
        let endpoint = self.text("/vpcEndpointId");
        match key {
            K::CalledViaLast => value(self.via()),
            K::CalledVia | K::CalledViaFirst if self.via().is_empty() => absent(),
            K::ViaAwsService => flag(!self.via().is_empty()),
            K::SecureTransport => flag(self.record.pointer("/tlsDetails").is_some()),
            K::UserAgent => value(self.text("/userAgent")),
            K::SourceIp | K::VpcSourceIp => {
                let wanted = (key == K::VpcSourceIp) != endpoint.is_empty();
                value(match wanted && self.is_direct() {
                    true => self.text("/sourceIPAddress"),
                    false => "",
                })
            }
            K::SourceVpce if self.is_direct() => value(endpoint),
            K::SourceVpce => absent(),
            K::SourceVpc if endpoint.is_empty() => absent(),
            K::SourceArn | K::SourceAccount if self.service().is_empty() => absent(),
            _ => None,
        }
    }
}

/// The ARNs of the resources of a record.
pub(super) fn resources(record: &Json) -> impl Iterator<Item = &str> {
    list(record, "/resources")
        .iter()
        .map(|one| text(one, "/ARN"))
}
