//! `keystead init`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use keystead_audit::Durability;
use keystead_engine::Quotas;
use keystead_identity::AccessKey;
use keystead_types::{AccountId, Region};
use keystead_wall::{Worker, WorkerPort};
use serde_json::json;

use crate::account::{self, parse_account};
use crate::config::{self, Attestation};
use crate::deployment::{Deployment, Opening, Served, SiteSettings};
use crate::layout::{DataDir, Purpose};
use crate::logging::{self, Format, say};

/// Options of `keystead init`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The directory to make.
    #[arg(long, value_name = "DIR", env = "KEYSTEAD_DATA_DIR")]
    data_dir: PathBuf,
    /// A Region to serve, such as eu-central-1; repeat it for more. The first is the home Region,
    /// which keeps the access keys of root users.
    #[arg(long = "region", value_name = "REGION", required = true, value_parser = parse_region)]
    regions: Vec<Region>,
    /// Where to make the root key file; `root.key` in the data directory when absent. Kept on
    /// another device, it is not in a copy of the data directory.
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// The number of the first account, 12 digits.
    #[arg(long, value_name = "DIGITS", default_value = "000000000001", value_parser = parse_account)]
    account: AccountId,
}

fn parse_region(text: &str) -> Result<Region, String> {
    config::parse_region(text)
}

/// Makes the data directory and tells the person what is theirs to keep.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options {
        data_dir,
        regions,
        root_key,
        account,
    } = options;
    logging::start(Format::Text, logging::MAKING);
    let home = regions.first().cloned().ok_or("name a Region")?;
    let dir = DataDir::open(&data_dir, Purpose::Making)?;
    let elsewhere = root_key.map(std::path::absolute).transpose();
    let elsewhere = elsewhere.map_err(|error| format!("the root key file: {error}"))?;
    let (root_key, config_file) = (
        elsewhere.clone().unwrap_or_else(|| dir.root_key()),
        dir.config(),
    );
    if root_key.exists() {
        return Err(format!(
            "{} is there already; nothing was changed. Choose a root key file that does not exist.",
            root_key.display()
        ));
    }
    let unfinished = |problem: String| {
        format!(
            "{problem}\nNothing can be used yet. Remove {} and {} and start again.",
            data_dir.display(),
            root_key.display()
        )
    };
    let (deployment, mut ports) = Deployment::open(Opening {
        dir,
        root_key: root_key.clone(),
        create_root: true,
        served: Served::Only(regions.clone()),
        ports: 1,
        durability: Durability::Strict,
        settings: SiteSettings {
            quotas: Quotas::default(),
            attestation: Attestation::default().trust()?,
            sm2_regions: Vec::new(),
            // Nothing here needs an RSA key.
            prepared_keys: 0,
        },
    })
    .map_err(unfinished)?;
    let made = match ports.pop() {
        Some(port) => make(&deployment, port, &regions, &home, account),
        None => Err("no connection to the HSM process".to_owned()),
    };
    let path = std::fs::canonicalize(&data_dir).unwrap_or_else(|_| data_dir.clone());
    let template = config::template(&path, &regions, account, elsewhere.as_deref());
    let unfinished_config = config_file.with_extension("unfinished");
    let made = made.and_then(|key| write_config(&unfinished_config, &template).map(|()| key));
    let told = record(&deployment, &regions, account, &root_key, made);
    deployment.shutdown();
    let key = told.map_err(unfinished)?;
    // Only with its configuration can it be used, and only with its record does it get one.
    std::fs::rename(&unfinished_config, &config_file)
        .map_err(|error| unfinished(format!("cannot write {}: {error}", config_file.display())))?;
    tell(&key, &root_key, &config_file, account, &home)
}

/// Writes the record of what was done, or was not.
fn record(
    deployment: &Deployment,
    regions: &[Region],
    account: AccountId,
    root_key: &Path,
    made: Result<AccessKey, String>,
) -> Result<AccessKey, String> {
    let names: Vec<_> = regions.iter().map(Region::as_str).collect();
    let details = json!({"regions": names, "rootKeyFile": root_key.display().to_string()});
    let (register, region) = (deployment.register(), Region::global());
    let entry = register.begin(&region, "InitializeDeployment", Some(account), &details);
    match made {
        Ok(key) => register.tell(entry).map(|()| key),
        Err(problem) => Err(register.tell_failed(entry, problem)),
    }
}

fn make(
    deployment: &Deployment,
    port: WorkerPort,
    regions: &[Region],
    home: &Region,
    account: AccountId,
) -> Result<AccessKey, String> {
    let runtime = keystead_wall::client::worker_runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let _worker = Worker::enter(port).map_err(|error| error.to_string())?;
        for region in regions.iter().chain([&Region::global()]) {
            deployment.open_records(region).await?;
        }
        account::make_root_key(deployment, home, account).await
    })
}

fn write_config(path: &Path, text: &str) -> Result<(), String> {
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn tell(
    key: &AccessKey,
    root_key: &Path,
    config: &Path,
    account: AccountId,
    home: &Region,
) -> Result<(), String> {
    account::tell(key, account, home)?;
    say(format!(
        "The root key is the file {}. Whoever has it and a copy of the data directory has every \
         key: it protects from a stolen store or backup only if it is not in the same place, and \
         not from root on this machine. Without it every key is lost: keep a copy offline.\n\n\
         Start the server: keystead serve --config {}",
        root_key.display(),
        config.display()
    ));
    Ok(())
}
