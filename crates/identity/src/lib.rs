//! Accounts, users, roles, access keys and sessions: who a credential belongs to, and what is
//! known of him.
//!
//! A [`Directory`] holds the whole [`World`] of identities in memory, compiled, and answers every
//! request from it; a [`Draft`] changes it. Secrets rest sealed by the HSM process and are in
//! clear only in the memory of the front end, which needs them to verify signatures.
#![forbid(unsafe_code)]

mod access_key;
mod aws_managed;
mod bearer;
mod context;
mod damage;
mod development;
mod directory;
mod draft;
mod error;
mod last_use;
pub mod limits;
mod organizations;
mod origin;
mod secret;
mod session;
mod standing;
mod unique_id;
mod world;

pub use access_key::{AccessKey, new_access_key};
pub use aws_managed::{AwsManaged, aws_managed};
pub use bearer::Bearer;
pub use context::{GlobalContext, Pairs, Texts};
pub use damage::Damage;
pub use development::DevelopmentDirectory;
pub use directory::{
    Directory, DirectoryParts, NewAccessKey, RootCredential, ServiceCredential,
    load_root_credentials, seal_access_key, store_access_key,
};
pub use draft::Draft;
pub use error::{DirectoryError, IssueError};
pub use last_use::{LastUse, Pace};
pub use organizations::{
    Guardrails, MemberAccount, Organization, OrganizationError, Organizations, Unit,
};
pub use origin::{Endpoint, Origin, ServiceSource};
pub use session::{IssuedCredentials, SessionGrant, SessionLimits};
pub use standing::{Identities, Membership, Named, RootsOnly, Standing};
pub use unique_id::{UniqueKind, account_in_access_key_id, new_unique_id};
pub use world::{
    Account, BadDocument, HeldGroup, HeldPolicy, HeldProvider, HeldRole, HeldUser, Holder, World,
};
