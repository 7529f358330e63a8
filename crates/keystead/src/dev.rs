//! `keystead dev`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use keystead_audit::Durability;
use keystead_engine::Quotas;
use keystead_server::ServerConfig;
use keystead_types::Region;

use crate::config::{
    Attestation, DEFAULT_LISTEN, DEFAULT_PREPARED_KEYS, Oidc, OidcKeys, organizations_of,
    parse_address, parse_region,
};
use crate::deployment::{Deployment, Known, Opening, Served, SiteSettings};
use crate::layout::{DataDir, Purpose};
use crate::logging::{self, Format, say};
use crate::oidc;
use crate::running::{self, Plan};

/// Options of `keystead dev`.
#[derive(clap::Args)]
#[command(
    after_help = "Credentials: access key id `test` with secret `test` is the root user of \
    account 000000000000; any 12 digits with secret `test` are the root user of that account; \
    `service_s3` is the service s3.amazonaws.com acting for account 000000000000, \
    `service_s3_111122223333` for that account. Any Region works. Signatures are checked all the same."
)]
pub(crate) struct Options {
    /// Where to listen; loopback only.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_LISTEN, value_parser = parse_address)]
    listen: SocketAddr,
    /// Where to keep keys; without it they are gone when the server stops.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Threads that take requests.
    #[arg(long, value_name = "N", default_value_t = running::default_workers(), value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// A root in PEM whose attestation documents are trusted, beside AWS's; may be repeated.
    #[arg(long, value_name = "FILE")]
    attestation_root: Vec<PathBuf>,
    /// A Region that offers keys of spec SM2, such as cn-north-1; may be repeated.
    #[arg(long, value_name = "REGION", value_parser = parse_region)]
    sm2_region: Vec<Region>,
    /// A file with the table `[organization]`: accounts in units, and their guardrails.
    #[arg(long, value_name = "FILE")]
    organization: Option<PathBuf>,
    /// An OIDC issuer and the file with its JSON Web Key Set; may be repeated. The keys of other
    /// issuers are fetched over HTTPS.
    #[arg(long, value_name = "ISSUER=FILE", value_parser = oidc_keys)]
    jwks: Vec<OidcKeys>,
}

/// The Region of what has none, and the one that clients are told.
const HOME: &str = "us-east-1";

fn oidc_keys(text: &str) -> Result<OidcKeys, String> {
    // An issuer may have `=` in its path no more than a file may begin with it.
    let (issuer, file) = text
        .rsplit_once('=')
        .ok_or("not of the form ISSUER=FILE, such as https://issuer.example=keys.json")?;
    Ok(OidcKeys {
        issuer: issuer.to_owned(),
        file: PathBuf::from(file),
    })
}

/// Serves until it is told to stop.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options {
        listen,
        data_dir,
        workers,
        attestation_root,
        sm2_region: sm2_regions,
        organization,
        jwks,
    } = options;
    let home = parse_region(HOME)?;
    let organizations = organization.as_deref().map(organizations_of).transpose()?;
    let organizations = organizations.unwrap_or_default();
    let sts = oidc::sts(&Oidc::default(), &jwks)?;
    let attestation = Attestation {
        roots: attestation_root,
        ..Attestation::default()
    };
    if !listen.ip().is_loopback() {
        return Err(format!(
            "`dev` has well-known credentials and listens on loopback only, not on {listen}. For anything else: keystead init, then keystead serve."
        ));
    }
    let level = if data_dir.is_some() {
        "warn"
    } else {
        logging::MAKING
    };
    logging::start(Format::Text, level);
    let temporary = match data_dir {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("keystead-")
                .tempdir()
                .map_err(|error| format!("cannot make a temporary directory: {error}"))?,
        ),
    };
    let path = match (&data_dir, &temporary) {
        (Some(path), _) => path.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Err("no data directory".to_owned()),
    };
    let server = running::bind(ServerConfig {
        listen: vec![listen.into()],
        tls: None,
        workers: usize::from(workers),
    })?;
    let dir = DataDir::open(&path, Purpose::Development)?;
    let (deployment, ports) = Deployment::open(Opening {
        root_key: dir.root_key(),
        create_root: true,
        dir,
        served: Served::Any,
        ports: workers + 1,
        durability: Durability::Write,
        settings: SiteSettings {
            quotas: Quotas::default(),
            attestation: attestation.trust()?,
            sm2_regions,
            prepared_keys: DEFAULT_PREPARED_KEYS,
        },
    })?;
    let plan = Plan {
        deployment,
        ports,
        server,
        host_names: host_names(listen),
        clock_skew_minutes: 5,
        refuse_replays: false,
        home: home.clone(),
        sts,
        certificate_sessions: None,
    };
    let prepare = async move |deployment: &Deployment| {
        let known = Known {
            home,
            organizations,
            roots: Vec::new(),
            services: Vec::new(),
            development: true,
        };
        deployment.open_identities(known).await?;
        deployment.open_known().await
    };
    running::run(plan, prepare, |addresses| {
        announce(addresses, data_dir.as_ref())
    })
}

/// The names under which the server answers: those of loopback. A web page whose name was made to
/// point here has another name, and its requests are refused.
fn host_names(listen: SocketAddr) -> Vec<String> {
    let literal = match listen.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let names = ["localhost", "127.0.0.1", "[::1]", &literal];
    names.into_iter().map(str::to_owned).collect()
}

fn announce(addresses: &[SocketAddr], data_dir: Option<&PathBuf>) {
    let kept = data_dir.map_or_else(
        || "keys are gone when it stops; keep them with --data-dir DIR".to_owned(),
        |dir| format!("keys are kept in {}", dir.display()),
    );
    for address in addresses {
        say(format!(
            "listening on http://{address} ({kept})\n\nPaste into another terminal:\n"
        ));
        say(format!(
            "export AWS_ENDPOINT_URL_KMS=http://{address}\n\
             export AWS_ENDPOINT_URL_IAM=http://{address}\n\
             export AWS_ENDPOINT_URL_STS=http://{address}\n\
             export AWS_ACCESS_KEY_ID=test\n\
             export AWS_SECRET_ACCESS_KEY=test\n\
             export AWS_REGION={HOME} AWS_DEFAULT_REGION={HOME}\n"
        ));
    }
}
