//! Texts that are put together for a condition key, without allocation, and borrowed lists.

use std::fmt::{self, Write};

use keystead_policy::{Presence, Value};
use keystead_types::{Caller, Principal};

use super::Each;
use crate::limits::CONTEXT_TEXT_BYTES;

/// Keys and values in order, such as tags.
pub trait Pairs {
    /// Tells every pair.
    fn each(&self, tell: &mut dyn FnMut(&str, &str));
}

/// Texts in order, such as tag keys.
pub trait Texts {
    /// Tells every text.
    fn each(&self, tell: &mut dyn FnMut(&str));
}

impl<K: AsRef<str>, V: AsRef<str>> Pairs for &[(K, V)] {
    fn each(&self, tell: &mut dyn FnMut(&str, &str)) {
        self.iter()
            .for_each(|(key, value)| tell(key.as_ref(), value.as_ref()));
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Pairs for Vec<(K, V)> {
    fn each(&self, tell: &mut dyn FnMut(&str, &str)) {
        self.as_slice().each(tell);
    }
}

impl<T: AsRef<str>> Texts for &[T] {
    fn each(&self, tell: &mut dyn FnMut(&str)) {
        self.iter().for_each(|text| tell(text.as_ref()));
    }
}

impl<T: AsRef<str>> Texts for Vec<T> {
    fn each(&self, tell: &mut dyn FnMut(&str)) {
        self.as_slice().each(tell);
    }
}

/// A text on the stack.
struct Stack {
    bytes: [u8; CONTEXT_TEXT_BYTES],
    used: usize,
}

impl Write for Stack {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = self.bytes.get_mut(self.used..).ok_or(fmt::Error)?;
        let place = rest.get_mut(..text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}

/// Tells a text that is put together. One that is too long for the stack is allocated.
fn told(text: fmt::Arguments<'_>, each: &mut Each<'_>) -> Presence {
    let mut stack = Stack {
        bytes: [0; CONTEXT_TEXT_BYTES],
        used: 0,
    };
    let fits = stack.write_fmt(text).is_ok();
    let short = stack.bytes.get(..stack.used).filter(|_| fits);
    match short.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
        Some(short) => each(Value::Text(short)),
        None => each(Value::Text(&text.to_string())),
    }
    Presence::Single
}

/// `aws:PrincipalArn`: for a session of a role the role's own ARN, with its path.
pub(super) fn principal_arn(
    principal: &Principal,
    partition: &str,
    each: &mut Each<'_>,
) -> Presence {
    match principal {
        Principal::RoleSession { account, role, .. } => told(
            format_args!("arn:{partition}:iam::{account}:role/{role}"),
            each,
        ),
        Principal::Service { .. } => Presence::Absent,
        other => told(format_args!("{}", other.arn(partition)), each),
    }
}

/// `aws:userid`.
pub(super) fn user_id(caller: &Caller, each: &mut Each<'_>) -> Presence {
    let id = caller.unique_id.as_deref();
    match (&caller.principal, id) {
        (Principal::Root { account }, _) => {
            each(Value::Text(account.as_str()));
            Presence::Single
        }
        (Principal::User { .. }, Some(id)) => {
            each(Value::Text(id));
            Presence::Single
        }
        (Principal::RoleSession { session, .. }, Some(id)) => {
            told(format_args!("{id}:{session}"), each)
        }
        (Principal::FederatedUser { account, name }, _) => {
            told(format_args!("{account}:{name}"), each)
        }
        _ => Presence::Absent,
    }
}
