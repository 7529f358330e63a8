//! The grants of one key to one grantee, so that the one that allows something is found fast
//! however many there are.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use keystead_store::records::GrantConstraints;

use super::GrantAsk;
use super::constraints::{Held, Operations, needs_no_context};
use crate::facts::Pairs;
use crate::limits::GRANTS_INDEXED_FROM;

/// Grants: those without constraints first.
pub(super) struct List {
    grants: Box<[Held]>,
    free: usize,
    /// What any grant without constraints allows.
    free_operations: Operations,
    /// Of a long list: the places of constrained grants, by what a request must have for them.
    index: Option<Index>,
}

/// Places of grants by a hash of what their constraints demand. Those that share a hash are looked
/// at one by one.
struct Index {
    hasher: RandomState,
    places: HashMap<u64, Vec<usize>, RandomState>,
}

/// What of a request a hash stands for.
enum Demand<'a> {
    /// All pairs of its encryption context.
    Context(Pairs<'a>),
    /// One pair.
    Pair(&'a str, &'a str),
    /// Its source.
    Source(&'a str),
}

impl List {
    pub(super) fn new(mut grants: Vec<Held>) -> Self {
        grants.sort_by_key(|grant| grant.constraints().is_some());
        let free = grants.partition_point(|grant| grant.constraints().is_none());
        let mut list = Self {
            grants: grants.into(),
            free,
            free_operations: Operations::default(),
            index: None,
        };
        for grant in list.grants.iter().take(free) {
            list.free_operations = list.free_operations.and(grant.operations());
        }
        if list.grants.len() - free >= GRANTS_INDEXED_FROM {
            list.index = Some(Index::of(&list.grants, free));
        }
        list
    }

    /// All of them, those without constraints first.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Held> {
        self.grants.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.grants.len()
    }

    /// A grant that allows what is asked.
    pub(super) fn allowing(&self, ask: &GrantAsk<'_>) -> Option<&Held> {
        let (free, constrained) = self.grants.split_at_checked(self.free)?;
        if self.free_operations.contains(ask.operation)
            && let Some(found) = free.iter().find(|grant| grant.allows(ask))
        {
            return Some(found);
        }
        match &self.index {
            Some(index) if !needs_no_context(ask.operation) => {
                let mut found = None;
                index.each_place(ask, |place| {
                    let grant = self.grants.get(place);
                    found = found.or(grant.filter(|grant| grant.allows(ask)));
                    found.is_none()
                });
                found
            }
            _ => constrained.iter().find(|grant| grant.allows(ask)),
        }
    }
}

impl Index {
    fn of(grants: &[Held], free: usize) -> Self {
        let hasher = RandomState::default();
        let constrained = grants.iter().enumerate().skip(free);
        let constrained = constrained.filter_map(|(place, one)| Some((place, one.constraints()?)));
        let mut frequency: HashMap<u64, usize, RandomState> = HashMap::default();
        for (_, constraints) in constrained.clone() {
            for (key, value) in constraints.encryption_context_subset.iter().flatten() {
                *frequency
                    .entry(hash(&hasher, &Demand::Pair(key, value)))
                    .or_default() += 1;
            }
        }
        let mut places: HashMap<u64, Vec<usize>, RandomState> = HashMap::default();
        for (place, constraints) in constrained {
            let key = demand(&hasher, constraints, &frequency);
            places.entry(key).or_default().push(place);
        }
        Self { hasher, places }
    }

    /// Tells the place of every grant whose constraints the request may meet, until told to stop.
    fn each_place(&self, ask: &GrantAsk<'_>, mut more: impl FnMut(usize) -> bool) {
        let mut go_on = true;
        let mut tell = |demand: &Demand<'_>| {
            let places = self.places.get(&hash(&self.hasher, demand));
            for place in places.into_iter().flatten() {
                go_on = go_on && more(*place);
            }
        };
        tell(&Demand::Context(ask.context));
        ask.context
            .each(|key, value| tell(&Demand::Pair(key, value)));
        if let Some(source) = ask.source_arn {
            tell(&Demand::Source(source));
        }
    }
}

/// One thing that a request must have to meet the constraints: of the pairs of a subset that which
/// the fewest grants want.
fn demand(
    hasher: &RandomState,
    constraints: &GrantConstraints,
    frequency: &HashMap<u64, usize, RandomState>,
) -> u64 {
    if let Some(pairs) = &constraints.encryption_context_equals {
        return hash(hasher, &Demand::Context(Pairs::Stored(pairs)));
    }
    let pairs = constraints.encryption_context_subset.iter().flatten();
    let hashes = pairs.map(|(key, value)| hash(hasher, &Demand::Pair(key, value)));
    let rarest = hashes.min_by_key(|one| frequency.get(one).copied().unwrap_or_default());
    rarest.unwrap_or_else(|| {
        let source = constraints.source_arn.as_deref().unwrap_or_default();
        hash(hasher, &Demand::Source(source))
    })
}

/// The same for keys that differ by ASCII case, and for pairs in another order.
fn hash(hasher: &RandomState, demand: &Demand<'_>) -> u64 {
    let finish = |kind: u8, sum: u64| {
        let mut state = hasher.build_hasher();
        state.write_u8(kind);
        state.write_u64(sum);
        state.finish()
    };
    let text = |text: &str| {
        let mut state = hasher.build_hasher();
        state.write(text.as_bytes());
        state.finish()
    };
    let pair = |key: &str, value: &str| {
        let mut state = hasher.build_hasher();
        for byte in key.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u64(text(value));
        state.finish()
    };
    match demand {
        Demand::Context(pairs) => {
            let mut sum = 0_u64;
            pairs.each(|key, value| sum = sum.wrapping_add(pair(key, value)));
            finish(1, sum)
        }
        Demand::Pair(key, value) => finish(2, pair(key, value)),
        Demand::Source(source) => finish(3, text(source)),
    }
}

#[cfg(test)]
mod tests {
    use keystead_store::records::{GrantParty, GrantRecord};
    use keystead_types::{AccountId, GrantOperation, Hex32, KeyId, Timestamp};

    use super::*;

    type Owned = Vec<(String, String)>;

    /// Numbers without a pattern, the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = next.wrapping_add(1);
            let [high, low, ..] = self.0.to_be_bytes();
            usize::from(u16::from_be_bytes([high, low])) % sides
        }

        fn pairs(&mut self) -> Owned {
            let keys = ["a", "A", "b", "c"];
            let values = ["1", "2", "x"];
            let mut pairs = Owned::new();
            for key in keys {
                if self.roll(2) == 0 {
                    let value = values[self.roll(3)];
                    pairs.push((key.to_owned(), value.to_owned()));
                }
            }
            pairs
        }

        fn some<T>(&mut self, of: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
            (self.roll(of) == 0).then(|| make(self))
        }

        fn source(&mut self) -> String {
            format!("arn:{}", self.roll(3))
        }

        fn grant(&mut self) -> Held {
            Held::of(self.record())
        }

        fn record(&mut self) -> GrantRecord {
            let constraints = GrantConstraints {
                encryption_context_subset: self.some(2, Self::pairs).filter(|p| !p.is_empty()),
                encryption_context_equals: self.some(3, Self::pairs).filter(|p| !p.is_empty()),
                source_arn: self.some(4, Self::source),
            };
            let account = AccountId::parse("111122223333").unwrap();
            let all = GrantOperation::ALL;
            let operations = all.iter().filter(|_| self.roll(3) == 0).copied();
            let operations = operations.collect();
            GrantRecord {
                grant_id: Hex32([1; 32]),
                account,
                key_id: KeyId::from_random([1; 16]),
                name: None,
                grantee: GrantParty::Service("x.amazonaws.com".into()),
                grantee_id: None,
                retiring: None,
                retiring_id: None,
                operations,
                constraints: (constraints != GrantConstraints::default()).then_some(constraints),
                issuing_account: account,
                created: Timestamp::from_millis(0),
                fingerprint: None,
                retiring_digest: None,
            }
        }
    }

    #[test]
    fn a_long_list_finds_what_looking_at_each_finds() {
        let mut dice = Dice(7);
        let mut found = [0, 0];
        for round in 0..40 {
            let count = [3, GRANTS_INDEXED_FROM * 2, 250][round % 3];
            let grants: Vec<_> = (0..count).map(|_| dice.grant()).collect();
            let list = List::new(grants);
            assert_eq!(list.len(), count);
            assert_eq!(list.index.is_some(), count > 100);
            for _ in 0..300 {
                let pairs = dice.pairs();
                let source = dice.some(2, Dice::source);
                let operations = GrantOperation::ALL;
                let ask = GrantAsk {
                    operation: operations[dice.roll(operations.len())],
                    context: Pairs::Stored(&pairs),
                    source_arn: source.as_deref(),
                    child: None,
                };
                let expected = list.grants.iter().any(|grant| grant.allows(&ask));
                assert_eq!(list.allowing(&ask).is_some(), expected);
                assert!(list.allowing(&ask).is_none_or(|grant| grant.allows(&ask)));
                found[usize::from(expected)] += 1;
            }
        }
        assert!(found.iter().all(|count| *count > 1000), "{found:?}");
    }

    /// How long a request looks for its grant among 50,000 of one grantee:
    /// `cargo test -p keystead-engine -- --ignored --nocapture one_of_many`.
    #[test]
    #[ignore = "a measurement"]
    fn one_of_many() {
        let mut dice = Dice(1);
        let grants = (0..50_000).map(|number| {
            let pairs = vec![
                ("app".to_owned(), "x".to_owned()),
                ("id".to_owned(), number.to_string()),
            ];
            let constraints = match number % 2 {
                0 => GrantConstraints {
                    encryption_context_equals: Some(pairs),
                    ..GrantConstraints::default()
                },
                _ => GrantConstraints {
                    encryption_context_subset: Some(pairs),
                    ..GrantConstraints::default()
                },
            };
            Held::of(GrantRecord {
                operations: vec![GrantOperation::Encrypt],
                constraints: Some(constraints),
                ..dice.record()
            })
        });
        let list = List::new(grants.collect());
        for (id, allowed) in [("0", true), ("49999", true), ("50000", false)] {
            let pairs = vec![
                ("app".to_owned(), "x".to_owned()),
                ("id".to_owned(), id.to_owned()),
            ];
            let ask = GrantAsk {
                operation: GrantOperation::Encrypt,
                context: Pairs::Stored(&pairs),
                source_arn: None,
                child: None,
            };
            let start = std::time::Instant::now();
            for _ in 0..1000 {
                assert_eq!(std::hint::black_box(list.allowing(&ask)).is_some(), allowed);
            }
            println!("{id}: {:?}", start.elapsed() / 1000);
        }
    }
}
