//! The configuration of `keystead serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keystead_types::Region;
use serde::Deserialize;

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
}

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
        let parse = |name: &String| {
            Region::parse(name)
                .map_err(|error| format!("Region {name} in the configuration: {error}"))
        };
        self.regions.iter().map(parse).collect()
    }
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
    fn unknown_keys_are_refused_by_name() {
        for text in [
            "colour = 1",
            "[listen]\nadress = \"127.0.0.1:1\"",
            "[audit]\nfsync = true",
        ] {
            let text = format!("data_dir = \"d\"\nregions = [\"us-east-1\"]\n{text}");
            let error = toml::from_str::<File>(&text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{error}");
        }
    }
}
