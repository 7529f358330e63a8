use super::*;

/// The bytes of a slot that nobody holds.
fn raw(arena: &Arena, offset: usize, len: usize) -> Vec<u8> {
    // SAFETY: inside the mapping; the test holds the only reference to the arena.
    unsafe { std::slice::from_raw_parts(arena.data.as_ptr().add(offset), len) }.to_vec()
}

#[test]
fn a_freed_slot_is_wiped_and_used_again() {
    let arena = Arena::new().unwrap();
    let mut key = KeyMaterial::zeroed(&arena, 32).unwrap();
    key.expose_mut().fill(0xa5);
    let offset = key.offset;
    assert_eq!(raw(&arena, offset, 32), [0xa5; 32]);
    drop(key);
    assert_eq!(raw(&arena, offset, 32), [0; 32]);
    let again = KeyMaterial::zeroed(&arena, 64).unwrap();
    assert_eq!(again.offset, offset);
    assert_eq!(again.expose(), [0; 64]);
}

#[test]
fn slots_do_not_overlap_and_run_out_without_harm() {
    let arena = Arena::new().unwrap();
    let mut held = Vec::new();
    for (class_len, slots) in [
        (SMALL_SLOT_BYTES, SMALL_SLOTS),
        (LARGE_SLOT_BYTES, LARGE_SLOTS),
        (RSA_SLOT_BYTES, RSA_SLOTS),
    ] {
        for n in 0..slots {
            let mut key = KeyMaterial::zeroed(&arena, class_len).unwrap();
            key.expose_mut().fill(u8::try_from(n % 251).unwrap());
            held.push((n, key));
        }
        assert!(KeyMaterial::zeroed(&arena, class_len).is_none());
    }
    for (n, key) in &held {
        let want = u8::try_from(n % 251).unwrap();
        assert!(key.expose().iter().all(|byte| *byte == want));
    }
    assert!(KeyMaterial::zeroed(&arena, RSA_SLOT_BYTES + 1).is_none());
    drop(held);
    assert!(KeyMaterial::zeroed(&arena, 1).is_some());
}

#[test]
fn a_slot_for_an_rsa_key_is_waited_for() {
    let arena = Arena::new().unwrap();
    let mut held: Vec<_> = (0..RSA_SLOTS)
        .map(|_| KeyMaterial::copied(&arena, &[1; RSA_SLOT_BYTES]).unwrap())
        .collect();
    let last = held.pop();
    let waiting = Arc::clone(&arena);
    let waiter = std::thread::spawn(move || KeyMaterial::zeroed(&waiting, 1024).is_some());
    std::thread::sleep(3 * RSA_SLOT_WAIT);
    drop(last);
    assert!(waiter.join().unwrap());
}

#[test]
fn the_locked_fallback_is_usable() {
    let page = rustix::param::page_size();
    // SAFETY: a fresh mapping; leaked at the end of the test.
    let at = unsafe {
        rustix::mm::mmap_anonymous(ptr::null_mut(), page, ProtFlags::empty(), MapFlags::PRIVATE)
    }
    .unwrap();
    let data = NonNull::new(at.cast::<u8>()).unwrap();
    let protection = map_locked(data, page).unwrap();
    assert_ne!(protection, Protection::Secret);
    // SAFETY: the page is mapped readable and writable now.
    unsafe { data.as_ptr().write(7) };
    // SAFETY: as above.
    assert_eq!(unsafe { data.as_ptr().read() }, 7);
}

#[test]
fn guard_pages_are_closed() {
    let arena = Arena::new().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let rights = |address: usize| {
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let from = usize::from_str_radix(from, 16).ok()?;
            let to = usize::from_str_radix(to, 16).ok()?;
            (from..to).contains(&address).then(|| rest[..3].to_owned())
        })
    };
    let base = arena.base.as_ptr() as usize;
    assert_eq!(rights(base).as_deref(), Some("---"));
    assert_eq!(rights(arena.data.as_ptr() as usize).as_deref(), Some("rw-"));
    assert_eq!(rights(base + arena.total - 1).as_deref(), Some("---"));
}
