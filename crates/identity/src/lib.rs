//! Accounts and access keys: who a credential belongs to. A directory answers the one question
//! of signature verification; secrets rest sealed by the HSM process and are in clear only in the
//! memory of the front end, which needs them to verify signatures.
#![forbid(unsafe_code)]

mod access_key;
mod bearer;
mod development;
mod limits;
mod standing;
mod stored;

pub use access_key::{AccessKey, new_access_key};
pub use bearer::Bearer;
pub use development::DevelopmentDirectory;
pub use standing::{Identities, Membership, Named, RootsOnly, Standing};
pub use stored::{DirectoryError, ServiceCredential, StoredDirectory, store_access_key};
