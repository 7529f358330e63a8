//! The configuration of `keystead serve`.

mod certificates;
mod files;
mod listen;
mod organization;
mod service;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keystead_engine::TrustedRoots;
use keystead_identity::{Organizations, ServiceCredential};
use keystead_server::{CertificateSessions, ClientAuthority, Listener};
use keystead_types::Region;
use serde::Deserialize;

use certificates::TrustAnchor;
use files::ListenEndpoint;
pub(crate) use listen::parse_address;
use organization::Organization;
use service::Service;
pub(crate) use template::template;

use crate::deployment::SiteSettings;
use crate::logging::Format;

/// A configuration file. Unknown keys are refused, so that a misspelt setting is not ignored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// Regions that are served; the first is the home Region, which keeps the access keys.
    pub(crate) regions: Vec<String>,
    /// Where to listen.
    #[serde(default)]
    pub(crate) listen: Listen,
    /// Certificates.
    pub(crate) tls: Option<Tls>,
    /// The audit log.
    #[serde(default)]
    pub(crate) audit: Audit,
    /// The root of trust.
    #[serde(default)]
    pub(crate) root: Root,
    /// Logs.
    #[serde(default)]
    pub(crate) log: Log,
    /// Front-end threads; half the cores when absent.
    pub(crate) workers: Option<u16>,
    /// The HSM process.
    #[serde(default)]
    pub(crate) hsm: Hsm,
    /// Regions that offer keys of spec SM2, as AWS does in China only.
    #[serde(default)]
    pub(crate) sm2_regions: Vec<String>,
    /// How much an account may have in a Region.
    #[serde(default)]
    pub(crate) quotas: Quotas,
    /// Which attestation documents are trusted.
    #[serde(default)]
    pub(crate) attestation: Attestation,
    /// Services that act for accounts.
    #[serde(default)]
    service: Vec<Service>,
    /// The organization of the accounts.
    organization: Option<Organization>,
    /// Authorities whose certificates clients may show.
    #[serde(default)]
    trust_anchor: Vec<TrustAnchor>,
    /// Which certificates may become which role.
    #[serde(default)]
    certificate_role: Vec<certificates::Role>,
    /// Keys of OIDC issuers.
    #[serde(default)]
    pub(crate) oidc: Oidc,
    /// Issuers whose keys stand in a file.
    #[serde(default)]
    pub(crate) oidc_keys: Vec<OidcKeys>,
}

/// Where the keys of OIDC issuers come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Oidc {
    /// Whether the keys of issuers without a file are fetched from the issuer over HTTPS.
    pub(crate) fetch_keys: bool,
    /// The authorities of the issuers' certificates, as PEM; the system's when absent.
    pub(crate) authorities: Option<PathBuf>,
    /// Hosts of issuers and of their keys that are not public, `host` or `host:port`.
    pub(crate) private_hosts: Vec<String>,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            fetch_keys: true,
            authorities: None,
            private_hosts: Vec::new(),
        }
    }
}

/// An organization in a file of its own, as `dev` takes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationFile {
    organization: Organization,
}

/// Reads a file that has the table `[organization]` and nothing else.
pub(crate) fn organizations_of(path: &Path) -> Result<Organizations, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the organization {shown}: {error}"))?;
    let file: OrganizationFile = toml::from_str(&text)
        .map_err(|error| format!("the organization {shown} is not valid:\n{error}"))?;
    organization::read(Some(&file.organization))
}

/// The keys of one OIDC issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcKeys {
    /// The issuer: `https://accounts.example.com`.
    pub(crate) issuer: String,
    /// A JSON Web Key Set.
    pub(crate) file: PathBuf,
}

/// The HSM process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hsm {
    /// RSA keys of each size that are kept ready.
    pub(crate) prepared_keys: u16,
}

impl Default for Hsm {
    fn default() -> Self {
        Self {
            prepared_keys: DEFAULT_PREPARED_KEYS,
        }
    }
}

/// RSA keys of each size that are kept ready when not told.
pub(crate) const DEFAULT_PREPARED_KEYS: u16 = 4;
/// Most RSA keys of each size that can be kept ready: the HSM process has room for so many.
const PREPARED_KEYS_MAX: u16 = 16;

/// How much an account may have in a Region; AWS's quotas when absent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Quotas {
    /// Customer managed keys.
    pub(crate) keys_per_account: Option<usize>,
    /// Aliases of one key.
    pub(crate) aliases_per_key: Option<usize>,
    /// Grants on one key.
    pub(crate) grants_per_key: Option<usize>,
    /// Tags of one key.
    pub(crate) tags_per_key: Option<usize>,
    /// On-demand rotations in the life of one key.
    pub(crate) on_demand_rotations_per_key: Option<usize>,
    /// Size of a key policy, bytes; no more than AWS's.
    pub(crate) key_policy_bytes: Option<usize>,
}

/// Which attestation documents are trusted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Attestation {
    /// Whether AWS's root of Nitro attestation is trusted.
    pub(crate) aws_root: bool,
    /// More roots, in PEM.
    pub(crate) roots: Vec<PathBuf>,
    /// How old a document may be, seconds.
    pub(crate) max_age_seconds: u32,
}

impl Default for Attestation {
    fn default() -> Self {
        Self {
            aws_root: true,
            roots: Vec::new(),
            max_age_seconds: ATTESTATION_MAX_AGE_SECONDS,
        }
    }
}

/// How old an attestation document may be when not told. Ours: AWS does not say.
pub(crate) const ATTESTATION_MAX_AGE_SECONDS: u32 = 5 * 60;

/// Where to listen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// Address and port.
    #[serde(deserialize_with = "listen::address")]
    pub(crate) address: SocketAddr,
    /// Allows plain HTTP beyond loopback, as behind a proxy that ends TLS on another machine.
    pub(crate) plain_http_beyond_loopback: bool,
    /// Host names that clients may sign for; any when empty.
    pub(crate) host_names: Vec<String>,
    /// How far clients' clocks may be off, minutes, 1–15.
    pub(crate) clock_skew_minutes: u8,
    /// Whether a signed change that comes a second time is refused.
    pub(crate) refuse_replays: bool,
    /// More addresses, each of which stands for a VPC endpoint.
    endpoint: Vec<ListenEndpoint>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: DEFAULT_LISTEN,
            plain_http_beyond_loopback: false,
            host_names: Vec::new(),
            clock_skew_minutes: 5,
            refuse_replays: false,
            endpoint: Vec::new(),
        }
    }
}

/// Where `dev` and `serve` listen when not told.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4599);

/// Certificates in PEM; read again when the files change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// Server certificate and intermediates.
    pub(crate) certificate_chain: PathBuf,
    /// Its private key.
    pub(crate) private_key: PathBuf,
}

/// The audit log.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// What an answer waits for.
    pub(crate) durability: Durability,
}

/// What an answer waits for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// `write(2)`: the record survives a killed process; fsync follows within 50 ms.
    #[default]
    Write,
    /// fsync: the record survives a power cut.
    Strict,
}

/// The root of trust.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Root {
    /// The root key file; `root.key` in the data directory when absent.
    pub(crate) key_file: Option<PathBuf>,
}

/// Logs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// How lines look.
    pub(crate) format: Format,
    /// Level, as in `info`.
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: Format::Json,
            level: "info".to_owned(),
        }
    }
}

impl File {
    /// Reads a configuration file. The error names the file, the place and what is wrong.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the configuration {shown}: {error}"))?;
        let file: Self = toml::from_str(&text).map_err(|error| {
            let hint = hint(error.message());
            format!("the configuration {shown} is not valid:\n{error}{hint}")
        })?;
        let checked = file.check();
        checked.map_err(|problem| format!("the configuration {shown} is not valid: {problem}"))?;
        Ok(file)
    }

    /// What can be told without looking at anything else.
    fn check(&self) -> Result<(), String> {
        if self.regions.is_empty() {
            return Err("regions is empty; name one at least".to_owned());
        }
        for (at, region) in self.regions.iter().enumerate() {
            if self
                .regions
                .iter()
                .skip(at + 1)
                .any(|other| other == region)
            {
                return Err(format!("regions names {region} twice"));
            }
        }
        if let Some(workers) = self.workers.filter(|workers| !(1..=64).contains(workers)) {
            return Err(format!("workers = {workers} is not between 1 and 64"));
        }
        crate::logging::check_level(&self.log.level)
            .map_err(|problem| format!("log.level = {problem}"))?;
        self.listen.check()
    }

    /// The home Region.
    pub(crate) fn home(&self) -> Result<Region, String> {
        let first = self.parsed_regions()?.into_iter().next();
        first.ok_or_else(|| "the configuration names no Region".to_owned())
    }

    /// The Regions, parsed.
    pub(crate) fn parsed_regions(&self) -> Result<Vec<Region>, String> {
        parse_regions(&self.regions)
    }

    /// Where to listen; `first` is the address that everybody uses. Reads endpoint policies.
    pub(crate) fn listeners(&self, first: SocketAddr) -> Result<Vec<Listener>, String> {
        let more = self.listen.endpoint.iter().map(ListenEndpoint::listener);
        std::iter::once(Ok(Listener::from(first)))
            .chain(more)
            .collect()
    }

    /// The services' credentials. Reads their secrets.
    pub(crate) fn services(&self) -> Result<Vec<ServiceCredential>, String> {
        self.service.iter().map(Service::credential).collect()
    }

    /// What guards the accounts. Reads the policies.
    pub(crate) fn organizations(&self) -> Result<Organizations, String> {
        organization::read(self.organization.as_ref())
    }

    /// Who vouches for client certificates, and what these may become.
    pub(crate) fn certificates(
        &self,
        home: &Region,
    ) -> Result<(Vec<ClientAuthority>, Option<CertificateSessions>), String> {
        if self.tls.is_none() && !self.trust_anchor.is_empty() {
            return Err(
                "trust_anchor needs TLS: client certificates exist there only. Add [tls] to the configuration."
                    .to_owned(),
            );
        }
        certificates::read(&self.trust_anchor, &self.certificate_role, home)
    }

    /// What all Regions have in common. Reads the trusted roots.
    pub(crate) fn site_settings(&self) -> Result<SiteSettings, String> {
        let quotas = &self.quotas;
        let aws = keystead_engine::Quotas::default();
        let key_policy_bytes = quotas.key_policy_bytes.unwrap_or(aws.key_policy_bytes);
        if key_policy_bytes > aws.key_policy_bytes {
            return Err(format!(
                "quotas.key_policy_bytes = {key_policy_bytes} is above {}, the most that is read",
                aws.key_policy_bytes
            ));
        }
        let prepared_keys = self.hsm.prepared_keys;
        if prepared_keys > PREPARED_KEYS_MAX {
            return Err(format!(
                "hsm.prepared_keys = {prepared_keys} is not between 0 and {PREPARED_KEYS_MAX}"
            ));
        }
        Ok(SiteSettings {
            quotas: keystead_engine::Quotas {
                keys_per_account: quotas.keys_per_account.unwrap_or(aws.keys_per_account),
                aliases_per_key: quotas.aliases_per_key.unwrap_or(aws.aliases_per_key),
                grants_per_key: quotas.grants_per_key.unwrap_or(aws.grants_per_key),
                tags_per_key: quotas.tags_per_key.unwrap_or(aws.tags_per_key),
                on_demand_rotations_per_key: quotas
                    .on_demand_rotations_per_key
                    .unwrap_or(aws.on_demand_rotations_per_key),
                key_policy_bytes,
            },
            attestation: self.attestation.trust()?,
            sm2_regions: parse_regions(&self.sm2_regions)?,
            prepared_keys,
        })
    }
}

impl Attestation {
    /// Reads the roots. The error names the file and what is wrong with it.
    pub(crate) fn trust(&self) -> Result<keystead_engine::Attestation, String> {
        let mut roots = match self.aws_root {
            true => TrustedRoots::aws(),
            false => TrustedRoots::none(),
        };
        for path in &self.roots {
            let shown = path.display();
            let pem = std::fs::read(path)
                .map_err(|error| format!("cannot read the attestation root {shown}: {error}"))?;
            roots = roots
                .with_pem(&pem)
                .map_err(|error| format!("the attestation root {shown}: {error}"))?;
        }
        Ok(keystead_engine::Attestation {
            roots,
            max_age_millis: i64::from(self.max_age_seconds) * 1000,
        })
    }
}

/// A word more where a key of no table was taken for one of the table above it.
fn hint(message: &str) -> String {
    let lost = ["data_dir", "regions", "workers", "sm2_regions"];
    let is_lost = |key: &&str| message.contains(&format!("unknown field `{key}`"));
    lost.into_iter()
        .find(is_lost)
        .map_or_else(String::new, |key| {
            format!("\n{key} is of no table: it must stand before the first line in [brackets]")
        })
}

fn parse_regions(names: &[String]) -> Result<Vec<Region>, String> {
    let parse = |name: &String| {
        parse_region(name).map_err(|error| format!("Region {name} in the configuration: {error}"))
    };
    names.iter().map(parse).collect()
}

/// A Region that can have keys.
pub(crate) fn parse_region(name: &str) -> Result<Region, String> {
    let region = Region::parse(name).map_err(|error| error.to_string())?;
    if region == Region::global() {
        return Err("this name stands for what has no Region; choose another".to_owned());
    }
    Ok(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_regions_are_read() {
        let base = "data_dir = \"d\"\nregions = [\"us-east-1\"]\n";
        let settings = |text: &str| {
            let file: File = toml::from_str(&format!("{base}{text}")).unwrap();
            file.site_settings()
        };
        let plain = settings("").unwrap();
        assert_eq!(plain.quotas.keys_per_account, 100_000);
        assert!(!plain.attestation.roots.is_empty());
        let text = "sm2_regions = [\"cn-north-1\"]\n[quotas]\ntags_per_key = 3\n\
                    [attestation]\naws_root = false\nmax_age_seconds = 7\n\
                    [hsm]\nprepared_keys = 0";
        let other = settings(text).unwrap();
        assert_eq!(other.quotas.tags_per_key, 3);
        assert_eq!(other.quotas.aliases_per_key, 50);
        assert!(other.attestation.roots.is_empty());
        assert_eq!(other.attestation.max_age_millis, 7000);
        assert_eq!(other.sm2_regions.len(), 1);
        assert_eq!(other.prepared_keys, 0);
        for wrong in [
            "sm2_regions = [\"nowhere\"]",
            "sm2_regions = [\"aws-global-1\"]",
            "[hsm]\nprepared_keys = 17",
            "[quotas]\nkey_policy_bytes = 32769",
            "[attestation]\nroots = [\"/no/such/file\"]",
        ] {
            assert!(settings(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for text in [
            "colour = 1",
            "[listen]\nadress = \"127.0.0.1:1\"",
            "[audit]\nfsync = true",
            "[quotas]\nkeys = 1",
            "[attestation]\nroot = \"a\"",
            "[oidc]\nfetch = true",
            "[organization]\nid = \"o-a1b2\"\nmanagement_account = \"1\"\nunits = []",
        ] {
            let text = format!("data_dir = \"d\"\nregions = [\"us-east-1\"]\n{text}");
            let error = toml::from_str::<File>(&text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{error}");
        }
    }
}
