//! What an operation may look at before it is authorized: names, to say which resources it means.

use keystead_identity::World;
use keystead_types::{AccountId, Caller, Fault, FaultKind, Principal};

use crate::asks::Ask;
use crate::refusals::{self, Entity};

/// The caller's account in the world of the moment.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// Everything that is there.
    pub(crate) world: &'a World,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// `aws`, `aws-cn` …
    pub(crate) partition: &'a str,
}

impl<'a> Scene<'a> {
    /// The account that the request is about: the caller's, always.
    pub(crate) fn account_id(&self) -> AccountId {
        self.caller.account
    }

    /// What is in it.
    pub(crate) fn account(&self) -> &'a keystead_identity::Account {
        self.world.account(self.account_id())
    }

    /// `arn:aws:iam::111122223333:<resource>`
    pub(crate) fn arn(&self, resource: &str) -> String {
        let Self { partition, .. } = self;
        format!("arn:{partition}:iam::{}:{resource}", self.account_id())
    }

    /// The ARN of an entity with its path: `arn:aws:iam::111122223333:user/team/alice`.
    pub(crate) fn entity_arn(&self, entity: Entity, path: &str, name: &str) -> String {
        self.arn(&format!("{}{path}{name}", entity.word()))
    }

    /// An entity as a resource: by its own path and spelling if it is there, else as if it had no
    /// path. Refusals call it by the name of the request, so that they tell neither.
    /// Source: refusals of AWS that users published.
    pub(crate) fn entity(&self, entity: Entity, name: &str) -> Ask {
        let account = self.account();
        let path = |path: &str, name: &str| Ask::on(self.entity_arn(entity, path, name));
        let found = match entity {
            Entity::User => account.user(name).map(|held| {
                let user = &held.record;
                path(&user.path, &user.name).user(Some(user))
            }),
            Entity::Group => account.group(name).map(|held| {
                let group = &held.record;
                path(&group.path, &group.name)
            }),
            Entity::Role => account.role(name).map(|held| {
                let role = &held.record;
                path(&role.path, &role.name).role(Some(role))
            }),
        };
        let ask = found.unwrap_or_else(|| path("/", name));
        ask.shown(format!("{} {name}", entity.word()))
    }

    /// The name that the request gives, else the caller's own.
    ///
    /// Errors: ValidationError when the caller is no user.
    pub(crate) fn user_or_caller<'n>(&'n self, name: Option<&'n str>) -> Result<&'n str, Fault> {
        if let Some(name) = name {
            return Ok(name);
        }
        match &self.caller.principal {
            Principal::User { name, .. } => Ok(name.rsplit('/').next().unwrap_or_default()),
            _ => Err(Fault::new(
                FaultKind::Validation,
                "Must specify userName when calling with non-User credentials",
            )),
        }
    }

    /// The name in the ARN of a managed policy of the caller's account. `None` for an AWS managed
    /// one.
    ///
    /// Errors: InvalidInput for what is no ARN of a policy; NoSuchEntity for another account's.
    pub(crate) fn policy_name<'n>(&self, arn: &'n str) -> Result<Option<&'n str>, Fault> {
        let bad = || refusals::bad_arn(arn);
        let rest = arn.strip_prefix("arn:").ok_or_else(bad)?;
        let mut fields = rest.splitn(5, ':');
        let mut field = || fields.next().ok_or_else(bad);
        let (partition, service, region, account) = (field()?, field()?, field()?, field()?);
        let path = field()?.strip_prefix("policy/").ok_or_else(bad)?;
        let name = path.rsplit('/').next().filter(|name| !name.is_empty());
        let name = name.ok_or_else(bad)?;
        if service != "iam" || !region.is_empty() || partition != self.partition {
            return Err(bad());
        }
        match AccountId::parse(account) {
            Ok(account) if account == self.account_id() => Ok(Some(name)),
            Ok(_) => Err(refusals::no_policy(arn)),
            Err(_) if account == "aws" => Ok(None),
            Err(_) => Err(bad()),
        }
    }

    /// The address in the ARN of an OIDC provider of the caller's account.
    ///
    /// Errors: InvalidInput for what is no such ARN; NoSuchEntity for another account's.
    pub(crate) fn provider_url<'n>(&self, arn: &'n str) -> Result<&'n str, Fault> {
        let bad = || refusals::bad_arn(arn);
        let mut fields = arn.splitn(6, ':');
        let mut field = || fields.next().ok_or_else(bad);
        let head = (field()?, field()?, field()?, field()?);
        let account = AccountId::parse(field()?).map_err(|_| bad())?;
        let url = field()?.strip_prefix("oidc-provider/").ok_or_else(bad)?;
        if head != ("arn", self.partition, "iam", "") || url.is_empty() {
            return Err(bad());
        }
        if account != self.account_id() {
            return Err(refusals::no_provider(arn));
        }
        Ok(url)
    }
}
