//! Ten years, day by day: rotations of every kind, imports that expire, a set across Regions that
//! moves. Every ciphertext ever made opens as long as its material is there, and no longer.

use std::collections::BTreeMap;

use keystead_types::KeyId;
use serde_json::{Value, json};

use crate::imports::Parameters;
use crate::support::atlas::{Atlas, PLACES};
use crate::support::{World, key_id};

const YEARS: i64 = 10;
/// Days between two looks of the clockwork; no period is a multiple of it.
const STEP_DAYS: i64 = 7;

struct Sealed {
    key: KeyId,
    blob: String,
    text: String,
    material: String,
}

async fn seal(atlas: &Atlas, at: usize, key: KeyId, sealed: &mut Vec<Sealed>) {
    let world = &atlas.worlds[at];
    let text = format!("{} of {key} in {}", sealed.len(), PLACES[at]);
    let blob = world.encrypt(key.as_str(), &text).await;
    let opened = world.call("Decrypt", json!({"CiphertextBlob": blob})).await;
    let material = opened.ok()["KeyMaterialId"].as_str().unwrap().to_owned();
    sealed.push(Sealed {
        key,
        blob,
        text,
        material,
    });
}

async fn state(world: &World, key: KeyId) -> String {
    let shown = world.describe(key.as_str()).await;
    shown["KeyState"].as_str().unwrap().to_owned()
}

/// A key that rotates every so many days, from the start.
async fn rotating(atlas: &Atlas, days: u32) -> KeyId {
    let key = key_id(&atlas.worlds[0].key().await);
    let sent = json!({"KeyId": key.as_str(), "RotationPeriodInDays": days});
    atlas.worlds[0].call("EnableKeyRotation", sent).await.ok();
    key
}

/// The rotations that a listing shows, by their kind.
async fn rotations(world: &World, key: KeyId) -> BTreeMap<String, usize> {
    let sent = json!({"KeyId": key.as_str(), "Limit": 1000});
    let answer = world.call("ListKeyRotations", sent).await.ok();
    let mut found = BTreeMap::new();
    for one in answer["Rotations"].as_array().unwrap() {
        let kind = one["RotationType"].as_str().unwrap().to_owned();
        *found.entry(kind).or_default() += 1;
    }
    found
}

fn count(found: &BTreeMap<String, usize>, kind: &str) -> usize {
    found.get(kind).copied().unwrap_or_default()
}

/// Imported keys: one whose material is renewed each year, one that is left to expire.
struct Guests {
    tended: KeyId,
    left: KeyId,
}

async fn import(world: &World, key: KeyId, material: &[u8], more: Value) {
    let parameters = Parameters::of(world, key.as_str()).await;
    let answer = parameters.import(world, key.as_str(), material, more).await;
    answer.ok();
}

async fn guest(atlas: &Atlas, material: u8) -> KeyId {
    let world = &atlas.worlds[0];
    let key = key_id(&world.key_with(json!({"Origin": "EXTERNAL"})).await);
    let end = world.site.now().plus_days(365).as_millis() / 1000;
    import(world, key, &[material; 32], json!({"ValidTo": end})).await;
    key
}

impl Guests {
    /// Each year: the old material for another year, and new material that takes its place.
    async fn year(&self, world: &World, year: u8) {
        let (key, now) = (self.tended, world.site.now());
        let end = now.plus_days(365).as_millis() / 1000;
        for old in 0..=year {
            let more = json!({"ValidTo": end, "ImportType": "EXISTING_KEY_MATERIAL"});
            import(world, key, &[100 + old; 32], more).await;
        }
        let more = json!({"ValidTo": end, "ImportType": "NEW_KEY_MATERIAL"});
        import(world, key, &[101 + year; 32], more).await;
        let sent = json!({"KeyId": key.as_str()});
        world.call("RotateKeyOnDemand", sent).await.ok();
    }
}

#[tokio::test]
async fn ten_years() {
    let atlas = Atlas::new();
    let home = &atlas.worlds[0];
    let mut keys = Vec::new();
    for days in [90, 365, 2560] {
        keys.push((rotating(&atlas, days).await, days));
    }
    let by_hand = key_id(&home.key().await);
    let (_, set) = atlas.set(2).await;
    let sent = json!({"KeyId": set.as_str(), "RotationPeriodInDays": 200});
    home.call("EnableKeyRotation", sent).await.ok();
    let guests = Guests {
        tended: guest(&atlas, 100).await,
        left: guest(&atlas, 50).await,
    };
    let (mut sealed, mut lead, mut last_year) = (Vec::new(), 0, 0);
    let start = home.site.now();
    for step in 0..(YEARS * 365 / STEP_DAYS) {
        let day = step * STEP_DAYS;
        if step % 5 == 0 {
            for (key, _) in &keys {
                seal(&atlas, 0, *key, &mut sealed).await;
            }
            seal(&atlas, 0, by_hand, &mut sealed).await;
            for at in 0..3 {
                seal(&atlas, at, set, &mut sealed).await;
            }
            seal(&atlas, 0, guests.tended, &mut sealed).await;
            if day < 365 {
                seal(&atlas, 0, guests.left, &mut sealed).await;
            }
        }
        if step % 25 == 24 {
            let sent = json!({"KeyId": by_hand.as_str()});
            home.call("RotateKeyOnDemand", sent).await.ok();
            // The set moves on.
            let next = (lead + 1) % 3;
            let sent = json!({"KeyId": set.as_str(), "PrimaryRegion": PLACES[next]});
            atlas.worlds[lead]
                .call("UpdatePrimaryRegion", sent)
                .await
                .ok();
            lead = next;
        }
        // In time, before the year is over.
        let year = (day + 2 * STEP_DAYS) / 365;
        if year > last_year {
            last_year = year;
            guests.year(home, u8::try_from(year).unwrap() - 1).await;
        }
        atlas
            .clock
            .set(start.plus_millis((day + STEP_DAYS) * crate::support::DAY_MILLIS));
        atlas.tick().await;
        atlas.tick().await;
    }
    atlas.settle().await;
    atlas.check_rest(set).await;
    for (key, days) in &keys {
        let found = rotations(home, *key).await;
        // Each rotation may be seen up to a step late, and the next one counts from there.
        let most = usize::try_from(YEARS * 365 / i64::from(*days)).unwrap();
        let least = usize::try_from(YEARS * 365 / (i64::from(*days) + STEP_DAYS)).unwrap();
        let seen = count(&found, "AUTOMATIC");
        assert!((least..=most).contains(&seen), "{days}: {seen}");
        assert_eq!(count(&found, "ON_DEMAND"), 0);
    }
    assert_eq!(count(&rotations(home, by_hand).await, "ON_DEMAND"), 20);
    let of_set = rotations(home, set).await;
    assert!(
        (17..=18).contains(&count(&of_set, "AUTOMATIC")),
        "{of_set:?}"
    );
    for world in &atlas.worlds {
        assert_eq!(rotations(world, set).await, of_set);
    }
    let of_guest = rotations(home, guests.tended).await;
    assert_eq!(
        count(&of_guest, "ON_DEMAND"),
        usize::try_from(last_year).unwrap()
    );
    assert_eq!(state(home, guests.tended).await, "Enabled");
    assert_eq!(state(home, guests.left).await, "PendingImport");
    let mut materials = BTreeMap::new();
    for one in &sealed {
        let opened = home.decrypt(&one.blob).await;
        if one.key == guests.left {
            assert!(opened.unwrap_err().ends_with("is pending import."));
        } else {
            assert_eq!(opened.as_ref(), Ok(&one.text));
            *materials.entry((one.key, &one.material)).or_insert(0) += 1;
        }
        if one.key == set {
            atlas.opens_everywhere(set, &one.blob, &one.text).await;
        }
    }
    assert!(materials.len() > 80, "{}", materials.len());
    // The lost material comes back, and what it sealed opens again.
    import(home, guests.left, &[50; 32], json!({})).await;
    for one in sealed.iter().filter(|one| one.key == guests.left) {
        assert_eq!(home.decrypt(&one.blob).await.as_ref(), Ok(&one.text));
    }
    // One version that goes takes the whole key along, until it is back.
    let gone = sealed.iter().find(|one| one.key == guests.tended).unwrap();
    let sent = json!({"KeyId": gone.key.as_str(), "KeyMaterialId": gone.material});
    home.call("DeleteImportedKeyMaterial", sent).await.ok();
    assert!(home.decrypt(&gone.blob).await.is_err());
    assert_eq!(state(home, guests.tended).await, "PendingImport");
}
