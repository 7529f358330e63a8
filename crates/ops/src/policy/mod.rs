//! Key policies.

mod get_key_policy;
mod list_key_policies;
mod put_key_policy;

pub use get_key_policy::GetKeyPolicy;
pub use list_key_policies::ListKeyPolicies;
pub use put_key_policy::PutKeyPolicy;

use keystead_types::{Fault, FaultKind};

/// The only policy name that callers manage.
const DEFAULT_NAME: &str = "default";
/// The policy that resource sharing would manage.
const RAM_NAME: &str = "AWS_RAM";

/// The answer about a policy of another name.
fn no_such_policy() -> Fault {
    Fault::new(FaultKind::NotFound, "No such policy exists")
}
