//! The configuration of `keystead serve`.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use keystead_engine::TrustedRoots;
use keystead_identity::{AccessKey, ServiceCredential};
use keystead_types::{AccountId, Plaintext, Region};
use serde::Deserialize;
use zeroize::Zeroizing;

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
    pub(crate) service: Vec<Service>,
}

/// A service that acts for an account, with a credential of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Its principal, such as `s3.amazonaws.com`.
    principal: String,
    /// The account that it acts for.
    account: String,
    /// Its access key id, 16–128 letters and digits.
    access_key_id: String,
    /// The file that holds its secret access key, of mode 0600.
    secret_file: PathBuf,
}

impl Service {
    /// Checks the names and reads the secret.
    pub(crate) fn credential(&self) -> Result<ServiceCredential, String> {
        let Self {
            principal,
            account,
            access_key_id,
            secret_file,
        } = self;
        let label = principal.strip_suffix(".amazonaws.com").unwrap_or_default();
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if label.is_empty() || !label.bytes().all(good) {
            return Err(format!(
                "service principal {principal} in the configuration does not look like \
                 s3.amazonaws.com"
            ));
        }
        let id_good = (16..=128).contains(&access_key_id.len())
            && access_key_id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !id_good {
            return Err(format!(
                "access_key_id of service {principal} does not have 16 to 128 letters and digits"
            ));
        }
        let account = AccountId::parse(account)
            .map_err(|error| format!("account of service {principal}: {error}"))?;
        let shown = secret_file.display();
        let facts = std::fs::metadata(secret_file)
            .map_err(|error| format!("cannot read the service secret {shown}: {error}"))?;
        let mode = facts.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "the service secret {shown} has mode {mode:03o}; only its owner may have access \
                 (chmod 600)"
            ));
        }
        let text = std::fs::read_to_string(secret_file)
            .map_err(|error| format!("cannot read the service secret {shown}: {error}"))?;
        let text = Zeroizing::new(text);
        let secret = text.trim();
        if !(SERVICE_SECRET_CHARS.contains(&secret.len())) {
            return Err(format!(
                "the service secret {shown} does not have {} to {} characters",
                SERVICE_SECRET_CHARS.start(),
                SERVICE_SECRET_CHARS.end()
            ));
        }
        Ok(ServiceCredential {
            key: AccessKey {
                id: access_key_id.as_str().into(),
                secret: Plaintext::new(secret.as_bytes().to_vec()),
            },
            principal: principal.as_str().into(),
            account,
            more_accounts: Vec::new(),
        })
    }
}

/// Length of a service's secret access key. Ours: 32 characters of base64 are 192 bits.
const SERVICE_SECRET_CHARS: std::ops::RangeInclusive<usize> = 32..=128;

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
    pub(crate) address: SocketAddr,
    /// Allows plain HTTP beyond loopback, as behind a proxy that ends TLS on another machine.
    pub(crate) plain_http_beyond_loopback: bool,
    /// Host names that clients may sign for; any when empty.
    pub(crate) host_names: Vec<String>,
    /// How far clients' clocks may be off, minutes, 1–15.
    pub(crate) clock_skew_minutes: u8,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: DEFAULT_LISTEN,
            plain_http_beyond_loopback: false,
            host_names: Vec::new(),
            clock_skew_minutes: 5,
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
        let file: Self = toml::from_str(&text)
            .map_err(|error| format!("the configuration {shown} is not valid:\n{error}"))?;
        if file.regions.is_empty() {
            return Err(format!("the configuration {shown} names no Region"));
        }
        Ok(file)
    }

    /// The Regions, parsed.
    pub(crate) fn parsed_regions(&self) -> Result<Vec<Region>, String> {
        parse_regions(&self.regions)
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

fn parse_regions(names: &[String]) -> Result<Vec<Region>, String> {
    let parse = |name: &String| {
        Region::parse(name).map_err(|error| format!("Region {name} in the configuration: {error}"))
    };
    names.iter().map(parse).collect()
}

/// What `init` writes for `serve`.
pub(crate) fn template(data_dir: &Path, regions: &[Region], root_key: Option<&Path>) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let names: Vec<String> = regions
        .iter()
        .map(|region| quoted(region.as_str()))
        .collect();
    let root = root_key.map_or_else(String::new, |file| {
        format!("\n[root]\nkey_file = {}\n", quoted(&file.to_string_lossy()))
    });
    format!(
        "# Keystead. Every setting: docs/configuration.md\n\
         data_dir = {}\n\
         # The first is the home Region, which keeps the access keys.\n\
         regions = [{}]\n\n\
         [listen]\n\
         address = \"{DEFAULT_LISTEN}\"\n\n\
         # Needed to listen beyond loopback.\n\
         # [tls]\n\
         # certificate_chain = \"/etc/keystead/tls.pem\"\n\
         # private_key = \"/etc/keystead/tls.key\"\n{root}",
        quoted(&data_dir.to_string_lossy()),
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_valid_configuration() {
        let regions = [Region::parse("eu-central-1").unwrap()];
        let text = template(Path::new("/srv/a \"b\""), &regions, Some(Path::new("/k/r")));
        let file: File = toml::from_str(&text).unwrap();
        assert_eq!(file.root.key_file.as_deref(), Some(Path::new("/k/r")));
        assert_eq!(file.data_dir, Path::new("/srv/a \"b\""));
        assert_eq!(file.parsed_regions().unwrap(), regions);
        assert_eq!(file.audit.durability, Durability::Write);
    }

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
            "[hsm]\nprepared_keys = 17",
            "[quotas]\nkey_policy_bytes = 32769",
            "[attestation]\nroots = [\"/no/such/file\"]",
        ] {
            assert!(settings(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn services_need_a_private_secret_and_sound_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let service = |principal: &str, account: &str, id: &str| Service {
            principal: principal.to_owned(),
            account: account.to_owned(),
            access_key_id: id.to_owned(),
            secret_file: file.clone(),
        };
        let (principal, account, id) = ("s3.amazonaws.com", "111122223333", "KSERVICE00000001");
        mode(0o644);
        let open = service(principal, account, id).credential();
        assert!(open.err().unwrap().contains("mode 644"));
        mode(0o600);
        let credential = service(principal, account, id).credential().unwrap();
        assert_eq!(credential.key.secret.len(), 32);
        for wrong in [
            service("s3.example.com", account, id),
            service(principal, "1", id),
            service(principal, account, "short"),
        ] {
            assert!(wrong.credential().is_err());
        }
        std::fs::write(&file, "short").unwrap();
        assert!(service(principal, account, id).credential().is_err());
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for text in [
            "colour = 1",
            "[listen]\nadress = \"127.0.0.1:1\"",
            "[audit]\nfsync = true",
            "[quotas]\nkeys = 1",
            "[attestation]\nroot = \"a\"",
        ] {
            let text = format!("data_dir = \"d\"\nregions = [\"us-east-1\"]\n{text}");
            let error = toml::from_str::<File>(&text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{error}");
        }
    }
}
