use keystead_types::{AccountId, Hex32, KeyId, KeyUsage, Origin};
use keystead_wall::WrappedKey;

use super::*;
use crate::roots::{Ephemeral, LocalRoot};

struct Fixture {
    arena: Arc<Arena>,
    root: LocalRoot,
    domains: Domains,
}

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

impl Fixture {
    fn new() -> Self {
        let arena = Arena::new().unwrap();
        let root = Ephemeral::create(&arena).unwrap();
        let domains = Domains::new();
        for name in ["eu-central-1", "us-east-1", "us-east-2"] {
            domains.create(&region(name), &root, &arena).unwrap();
        }
        Self {
            arena,
            root,
            domains,
        }
    }

    /// A key of eu-central-1.
    fn key(&self, spec: KeySpec, id: &str) -> (KeyBinding, Wrapped) {
        let usages = KeyUsage::ALL.iter().copied();
        let binding = KeyBinding {
            region: region("eu-central-1"),
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::parse(id).unwrap(),
            spec,
            usage: usages
                .into_iter()
                .find(|usage| spec.allows(*usage))
                .unwrap(),
            origin: Origin::AwsKms,
            material_id: Hex32([0; 32]),
        };
        let fresh = material::generate(spec, &self.arena).unwrap();
        let wrapped = new_key(wrapping::wrap_fresh(&self.domains, &binding, &fresh));
        let wrapped = wrapped.unwrap();
        let binding = KeyBinding {
            material_id: wrapped.0,
            ..binding
        };
        (binding, wrapped)
    }

    fn export(
        &self,
        binding: &KeyBinding,
        wrapped: &WrappedKey,
        to: &str,
    ) -> Result<Vec<u8>, Refusal> {
        let key = KeyHandle { binding, wrapped };
        let exported = export(&self.domains, &self.root, &self.arena, key, &region(to));
        exported.map(|reply| match reply {
            Reply::Sealed(transport) => transport,
            other => panic!("{other:?}"),
        })
    }

    fn adopt(
        &self,
        binding: &KeyBinding,
        from: &str,
        transport: &[u8],
    ) -> Result<Wrapped, Refusal> {
        let (domains, arena) = (&self.domains, &self.arena);
        new_key(adopt(
            domains,
            &self.root,
            arena,
            binding,
            &region(from),
            transport,
        ))
    }

    fn material(&self, binding: &KeyBinding, wrapped: &WrappedKey) -> Vec<u8> {
        let key = KeyHandle { binding, wrapped };
        let material = wrapping::unwrap_material(&self.domains, &self.arena, key).unwrap();
        material.expose().to_vec()
    }
}

type Wrapped = (Hex32, WrappedKey, Option<Vec<u8>>);

fn new_key(reply: Result<Reply, Refusal>) -> Result<Wrapped, Refusal> {
    reply.map(|reply| match reply {
        Reply::NewKey {
            material_id,
            wrapped,
            public_key,
        } => (material_id, wrapped, public_key),
        other => panic!("{other:?}"),
    })
}

fn in_region(name: &str, binding: &KeyBinding) -> KeyBinding {
    KeyBinding {
        region: region(name),
        ..binding.clone()
    }
}

const MULTI: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

#[test]
fn a_key_of_every_spec_is_the_same_key_in_the_other_region() {
    let fixture = Fixture::new();
    for spec in KeySpec::ALL.iter().copied() {
        let (binding, (id, wrapped, public_key)) = fixture.key(spec, MULTI);
        let transport = fixture.export(&binding, &wrapped, "us-east-1").unwrap();
        let there = in_region("us-east-1", &binding);
        let adopted = fixture.adopt(&there, "eu-central-1", &transport).unwrap();
        assert_eq!(adopted.0, id, "{spec}");
        assert_eq!(adopted.2, public_key, "{spec}");
        assert_eq!(public_key.is_some(), spec.is_asymmetric());
        let inside = fixture.material(&binding, &wrapped);
        assert_eq!(fixture.material(&there, &adopted.1), inside, "{spec}");
        assert!(
            !transport
                .windows(16)
                .any(|part| inside.windows(16).any(|known| known == part))
        );
    }
}

#[test]
fn only_the_named_key_goes_only_to_the_named_region() {
    let fixture = Fixture::new();
    let broken = Some(Refusal::TransportBroken);
    let (binding, (_, wrapped, _)) = fixture.key(KeySpec::SymmetricDefault, MULTI);
    let transport = fixture.export(&binding, &wrapped, "us-east-1").unwrap();
    let again = fixture.export(&binding, &wrapped, "us-east-1").unwrap();
    assert_ne!(transport[1..33], again[1..33]);
    let there = in_region("us-east-1", &binding);
    let result = |binding: &KeyBinding, from: &str| fixture.adopt(binding, from, &transport).err();
    assert_eq!(result(&there, "eu-central-1"), None);
    assert_eq!(result(&there, "us-east-2"), broken);
    assert_eq!(
        result(&in_region("us-east-2", &binding), "eu-central-1"),
        broken
    );
    assert_eq!(result(&binding, "us-east-1"), broken);

    let mut others = vec![there.clone(); 5];
    others[0].account = AccountId::parse("111122223334").unwrap();
    others[1].key_id = KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ac").unwrap();
    others[2].spec = KeySpec::Hmac256;
    others[2].usage = KeyUsage::GenerateVerifyMac;
    others[3].origin = Origin::External;
    others[4].material_id = Hex32([7; 32]);
    for other in others {
        assert_eq!(result(&other, "eu-central-1"), broken, "{other:?}");
    }
    let damaged = |bytes: &[u8]| fixture.adopt(&there, "eu-central-1", bytes).err();
    for at in 0..transport.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = transport.clone();
            flipped[at] ^= mask;
            assert_eq!(damaged(&flipped), broken, "byte {at}");
        }
        assert_eq!(damaged(&transport[..at]), broken);
    }
    assert_eq!(damaged(&[&transport[..], &[0]].concat()), broken);
    // A key of the store is not a transport, nor the other way round.
    assert_eq!(damaged(&wrapped.0), broken);
    let handle = KeyHandle {
        binding: &there,
        wrapped: &WrappedKey(transport.clone()),
    };
    let opened = wrapping::unwrap_material(&fixture.domains, &fixture.arena, handle);
    assert_eq!(opened.err(), Some(Refusal::WrappedKeyDamaged));
}

#[test]
fn only_multi_region_keys_travel_and_only_between_regions() {
    let fixture = Fixture::new();
    let (single, (_, wrapped, _)) = fixture.key(
        KeySpec::SymmetricDefault,
        "1234abcd-12ab-34cd-56ef-1234567890ab",
    );
    let exported = fixture.export(&single, &wrapped, "us-east-1");
    assert_eq!(exported, Err(Refusal::WrongUsage));
    let adopted = fixture.adopt(&in_region("us-east-1", &single), "eu-central-1", &[1; 100]);
    assert_eq!(adopted.err(), Some(Refusal::WrongUsage));

    let (multi, (_, wrapped, _)) = fixture.key(KeySpec::SymmetricDefault, MULTI);
    let exported = fixture.export(&multi, &wrapped, "eu-central-1");
    assert_eq!(exported, Err(Refusal::InvalidArgument));
    let adopted = fixture.adopt(&multi, "eu-central-1", &[1; 100]);
    assert_eq!(adopted.err(), Some(Refusal::InvalidArgument));
    // To a Region that is not served here, from which another process takes it.
    let transport = fixture.export(&multi, &wrapped, "sa-east-1").unwrap();
    let adopted = fixture.adopt(&in_region("sa-east-1", &multi), "eu-central-1", &transport);
    assert_eq!(adopted.err(), Some(Refusal::DomainMissing));
    let mut swapped = multi;
    swapped.material_id = Hex32([1; 32]);
    let exported = fixture.export(&swapped, &wrapped, "us-east-1");
    assert_eq!(exported, Err(Refusal::WrappedKeyDamaged));
}

/// Two processes: each with one Region, both with the same root key, or not.
#[test]
fn the_root_of_trust_is_what_two_regions_have_in_common() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let here = Fixture::new();
    let root = crate::roots::KeyFile::create(&path, &here.arena).unwrap();
    let (binding, (_, wrapped, _)) = here.key(KeySpec::EccNistP256, MULTI);
    let key = KeyHandle {
        binding: &binding,
        wrapped: &wrapped,
    };
    let exported = export(&here.domains, &root, &here.arena, key, &region("us-east-1"));
    let Ok(Reply::Sealed(transport)) = exported else {
        panic!("{exported:?}");
    };
    let there = Fixture::new();
    let same = crate::roots::KeyFile::open(&path, &there.arena).unwrap();
    let binding = in_region("us-east-1", &binding);
    let from = region("eu-central-1");
    let adopt = |root: &LocalRoot| {
        let (domains, arena) = (&there.domains, &there.arena);
        adopt(domains, root, arena, &binding, &from, &transport).map(|_| ())
    };
    assert_eq!(adopt(&same), Ok(()));
    assert_eq!(adopt(&there.root), Err(Refusal::TransportBroken));
}
