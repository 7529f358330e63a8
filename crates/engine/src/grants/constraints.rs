//! Whether a grant allows an operation: what it lists, and its constraints.
//!
//! Keys of an encryption context in a constraint are compared without ASCII case, values as they
//! are. Source: KMS API reference, GrantConstraints.

use keystead_store::records::{GrantConstraints, GrantRecord};
use keystead_types::{GrantId, GrantOperation};

use super::GrantAsk;
use crate::facts::{GrantFacts, Pairs};

/// What memory keeps of a grant.
pub(super) struct Held {
    pub(super) grant_id: GrantId,
    operations: Operations,
    constraints: Option<Box<GrantConstraints>>,
}

/// A set of operations, as bits.
#[derive(Clone, Copy)]
struct Operations(u32);

impl Operations {
    fn of(list: &[GrantOperation]) -> Self {
        Self(list.iter().fold(0, |bits, one| bits | Self::bit(*one)))
    }

    fn bit(operation: GrantOperation) -> u32 {
        1 << (operation.code() % 32)
    }

    fn contains(self, operation: GrantOperation) -> bool {
        self.0 & Self::bit(operation) != 0
    }
}

impl Held {
    pub(super) fn of(grant: GrantRecord) -> Self {
        Self {
            grant_id: grant.grant_id,
            operations: Operations::of(&grant.operations),
            constraints: grant.constraints.map(Box::new),
        }
    }

    /// Grants without constraints are looked at first.
    pub(super) fn is_constrained(&self) -> bool {
        self.constraints.is_some()
    }

    /// Whether the grant allows what is asked.
    pub(super) fn allows(&self, ask: &GrantAsk<'_>) -> bool {
        if !self.operations.contains(ask.operation) {
            return false;
        }
        let constraints = self.constraints.as_deref();
        if ask.operation == GrantOperation::CreateGrant {
            // Nothing may be made of a grant when nothing is known of what is made.
            let Some(child) = ask.child else { return false };
            if !self.covers(child) {
                return false;
            }
        }
        constraints.is_none_or(|constraints| met(constraints, ask))
    }

    /// Whether a grant made by the right of this one allows no more than this one.
    fn covers(&self, child: &GrantFacts<'_>) -> bool {
        let mut operations = child.operations.iter();
        if !operations.all(|one| self.operations.contains(*one)) {
            return false;
        }
        let Some(own) = self.constraints.as_deref() else {
            return true;
        };
        let equals = own.encryption_context_equals.as_deref();
        let subset = own.encryption_context_subset.as_deref();
        let equals = equals.is_none_or(|pairs| same(pairs, child.equals));
        let subset =
            subset.is_none_or(|pairs| holds(child.equals, pairs) || holds(child.subset, pairs));
        let source = own.source_arn.as_deref();
        equals && subset && source.is_none_or(|source| child.source_arn == Some(source))
    }
}

/// Whether a request meets all constraints that apply to its operation.
fn met(constraints: &GrantConstraints, ask: &GrantAsk<'_>) -> bool {
    let GrantConstraints {
        encryption_context_subset: subset,
        encryption_context_equals: equals,
        source_arn,
    } = constraints;
    let operation = ask.operation;
    // No encryption context comes with these; CreateGrant's is the one of the grant that is made.
    let without_context = matches!(
        operation,
        GrantOperation::DescribeKey | GrantOperation::RetireGrant | GrantOperation::CreateGrant
    );
    let context = without_context
        || (subset.as_deref().is_none_or(|pairs| holds(ask.context, pairs))
            && equals.as_deref().is_none_or(|pairs| same(pairs, ask.context)));
    let source = operation == GrantOperation::RetireGrant
        || source_arn
            .as_deref()
            .is_none_or(|source| ask.source_arn == Some(source));
    context && source
}

fn alike((key, value): (&str, &str), (other_key, other): (&str, &str)) -> bool {
    value == other && key.eq_ignore_ascii_case(other_key)
}

fn count(pairs: Pairs<'_>, wanted: (&str, &str)) -> usize {
    let mut count = 0;
    pairs.each(|key, value| count += usize::from(alike((key, value), wanted)));
    count
}

/// Whether pairs hold all of a constraint's.
fn holds(pairs: Pairs<'_>, wanted: &[(String, String)]) -> bool {
    let mut wanted = wanted.iter();
    wanted.all(|(key, value)| count(pairs, (key, value)) > 0)
}

/// Whether pairs are a constraint's: each as often as there, and nothing else.
fn same(wanted: &[(String, String)], pairs: Pairs<'_>) -> bool {
    let mut total = 0;
    pairs.each(|_, _| total += 1);
    total == wanted.len()
        && wanted.iter().all(|(key, value)| {
            let pair = (key.as_str(), value.as_str());
            count(pairs, pair) == count(Pairs::Stored(wanted), pair)
        })
}
