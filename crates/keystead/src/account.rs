//! `keystead account`: accounts and the access keys of their root users.

use std::path::PathBuf;

use keystead_audit::{Durability, Entry};
use keystead_identity::{AccessKey, new_access_key, seal_access_key};
use keystead_store::Change;
use keystead_types::{AccountId, Region};
use keystead_wall::{Command as Order, Hsm, Reply, Worker};
use serde_json::json;

use crate::config::{self, File};
use crate::deployment::{Deployment, Opening, Served, SiteSettings};
use crate::layout::{DataDir, Purpose};
use crate::logging::{self, say};

/// Bytes of randomness for a secret.
const SECRET_RANDOM_BYTES: u16 = 32;

/// Work on accounts.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make an access key for the root user of an account, new or not. The server must be
    /// stopped.
    Add {
        /// The data directory.
        #[arg(long, value_name = "DIR", env = "KEYSTEAD_DATA_DIR")]
        data_dir: PathBuf,
        /// The configuration; `keystead.toml` in the data directory when absent.
        #[arg(long, value_name = "FILE", env = "KEYSTEAD_CONFIG")]
        config: Option<PathBuf>,
        /// The account number, 12 digits.
        #[arg(long, value_name = "DIGITS", value_parser = parse_account)]
        account: AccountId,
    },
}

pub(crate) fn parse_account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|error| error.to_string())
}

/// Runs the command.
pub(crate) fn run(command: Command) -> Result<(), String> {
    let Command::Add {
        data_dir,
        config,
        account,
    } = command;
    logging::start(logging::Format::Text, logging::MAKING);
    let dir = DataDir::open(&data_dir, Purpose::Serving)?;
    let file = File::read(&config.unwrap_or_else(|| dir.config()))?;
    let home = file.home()?;
    let settings = SiteSettings {
        // Nothing here needs an RSA key.
        prepared_keys: 0,
        ..file.site_settings()?
    };
    let (deployment, mut ports) = Deployment::open(Opening {
        root_key: file.root.key_file.unwrap_or_else(|| dir.root_key()),
        dir,
        create_root: false,
        served: Served::Only(vec![home.clone()]),
        ports: 1,
        durability: Durability::Strict,
        settings,
    })?;
    let port = ports.pop().ok_or("no connection to the HSM process");
    let made = port.map_err(str::to_owned).and_then(|port| {
        let runtime = keystead_wall::client::worker_runtime().map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let _worker = Worker::enter(port).map_err(|error| error.to_string())?;
            deployment.open_records(&home).await?;
            make_root_key(&deployment, &home, account).await
        })
    });
    deployment.shutdown();
    tell(&made?, account, &home)
}

/// Makes an access key for the root user of an account and stores it in the home Region. On a
/// thread with a worker.
pub(crate) async fn make_root_key(
    deployment: &Deployment,
    home: &Region,
    account: AccountId,
) -> Result<AccessKey, String> {
    let register = deployment.register();
    let begin = |details| register.begin(home, "CreateRootAccessKey", Some(account), &details);
    let made = sealed_root_key(deployment, home, account).await;
    let receipts = deployment.hsm().take();
    let noted = |mut entry: Entry| {
        receipts.iter().for_each(|one| entry.receipt(*one));
        entry
    };
    let (key, change) = match made {
        Ok(made) => made,
        Err(problem) => return Err(register.tell_failed(noted(begin(json!({}))), problem)),
    };
    let records = deployment
        .records(home)
        .ok_or("the home Region has no store")?;
    let entry = noted(begin(json!({"accessKeyId": key.id.to_string()})));
    register.commit(&records, entry, vec![change]).await?;
    Ok(key)
}

/// A new access key and the change that stores it.
async fn sealed_root_key(
    deployment: &Deployment,
    home: &Region,
    account: AccountId,
) -> Result<(AccessKey, Change), String> {
    let hsm = deployment.hsm();
    let random = Order::GenerateRandom {
        length: SECRET_RANDOM_BYTES,
        recipient: None,
    };
    let outcome = hsm.call(random).await.map_err(|error| error.to_string())?;
    let Ok(Reply::Plaintext(random)) = outcome.result else {
        return Err("the HSM process gave no randomness".to_owned());
    };
    let key = new_access_key(&**deployment.entropy(), &random)
        .ok_or("the HSM process gave too little randomness")?;
    let now = deployment.clock().now();
    let change = seal_access_key(hsm, home, account, &key, now).await;
    Ok((key, change.map_err(|error| error.to_string())?))
}

/// Shows an access key to the person whose it is, once.
pub(crate) fn tell(key: &AccessKey, account: AccountId, home: &Region) -> Result<(), String> {
    let secret = std::str::from_utf8(key.secret.expose()).map_err(|error| error.to_string())?;
    say(format!(
        "The root user of account {account}. The secret is shown once and cannot be read again:\n\n\
         export AWS_ACCESS_KEY_ID={}\n\
         export AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_REGION={home} AWS_DEFAULT_REGION={home}\n\
         export AWS_ENDPOINT_URL_KMS=http://{address}\n\
         export AWS_ENDPOINT_URL_IAM=http://{address} AWS_ENDPOINT_URL_STS=http://{address}\n",
        key.id,
        address = config::DEFAULT_LISTEN
    ));
    Ok(())
}
