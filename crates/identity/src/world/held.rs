//! What an account holds, with everything compiled.

use std::fmt;
use std::sync::Arc;

use keystead_policy::{NamedPolicy, Policy};
use keystead_store::records::{
    GroupRecord, PolicyRecord, PolicyVersionRecord, ProviderRecord, RoleRecord, UserRecord,
};

use crate::Standing;

/// A user.
#[derive(Debug, Clone)]
pub struct HeldUser {
    /// The record.
    pub record: UserRecord,
    /// `arn:aws:iam::111122223333:user/team/alice`
    pub arn: Arc<str>,
    /// Path without its leading slash, and name: as in `Principal::User`.
    pub path_name: Arc<str>,
    /// Its own inline policies, compiled.
    pub inline: Arc<[NamedPolicy]>,
    /// What it may do.
    pub standing: Arc<Standing>,
}

/// A role.
#[derive(Debug, Clone)]
pub struct HeldRole {
    /// The record.
    pub record: RoleRecord,
    /// `arn:aws:iam::111122223333:role/service/worker`
    pub arn: Arc<str>,
    /// Path without its leading slash, and name: as in `Principal::RoleSession`.
    pub path_name: Arc<str>,
    /// Its trust policy.
    pub trust: Arc<Policy>,
    /// Its inline policies, compiled.
    pub inline: Arc<[NamedPolicy]>,
    /// What its sessions may do.
    pub standing: Arc<Standing>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct HeldGroup {
    /// The record.
    pub record: GroupRecord,
    /// `arn:aws:iam::111122223333:group/team/readers`
    pub arn: Arc<str>,
    /// Its inline policies, compiled.
    pub inline: Arc<[NamedPolicy]>,
}

/// A customer managed policy.
#[derive(Debug, Clone)]
pub struct HeldPolicy {
    /// The record.
    pub record: PolicyRecord,
    /// `arn:aws:iam::111122223333:policy/team/read`
    pub arn: Arc<str>,
    /// Its default version, compiled, under its ARN.
    pub policy: NamedPolicy,
}

impl HeldPolicy {
    /// The default version.
    pub fn default_version(&self) -> Option<&PolicyVersionRecord> {
        default_version(&self.record)
    }
}

pub(super) fn default_version(record: &PolicyRecord) -> Option<&PolicyVersionRecord> {
    let mut versions = record.versions.iter();
    versions.find(|version| version.number == record.default_version)
}

/// An OIDC provider.
#[derive(Debug, Clone)]
pub struct HeldProvider {
    /// The record.
    pub record: ProviderRecord,
    /// `arn:aws:iam::111122223333:oidc-provider/accounts.example.com/path`
    pub arn: Arc<str>,
}

/// Why a record cannot be held: a document in it does not compile.
#[derive(Debug, Clone)]
pub struct BadDocument {
    /// The ARN of the entity, for an inline policy with `#` and its name.
    pub place: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for BadDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the policy document of {} is not valid: {}",
            self.place, self.why
        )
    }
}

impl std::error::Error for BadDocument {}
