use super::*;

#[test]
fn keys_are_made_up_to_the_count_the_scarcest_first_and_used_once() {
    let arena = Arena::new().unwrap();
    let prepared = Prepared::new();
    assert!(!prepared.make_one(0, &arena));
    let take = |spec, supply| prepared.take(spec, supply, &arena);
    let empty = take(KeySpec::Rsa2048, Supply::Prepared).err();
    assert_eq!(empty, Some(Refusal::NonePrepared));
    for spec in [KeySpec::Rsa2048, KeySpec::Rsa3072] {
        assert_eq!(prepared.keys.lock().unwrap().wanting(1), Some(spec));
        assert!(prepared.make_one(1, &arena));
    }
    let key = take(KeySpec::Rsa2048, Supply::Prepared).unwrap();
    assert_eq!(key.public_key.as_ref().unwrap().len(), 294);
    let empty = take(KeySpec::Rsa2048, Supply::Prepared).err();
    assert_eq!(empty, Some(Refusal::NonePrepared));
    // Made now, and another one.
    let other = take(KeySpec::Rsa2048, Supply::Made).unwrap();
    assert_ne!(other.bytes.expose(), key.bytes.expose());
    // One that is ready is used even if it might be made.
    let ready = take(KeySpec::Rsa3072, Supply::Made).unwrap();
    assert_eq!(ready.public_key.unwrap().len(), 422);
    let empty = take(KeySpec::Rsa3072, Supply::Prepared).err();
    assert_eq!(empty, Some(Refusal::NonePrepared));
    let wrong = take(KeySpec::EccNistP256, Supply::Made).err();
    assert_eq!(wrong, Some(Refusal::UnsupportedSpec));
}

#[test]
fn the_thread_fills_and_fills_again() {
    let core = Arc::new(Core::new(&crate::core::Root::Ephemeral).unwrap());
    let preparing = Arc::clone(&core);
    // Ends with the test's process.
    thread::spawn(move || preparing.start_preparing(1));
    for _ in 0..2 {
        let began = Instant::now();
        while core.fresh(KeySpec::Rsa2048, Supply::Prepared).is_err() {
            assert!(began.elapsed().as_secs() < 60);
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
