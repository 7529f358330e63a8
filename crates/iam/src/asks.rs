//! What an operation asks to be allowed.

use std::borrow::Cow;

use keystead_store::records::{RoleRecord, UserRecord};

/// One action on one resource, with what conditions may look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// `iam:TagUser`; `None` is the operation's own action.
    pub(crate) action: Option<&'static str>,
    /// The resource's ARN, or `*` where the action knows no resources.
    pub(crate) resource: String,
    /// What a refusal calls the resource, when that is not its ARN.
    pub(crate) shown: Option<Cow<'static, str>>,
    /// `aws:ResourceTag/…`, `iam:ResourceTag/…`
    pub(crate) resource_tags: Vec<(Box<str>, Box<str>)>,
    /// `aws:RequestTag/…`
    pub(crate) request_tags: Vec<(Box<str>, Box<str>)>,
    /// `aws:TagKeys`; `None` when the request is not about tags.
    pub(crate) tag_keys: Option<Vec<Box<str>>>,
    /// `iam:PolicyARN`
    pub(crate) policy_arn: Option<String>,
    /// `iam:PermissionsBoundary`
    pub(crate) boundary: Option<String>,
}

impl Ask {
    /// The operation's own action on a resource.
    pub(crate) fn on(resource: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            ..Self::default()
        }
    }

    /// Actions that know no resources.
    pub(crate) fn anything() -> Self {
        Self::on("*")
    }

    pub(crate) fn action(mut self, action: &'static str) -> Self {
        self.action = Some(action);
        self
    }

    pub(crate) fn shown(mut self, shown: impl Into<Cow<'static, str>>) -> Self {
        self.shown = Some(shown.into());
        self
    }

    pub(crate) fn policy(mut self, arn: &str) -> Self {
        self.policy_arn = Some(arn.to_owned());
        self
    }

    pub(crate) fn boundary(mut self, arn: Option<&str>) -> Self {
        self.boundary = arn.map(str::to_owned);
        self
    }

    pub(crate) fn tagged(mut self, tags: &[(String, String)]) -> Self {
        self.resource_tags = boxed(tags.iter().map(|(key, value)| (&**key, &**value)));
        self
    }

    /// The tags that the request brings.
    pub(crate) fn bringing<'t>(mut self, tags: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let tags = boxed(tags);
        if !tags.is_empty() {
            self.tag_keys = Some(tags.iter().map(|(key, _)| key.clone()).collect());
            self.request_tags = tags;
        }
        self
    }

    /// The tags that the request takes away.
    pub(crate) fn taking(mut self, keys: &[String]) -> Self {
        self.tag_keys = Some(keys.iter().map(|key| key.as_str().into()).collect());
        self
    }

    /// A user that is there: its tags and its boundary.
    pub(crate) fn user(self, user: Option<&UserRecord>) -> Self {
        match user {
            Some(user) => self.tagged(&user.tags).boundary(user.boundary.as_deref()),
            None => self,
        }
    }

    /// A role that is there: its tags and its boundary.
    pub(crate) fn role(self, role: Option<&RoleRecord>) -> Self {
        match role {
            Some(role) => self.tagged(&role.tags).boundary(role.boundary.as_deref()),
            None => self,
        }
    }
}

fn boxed<'t>(tags: impl Iterator<Item = (&'t str, &'t str)>) -> Vec<(Box<str>, Box<str>)> {
    tags.map(|(key, value)| (key.into(), value.into()))
        .collect()
}

/// All that must be allowed: at least one thing.
#[derive(Debug, Clone)]
pub(crate) struct Asks {
    first: Ask,
    more: Vec<Ask>,
}

impl Asks {
    pub(crate) fn and(mut self, ask: Ask) -> Self {
        self.more.push(ask);
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Ask> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

impl From<Ask> for Asks {
    fn from(first: Ask) -> Self {
        Self {
            first,
            more: Vec::new(),
        }
    }
}
