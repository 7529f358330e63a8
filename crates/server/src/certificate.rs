//! What a client's certificate says of its holder. Read only after its chain was verified.

use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::name::Name;

use crate::limits::{SESSION_TAG_MAX_CHARS, SESSION_TAGS_MAX};

/// The attributes of names that are told, with their labels. Source: RFC 4519, 2; IAM Roles
/// Anywhere User Guide, "Trust model".
const LABELS: &[(ObjectIdentifier, &str)] = &[
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.5"), "SERIALNUMBER"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"),
        "DC",
    ),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"),
        "UID",
    ),
];

/// Why a certificate cannot stand for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is not a certificate, or has names that are not text.
    Unreadable,
    /// It says more than a session's tags can hold.
    TooMuch,
}

/// A certificate's words on its holder and its issuer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The subject's attributes by label, in the order of the certificate.
    pub(crate) subject: Vec<(&'static str, String)>,
    issuer: Vec<(&'static str, String)>,
    /// Names of hosts.
    pub(crate) dns_names: Vec<String>,
    /// URIs, such as a SPIFFE id.
    pub(crate) uris: Vec<String>,
    directory_names: Vec<(&'static str, String)>,
    /// The serial number in lower-case hex.
    pub(crate) serial: String,
}

impl Holder {
    /// Reads a DER certificate.
    pub(crate) fn read(der: &[u8]) -> Result<Self, Unusable> {
        let unreadable = |_| Unusable::Unreadable;
        let certificate = Certificate::from_der(der).map_err(unreadable)?;
        let tbs = certificate.tbs_certificate();
        let mut holder = Self {
            subject: attributes(tbs.subject())?,
            issuer: attributes(tbs.issuer())?,
            dns_names: Vec::new(),
            uris: Vec::new(),
            directory_names: Vec::new(),
            serial: hex(tbs.serial_number().as_bytes()),
        };
        let names = tbs
            .get_extension::<SubjectAltName>()
            .map_err(|_| Unusable::Unreadable)?;
        for name in names.into_iter().flat_map(|(_, names)| names.0) {
            match name {
                GeneralName::DnsName(name) => holder.dns_names.push(name.to_string()),
                GeneralName::UniformResourceIdentifier(name) => holder.uris.push(name.to_string()),
                GeneralName::DirectoryName(name) => {
                    holder.directory_names.extend(attributes(&name)?);
                }
                _ => {}
            }
        }
        Ok(holder)
    }

    /// The values of an attribute of the subject.
    pub(crate) fn subject(&self, label: &str) -> impl Iterator<Item = &str> {
        let of_it = move |one: &&(&'static str, String)| one.0 == label;
        self.subject
            .iter()
            .filter(of_it)
            .map(|(_, value)| value.as_str())
    }

    /// The common names, as one text: what becomes the session's source identity.
    pub(crate) fn common_name(&self) -> Option<String> {
        let names: Vec<&str> = self.subject("CN").collect();
        (!names.is_empty()).then(|| names.join("/"))
    }

    /// The tags of a session: `x509Subject/CN`, `x509Issuer/O`, `x509SAN/DNS`, `x509SAN/Name/CN`.
    /// Several values of one name are one value, with `/` between them.
    ///
    /// Source: IAM Roles Anywhere User Guide, "Trust model".
    pub(crate) fn tags(&self) -> Result<Vec<(String, String)>, Unusable> {
        let mut tags: Vec<(String, String)> = Vec::new();
        let mut add = |name: String, value: &str| match tags.iter_mut().find(|own| own.0 == name) {
            Some((_, own)) => {
                own.push('/');
                own.push_str(value);
            }
            None => tags.push((name, value.to_owned())),
        };
        let groups = [
            ("x509Subject/", &self.subject),
            ("x509Issuer/", &self.issuer),
            ("x509SAN/Name/", &self.directory_names),
        ];
        for (prefix, attributes) in groups {
            for (label, value) in attributes {
                add(format!("{prefix}{label}"), value);
            }
        }
        for name in &self.dns_names {
            add("x509SAN/DNS".to_owned(), name);
        }
        for name in &self.uris {
            add("x509SAN/URI".to_owned(), name);
        }
        let fits = |(_, value): &(String, String)| value.chars().count() <= SESSION_TAG_MAX_CHARS;
        if tags.len() > SESSION_TAGS_MAX || !tags.iter().all(fits) {
            return Err(Unusable::TooMuch);
        }
        Ok(tags)
    }
}

/// The attributes of a name that have a label here. Those without are not told.
fn attributes(name: &Name) -> Result<Vec<(&'static str, String)>, Unusable> {
    let mut found = Vec::new();
    for one in name.iter() {
        let label = LABELS.iter().find(|(oid, _)| *oid == one.oid);
        if let Some((_, label)) = label {
            found.push((*label, text(one).ok_or(Unusable::Unreadable)?));
        }
    }
    Ok(found)
}

/// The text of an attribute; `None` when it has none, or control characters, which have no place
/// in logs and policies.
fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let value = &attribute.value;
    let text = match value.decode_as::<DirectoryString>() {
        Ok(text) => text.value().into_owned(),
        Err(_) => value.decode_as::<Ia5StringRef<'_>>().ok()?.to_string(),
    };
    (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn holder(change: impl FnOnce(&mut CertificateParams)) -> Result<Holder, Unusable> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(vec![0x0a, 0xff].into());
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Holder::read(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn names_become_tags() {
        let holder = holder(|params| {
            let name = &mut params.distinguished_name;
            name.push(DnType::OrganizationName, "Example, Inc.");
            name.push(DnType::OrganizationalUnitName, "web");
            name.push(DnType::CommonName, "host-1");
            let uri = Ia5String::try_from("spiffe://example/web").unwrap();
            let dns = |name| SanType::DnsName(Ia5String::try_from(name).unwrap());
            params.subject_alt_names = vec![dns("a.example"), dns("b.example"), SanType::URI(uri)];
        });
        let holder = holder.unwrap();
        assert_eq!(holder.serial, "0aff");
        assert_eq!(holder.common_name().as_deref(), Some("host-1"));
        let tags = holder.tags().unwrap();
        let tag = |name: &str| {
            let found = tags.iter().find(|own| own.0 == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(tag("x509Subject/CN"), Some("host-1"));
        assert_eq!(tag("x509Subject/OU"), Some("web"));
        assert_eq!(tag("x509Issuer/O"), Some("Example, Inc."));
        assert_eq!(tag("x509SAN/DNS"), Some("a.example/b.example"));
        assert_eq!(tag("x509SAN/URI"), Some("spiffe://example/web"));
        assert_eq!(tag("x509SAN/Name/CN"), None);
    }

    #[test]
    fn what_cannot_be_a_tag_is_no_holder() {
        let long = holder(|params| {
            let name = "x".repeat(SESSION_TAG_MAX_CHARS + 1);
            params.distinguished_name.push(DnType::CommonName, name);
        });
        assert_eq!(long.unwrap().tags(), Err(Unusable::TooMuch));
        let control = holder(|params| {
            params.distinguished_name.push(DnType::CommonName, "a\nb");
        });
        assert_eq!(control, Err(Unusable::Unreadable));
        assert_eq!(Holder::read(b"no certificate"), Err(Unusable::Unreadable));
        assert_eq!(holder(|_| {}).unwrap().common_name(), None);
    }
}
