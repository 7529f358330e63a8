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
#[derive(Clone, Copy, Default)]
pub(super) struct Operations(u32);

impl Operations {
    fn of(list: &[GrantOperation]) -> Self {
        Self(list.iter().fold(0, |bits, one| bits | Self::bit(*one)))
    }

    fn bit(operation: GrantOperation) -> u32 {
        1 << (operation.code() % 32)
    }

    /// Those of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn contains(self, operation: GrantOperation) -> bool {
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

    pub(super) fn operations(&self) -> Operations {
        self.operations
    }

    pub(super) fn constraints(&self) -> Option<&GrantConstraints> {
        self.constraints.as_deref()
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
    let context = needs_no_context(operation)
        || (subset
            .as_deref()
            .is_none_or(|pairs| holds(ask.context, pairs))
            && equals
                .as_deref()
                .is_none_or(|pairs| same(pairs, ask.context)));
    let source = operation == GrantOperation::RetireGrant
        || source_arn
            .as_deref()
            .is_none_or(|source| met_source(source, ask));
    context && source
}

/// Whether a service calls for the resource that a constraint names.
pub(super) fn met_source(wanted: &str, ask: &GrantAsk<'_>) -> bool {
    ask.source_arn == Some(wanted)
}

/// No encryption context comes with these; CreateGrant's is the one of the grant that is made.
pub(super) fn needs_no_context(operation: GrantOperation) -> bool {
    matches!(
        operation,
        GrantOperation::DescribeKey | GrantOperation::RetireGrant | GrantOperation::CreateGrant
    )
}

fn alike((key, value): (&str, &str), (other_key, other): (&str, &str)) -> bool {
    value == other && key.eq_ignore_ascii_case(other_key)
}

pub(super) fn count(pairs: Pairs<'_>, wanted: (&str, &str)) -> usize {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use GrantOperation as G;
    use keystead_store::records::GrantParty;
    use keystead_types::{AccountId, EncryptionContext, Hex32, KeyId, Timestamp};

    use super::*;

    type Texts<'a> = &'a [(&'a str, &'a str)];

    fn owned(pairs: Texts<'_>) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn context(pairs: Texts<'_>) -> EncryptionContext {
        EncryptionContext::new(owned(pairs).into_iter().collect::<BTreeMap<_, _>>())
    }

    fn grant(
        operations: &[G],
        subset: Option<Texts<'_>>,
        equals: Option<Texts<'_>>,
        source: Option<&str>,
    ) -> Held {
        let constraints = GrantConstraints {
            encryption_context_subset: subset.map(owned),
            encryption_context_equals: equals.map(owned),
            source_arn: source.map(str::to_owned),
        };
        let account = AccountId::parse("111122223333").unwrap();
        Held::of(GrantRecord {
            grant_id: Hex32([1; 32]),
            account,
            key_id: KeyId::from_random([1; 16]),
            name: None,
            grantee: GrantParty::Service("x.amazonaws.com".into()),
            grantee_id: None,
            retiring: None,
            retiring_id: None,
            operations: operations.to_vec(),
            constraints: (constraints != GrantConstraints::default()).then_some(constraints),
            issuing_account: account,
            created: Timestamp::from_millis(0),
            fingerprint: None,
            retiring_digest: None,
        })
    }

    fn ask(operation: G, context: Pairs<'_>) -> GrantAsk<'_> {
        GrantAsk {
            operation,
            context,
            source_arn: None,
            child: None,
        }
    }

    /// Whether a grant of Decrypt allows it with these pairs.
    fn decrypts(held: &Held, pairs: Texts<'_>) -> bool {
        let context = context(pairs);
        held.allows(&ask(G::Decrypt, Pairs::Context(&context)))
    }

    #[test]
    fn operations_are_allowed_one_by_one() {
        for allowed in GrantOperation::ALL {
            let held = grant(&[*allowed], None, None, None);
            for asked in GrantOperation::ALL {
                let mut ask = ask(*asked, Pairs::Absent);
                let child = GrantFacts::default();
                ask.child = Some(&child);
                assert_eq!(held.allows(&ask), allowed == asked, "{allowed} {asked}");
            }
        }
        assert!(!grant(&[], None, None, None).allows(&ask(G::Decrypt, Pairs::Absent)));
    }

    #[test]
    fn a_subset_constraint_wants_its_pairs_among_others() {
        let held = grant(
            &[G::Decrypt],
            Some(&[("Dept", "IT"), ("x", "1")]),
            None,
            None,
        );
        assert!(decrypts(&held, &[("Dept", "IT"), ("x", "1")]));
        assert!(decrypts(&held, &[("a", "b"), ("dEPT", "IT"), ("x", "1")]));
        assert!(
            !decrypts(&held, &[("Dept", "it"), ("x", "1")]),
            "value's case"
        );
        assert!(!decrypts(&held, &[("Dept", "IT")]));
        assert!(!decrypts(&held, &[("DeptIT", ""), ("x", "1")]));
        assert!(!decrypts(&held, &[]));
        assert!(!held.allows(&ask(G::Decrypt, Pairs::Absent)));
    }

    #[test]
    fn an_equals_constraint_wants_its_pairs_and_no_others() {
        let held = grant(&[G::Decrypt], None, Some(&[("A", "1"), ("b", "2")]), None);
        assert!(decrypts(&held, &[("b", "2"), ("A", "1")]));
        assert!(decrypts(&held, &[("B", "2"), ("a", "1")]));
        assert!(!decrypts(&held, &[("A", "1")]));
        assert!(!decrypts(&held, &[("A", "1"), ("b", "2"), ("c", "3")]));
        assert!(!decrypts(&held, &[("A", "1"), ("b", "x")]));
        // Two that differ by case alone do not stand for two others.
        assert!(!decrypts(&held, &[("A", "1"), ("a", "1")]));
        let twins = grant(&[G::Decrypt], None, Some(&[("A", "1"), ("a", "2")]), None);
        assert!(decrypts(&twins, &[("A", "1"), ("a", "2")]));
        assert!(!decrypts(&twins, &[("A", "1"), ("a", "1")]));
    }

    #[test]
    fn both_constraints_must_be_met() {
        let held = grant(
            &[G::Decrypt],
            Some(&[("a", "1")]),
            Some(&[("b", "2")]),
            None,
        );
        for pairs in [&[("a", "1")][..], &[("b", "2")], &[("a", "1"), ("b", "2")]] {
            assert!(!decrypts(&held, pairs));
        }
        let held = grant(
            &[G::Decrypt],
            Some(&[("a", "1")]),
            Some(&[("a", "1")]),
            None,
        );
        assert!(decrypts(&held, &[("a", "1")]));
    }

    #[test]
    fn describing_and_retiring_need_no_encryption_context() {
        let operations = [G::DescribeKey, G::RetireGrant, G::Encrypt];
        let held = grant(&operations, Some(&[("a", "1")]), None, Some("arn:s"));
        assert!(held.allows(&ask(G::RetireGrant, Pairs::Absent)));
        let mut describe = ask(G::DescribeKey, Pairs::Absent);
        assert!(!held.allows(&describe), "the source counts");
        describe.source_arn = Some("arn:s");
        assert!(held.allows(&describe));
        let sent = context(&[("a", "1")]);
        let mut encrypt = ask(G::Encrypt, Pairs::Context(&sent));
        assert!(!held.allows(&encrypt));
        for (source, expected) in [("arn:S", false), ("arn:s", true), ("arn:s1", false)] {
            encrypt.source_arn = Some(source);
            assert_eq!(held.allows(&encrypt), expected, "{source}");
        }
    }

    /// Whether a parent lets a child be made.
    fn makes(parent: &Held, operations: &[G], subset: Texts<'_>, equals: Texts<'_>) -> bool {
        let (subset, equals) = (context(subset), context(equals));
        let child = GrantFacts {
            operations,
            subset: Pairs::Context(&subset),
            equals: Pairs::Context(&equals),
            ..GrantFacts::default()
        };
        parent.allows(&GrantAsk {
            child: Some(&child),
            ..ask(G::CreateGrant, Pairs::Absent)
        })
    }

    #[test]
    fn a_child_allows_no_more_than_its_parent() {
        let free = grant(&[G::CreateGrant, G::Decrypt], None, None, None);
        assert!(makes(&free, &[G::Decrypt], &[], &[]));
        assert!(makes(
            &free,
            &[G::Decrypt, G::CreateGrant],
            &[("a", "1")],
            &[]
        ));
        assert!(!makes(&free, &[G::Decrypt, G::Encrypt], &[], &[]));
        assert!(
            !free.allows(&ask(G::CreateGrant, Pairs::Absent)),
            "no child"
        );
        let unable = grant(&[G::Decrypt], None, None, None);
        assert!(!makes(&unable, &[G::Decrypt], &[], &[]));

        let operations = [G::CreateGrant, G::Decrypt];
        let subset = grant(&operations, Some(&[("a", "1")]), None, None);
        assert!(makes(&subset, &[G::Decrypt], &[("a", "1")], &[]));
        assert!(makes(
            &subset,
            &[G::Decrypt],
            &[("A", "1"), ("b", "2")],
            &[]
        ));
        assert!(makes(&subset, &[G::Decrypt], &[], &[("a", "1")]));
        assert!(makes(
            &subset,
            &[G::Decrypt],
            &[],
            &[("a", "1"), ("b", "2")]
        ));
        assert!(!makes(&subset, &[G::Decrypt], &[], &[]));
        assert!(!makes(&subset, &[G::Decrypt], &[("b", "2")], &[]));
        assert!(!makes(&subset, &[G::Decrypt], &[("a", "2")], &[]));
        assert!(!makes(&subset, &[G::Decrypt], &[], &[("b", "2")]));

        let equals = grant(&operations, None, Some(&[("a", "1")]), None);
        assert!(makes(&equals, &[G::Decrypt], &[], &[("a", "1")]));
        assert!(!makes(&equals, &[G::Decrypt], &[("a", "1")], &[]));
        assert!(!makes(
            &equals,
            &[G::Decrypt],
            &[],
            &[("a", "1"), ("b", "2")]
        ));
        assert!(!makes(&equals, &[G::Decrypt], &[], &[]));
    }

    #[test]
    fn a_child_keeps_the_source_of_its_parent() {
        let operations = [G::CreateGrant, G::Decrypt];
        let parent = grant(&operations, None, None, Some("arn:s"));
        for (asker, source, expected) in [
            (Some("arn:s"), Some("arn:s"), true),
            (Some("arn:s"), Some("arn:t"), false),
            (Some("arn:s"), None, false),
            (None, Some("arn:s"), false),
            (Some("arn:t"), Some("arn:s"), false),
        ] {
            let child = GrantFacts {
                operations: &[G::Decrypt],
                source_arn: source,
                ..GrantFacts::default()
            };
            let allowed = parent.allows(&GrantAsk {
                child: Some(&child),
                source_arn: asker,
                ..ask(G::CreateGrant, Pairs::Absent)
            });
            assert_eq!(allowed, expected, "{asker:?} {source:?}");
        }
    }
}
