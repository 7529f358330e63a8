//! `keystead serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use keystead_identity::load_root_credentials;
use keystead_server::{Listener, ServerConfig, TlsFiles};

use crate::config::{Durability, File, parse_address};
use crate::deployment::{Deployment, Known, Opening, Served};
use crate::layout::{DataDir, Purpose};
use crate::running::{self, Plan};
use crate::{logging, oidc};

/// Options of `keystead serve`. Flags win over the environment, which wins over the file.
#[derive(clap::Args)]
#[command(
    after_help = "`keystead init` writes a configuration file; docs/configuration.md has every setting. \
    An option here wins over the environment, and that over the file. KEYSTEAD_LOG sets the level of \
    the log: error, warn, info, debug."
)]
pub(crate) struct Options {
    /// The configuration file, such as the keystead.toml that `init` wrote.
    #[arg(long, value_name = "FILE", env = "KEYSTEAD_CONFIG")]
    config: PathBuf,
    /// Where to listen, instead of the file's address.
    #[arg(long, value_name = "ADDRESS:PORT", env = "KEYSTEAD_LISTEN", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    /// The data directory, instead of the file's.
    #[arg(long, value_name = "DIR", env = "KEYSTEAD_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Threads that take requests, instead of the file's number.
    #[arg(long, value_name = "N", env = "KEYSTEAD_WORKERS", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
}

/// Serves until it is told to stop.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options {
        config,
        listen,
        data_dir,
        workers,
    } = options;
    let file = File::read(&config)?;
    let regions = file.parsed_regions()?;
    let settings = file.site_settings()?;
    let services = file.services()?;
    let organizations = file.organizations()?;
    let home = file.home()?;
    let (client_authorities, certificate_sessions) = file.certificates(&home)?;
    let sts = oidc::sts(&file.oidc, &file.oidc_keys)?;
    let listen = file.listeners(listen.unwrap_or(file.listen.address))?;
    let beyond = listen.iter().find(|one| !one.address.ip().is_loopback());
    let allowed = file.tls.is_some() || file.listen.plain_http_beyond_loopback;
    if let Some(Listener { address, .. }) = beyond.filter(|_| !allowed) {
        return Err(format!(
            "without TLS only loopback is served, not {address}. Add [tls] to the configuration, or, behind a proxy that ends TLS, set listen.plain_http_beyond_loopback = true."
        ));
    }
    logging::start(file.log.format, &file.log.level);
    let workers = workers
        .or(file.workers)
        .unwrap_or_else(running::default_workers);
    if !(1..=64).contains(&workers) {
        return Err(format!("workers = {workers} is not between 1 and 64"));
    }
    let server = running::bind(ServerConfig {
        listen,
        tls: file.tls.map(|tls| TlsFiles {
            certificate_chain: tls.certificate_chain,
            key: tls.private_key,
            client_authorities,
        }),
        workers: usize::from(workers),
    })?;
    let dir = DataDir::open(&data_dir.unwrap_or(file.data_dir), Purpose::Serving)?;
    let (deployment, ports) = Deployment::open(Opening {
        root_key: file.root.key_file.unwrap_or_else(|| dir.root_key()),
        create_root: false,
        dir,
        served: Served::Only(regions.clone()),
        ports: workers + 1,
        durability: match file.audit.durability {
            Durability::Write => keystead_audit::Durability::Write,
            Durability::Strict => keystead_audit::Durability::Strict,
        },
        settings,
    })?;
    let plan = Plan {
        deployment,
        ports,
        server,
        host_names: file.listen.host_names,
        clock_skew_minutes: file.listen.clock_skew_minutes,
        refuse_replays: file.listen.refuse_replays,
        home: home.clone(),
        sts,
        certificate_sessions,
    };
    let prepare = async move |deployment: &Deployment| {
        let failed = |error| format!("Region {home}: {error}");
        let records = deployment.open_records(&home).await.map_err(failed)?;
        let roots = load_root_credentials(&records, deployment.hsm(), &home);
        let known = Known {
            home: home.clone(),
            organizations,
            roots: roots.await.map_err(|error| error.to_string())?,
            services,
            development: false,
        };
        deployment.open_identities(known).await?;
        for region in &regions {
            let opened = deployment.open_region(region).await;
            opened.map_err(|error| format!("Region {region}: {error}"))?;
        }
        Ok(())
    };
    running::run(plan, prepare, |addresses| {
        tracing::info!(?addresses, "serving");
    })
}
