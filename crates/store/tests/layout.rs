//! Keys: byte order is the order of their parts, and no part runs into the next.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use keystead_store::layout::{self, Due, DueKind, GrantPlace, IdentityKind, IdentityPlace, Meta};
use keystead_store::limits::KEY_MAX_BYTES;
use keystead_types::{AccountId, AliasName, Hex32, KeyId, RequestId, Timestamp};
use proptest::prelude::*;

fn account() -> impl Strategy<Value = AccountId> {
    // Few and close, so that equal and neighbouring accounts come up.
    prop_oneof![0..4_u64, 999_999_999_998..1_000_000_000_000_u64]
        .prop_map(|number| AccountId::from_number(number).unwrap())
}

fn key_id() -> impl Strategy<Value = KeyId> {
    let mrk = "mrk-[0-9a-f]{32}".prop_map(|text| KeyId::parse(&text).unwrap());
    prop_oneof![
        any::<[u8; 16]>().prop_map(KeyId::from_random),
        (0..3_u8).prop_map(|n| KeyId::from_random([n; 16])),
        mrk
    ]
}

fn name() -> impl Strategy<Value = AliasName> {
    "alias/[a-c0-1/_-]{1,5}".prop_map(|text| AliasName::parse(&text).unwrap())
}

fn due() -> impl Strategy<Value = Due> {
    let moment = prop_oneof![
        any::<i64>(),
        -2..3_i64,
        Just(i64::MIN),
        Just(i64::MAX),
        1_700_000_000_000..1_700_000_000_004_i64,
    ];
    let kind = prop::sample::select(DueKind::ALL);
    (moment, account(), key_id(), kind).prop_map(|(millis, account, key_id, kind)| Due {
        due: Timestamp::from_millis(millis),
        account,
        key_id,
        kind,
    })
}

/// Few and close, like the accounts.
fn digest() -> impl Strategy<Value = [u8; 32]> {
    let last = prop::sample::select(vec![0, 1, 0xfe, 0xff]);
    (prop::sample::select(vec![0, 0xff]), last).prop_map(|(all, last)| {
        let mut digest = [all; 32];
        digest[31] = last;
        digest
    })
}

fn place() -> impl Strategy<Value = GrantPlace> {
    (account(), key_id(), digest()).prop_map(|(account, key_id, grant_id)| GrantPlace {
        account,
        key_id,
        grant_id: Hex32(grant_id),
    })
}

fn identity() -> impl Strategy<Value = IdentityPlace> {
    let kind = prop::sample::select(IdentityKind::ALL);
    (kind, account(), "[A-Ca-c/.@]{0,3}")
        .prop_map(|(kind, account, name)| IdentityPlace::new(kind, account, &name))
}

fn holds(range: &keystead_store::Range, key: &[u8]) -> bool {
    *range.start <= *key && *key < *range.end
}

proptest! {
    #[test]
    fn due_entries_are_ordered_and_round_trip(one in due(), other in due()) {
        let (a, b) = (layout::due(&one), layout::due(&other));
        prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        prop_assert_eq!(layout::parse_due(&a), Some(one));
    }

    #[test]
    fn due_until_holds_what_is_due_and_nothing_else(
        entry in due(), now in due(), after in prop::option::of(due()),
    ) {
        let range = layout::due_until(now.due, after.as_ref());
        let expected = entry.due <= now.due && after.is_none_or(|after| entry > after);
        prop_assert_eq!(holds(&range, &layout::due(&entry)), expected);
    }

    #[test]
    fn keys_are_ordered_and_round_trip(
        a in account(), b in account(), k in key_id(), l in key_id(),
    ) {
        let (one, other) = (layout::key_record(a, k), layout::key_record(b, l));
        prop_assert_eq!(one.cmp(&other), (a, k).cmp(&(b, l)));
        prop_assert_eq!(layout::parse_key_record(&one), Some((a, k)));
    }

    /// A page of one account or key never shows an entry of another, whatever the names.
    #[test]
    fn ranges_hold_their_own_entries_only(
        a in account(), b in account(), k in key_id(), l in key_id(), m in name(), n in name(),
        after: bool,
    ) {
        let keys = layout::keys_of(a, after.then_some(k));
        let expected = a == b && (!after || l > k);
        prop_assert_eq!(holds(&keys, &layout::key_record(b, l)), expected);

        let aliases = layout::aliases_of_account(a, after.then_some(&m));
        let expected = a == b && (!after || n > m);
        prop_assert_eq!(holds(&aliases, &layout::alias(b, &n)), expected);

        let by_key = layout::aliases_of_key(a, k, after.then_some(&m));
        let expected = (a, k) == (b, l) && (!after || n > m);
        prop_assert_eq!(holds(&by_key, &layout::alias_by_key(b, l, &n)), expected);
    }

    #[test]
    fn grants_are_ordered_and_listed_where_they_belong(
        a in place(), b in place(), d in digest(), e in digest(), after: bool,
    ) {
        let (one, other) = (layout::grant(&a), layout::grant(&b));
        prop_assert_eq!(one.cmp(&other), a.cmp(&b));
        let range = layout::grants_of_key(a.account, a.key_id, after.then_some(a.grant_id));
        let expected = (a.account, a.key_id) == (b.account, b.key_id) && (!after || b > a);
        prop_assert_eq!(holds(&range, &other), expected);

        let index = layout::grant_by_retiring(&e, &b);
        prop_assert_eq!(layout::parse_grant_by_retiring(&index), Some(b));
        prop_assert_eq!(index.cmp(&layout::grant_by_retiring(&d, &a)), (e, b).cmp(&(d, a)));
        let range = layout::grants_by_retiring(&d, after.then_some(&a));
        prop_assert_eq!(holds(&range, &index), d == e && (!after || b > a));

        let index = layout::grant_by_grantee(&e, &b);
        prop_assert_eq!(layout::parse_grant_by_grantee(&index), Some(b));
        let range = layout::grants_by_grantee(a.account, a.key_id, &d, after.then_some(&a));
        let same = (a.account, a.key_id, d) == (b.account, b.key_id, e);
        let expected = same && (!after || b > a);
        prop_assert_eq!(holds(&range, &index), expected);
        prop_assert_eq!(holds(&layout::grants_all(after.then_some(&a)), &other), !after || b > a);
    }

    #[test]
    fn records_of_identities_are_in_order_of_their_places(
        a in identity(), b in identity(), after: bool,
    ) {
        let (one, other) = (layout::identity(&a), layout::identity(&b));
        prop_assert_eq!(one.cmp(&other), a.cmp(&b));
        let range = layout::identities_all(after.then_some(&a));
        prop_assert_eq!(holds(&range, &other), !after || b > a);
        prop_assert_eq!(layout::parse_identity(&other), Some(b));
    }

    #[test]
    fn kinds_of_entries_never_meet(
        a in account(), k in key_id(), n in name(), d in due(), random: [u8; 16], text in ".{0,9}",
        g in place(), h in digest(), p in identity(),
    ) {
        let event = RequestId::from_random(random);
        let outbox = layout::outbox(&event);
        prop_assert_eq!(layout::parse_outbox(&outbox), Some(event));
        let keys = [
            layout::key_record(a, k), layout::alias(a, &n), layout::alias_by_key(a, k, &n),
            layout::alias_guard(a, k), layout::due(&d), layout::credential(&text), outbox,
            layout::meta(Meta::RegionName), layout::grant(&g), layout::grant_by_retiring(&h, &g),
            layout::grant_by_fingerprint(a, k, &h), layout::grant_by_id(&g.grant_id),
            layout::grant_guard(a, k), layout::usage(a, k),
            layout::grant_by_grantee(&h, &g), layout::identity(&p),
        ];
        let first: std::collections::BTreeSet<_> = keys.iter().map(|key| key.first()).collect();
        prop_assert_eq!(first.len(), keys.len());
        for key in &keys {
            prop_assert!(holds(&layout::everything(), key));
            prop_assert!(key.len() <= KEY_MAX_BYTES);
        }
        prop_assert_eq!(keys.iter().filter(|key| layout::parse_due(key).is_some()).count(), 1);
        let retiring = keys.iter().filter(|key| layout::parse_grant_by_retiring(key).is_some());
        prop_assert_eq!(retiring.count(), 1);
        let grantee = keys.iter().filter(|key| layout::parse_grant_by_grantee(key).is_some());
        prop_assert_eq!(grantee.count(), 1);
        let identities = keys.iter().filter(|key| layout::parse_identity(key).is_some());
        prop_assert_eq!(identities.count(), 1);
        let records = keys.iter().filter(|key| layout::parse_key_record(key).is_some());
        prop_assert_eq!(records.count(), 1);
    }

    #[test]
    fn arbitrary_bytes_are_parsed_or_not(bytes: Vec<u8>) {
        if let Some(due) = layout::parse_due(&bytes) {
            prop_assert_eq!(layout::due(&due), bytes.clone());
        }
        if let Some((account, key_id)) = layout::parse_key_record(&bytes) {
            prop_assert_eq!(layout::key_record(account, key_id), bytes.clone());
        }
        if let Some(place) = layout::parse_identity(&bytes) {
            prop_assert_eq!(layout::identity(&place), bytes);
        }
    }
}

/// The bytes themselves: a changed layout needs a migration.
#[test]
fn the_layout_is_the_stored_one() {
    let account = AccountId::parse("111122223333").unwrap();
    let key_id = KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap();
    let name = AliasName::parse("alias/x").unwrap();
    let place = "1111222233331234abcd-12ab-34cd-56ef-1234567890ab";
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(
        text(layout::key_record(account, key_id)),
        format!("K{place}")
    );
    assert_eq!(text(layout::alias(account, &name)), "A111122223333alias/x");
    let by_key = layout::alias_by_key(account, key_id, &name);
    assert_eq!(text(by_key), format!("a{place}alias/x"));
    assert_eq!(
        text(layout::alias_guard(account, key_id)),
        format!("g{place}")
    );
    assert_eq!(text(layout::credential("AKIA1")), "CAKIA1");
    let event = RequestId::from_random([0; 16]);
    let outbox = text(layout::outbox(&event));
    assert_eq!(outbox, "O00000000-0000-4000-8000-000000000000");
    assert_eq!(text(layout::usage(account, key_id)), format!("U{place}"));
    assert_eq!(
        text(layout::grant_guard(account, key_id)),
        format!("h{place}")
    );
    let grant_id = Hex32([b'i'; 32]);
    let (id, digest) = ("i".repeat(32), "d".repeat(32));
    let grant = GrantPlace {
        account,
        key_id,
        grant_id,
    };
    assert_eq!(text(layout::grant(&grant)), format!("G{place}{id}"));
    let by_retiring = layout::grant_by_retiring(&[b'd'; 32], &grant);
    assert_eq!(text(by_retiring), format!("r{digest}{place}{id}"));
    let by_grantee = layout::grant_by_grantee(&[b'd'; 32], &grant);
    assert_eq!(text(by_grantee), format!("e{place}{digest}{id}"));
    for (kind, code) in [
        (IdentityKind::Account, '\x01'),
        (IdentityKind::User, '\x02'),
        (IdentityKind::Group, '\x03'),
        (IdentityKind::Role, '\x04'),
        (IdentityKind::Policy, '\x05'),
        (IdentityKind::Provider, '\x06'),
    ] {
        let place = IdentityPlace::new(kind, account, "Alice.B");
        let expected = format!("I{code}111122223333alice.b");
        assert_eq!(text(layout::identity(&place)), expected);
    }
    let by_fingerprint = layout::grant_by_fingerprint(account, key_id, &[b'd'; 32]);
    assert_eq!(text(by_fingerprint), format!("f{place}{digest}"));
    assert_eq!(text(layout::grant_by_id(&grant_id)), format!("i{id}"));
    let owner = layout::parse_grant_by_id(place.as_bytes());
    assert_eq!(owner, Some((account, key_id)));
    assert_eq!(
        layout::parse_grant_fingerprint(id.as_bytes()),
        Some(grant_id)
    );
    let metas: Vec<_> = Meta::ALL
        .iter()
        .map(|item| text(layout::meta(*item)))
        .collect();
    let expected = [
        "Mschema-version",
        "Mregion-name",
        "Msealed-domain-key",
        "Mdeployment-id",
        "Mmarker-key",
        "Musage-mark",
        "Msession-token-key",
    ];
    assert_eq!(metas, expected);
    let codes = [
        (DueKind::Deletion, 1),
        (DueKind::Rotation, 2),
        (DueKind::Expiry, 3),
        (DueKind::Sync, 4),
    ];
    assert_eq!(codes.map(|(kind, _)| kind), DueKind::ALL);
    for (kind, code) in codes {
        let due = layout::due(&Due {
            due: Timestamp::from_millis(0x0102),
            account,
            key_id,
            kind,
        });
        let moment = [0x80, 0, 0, 0, 0, 0, 1, 2];
        assert_eq!(due, [b"D", &moment[..], place.as_bytes(), &[code]].concat());
    }
}
