use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct Place {
    directory: tempfile::TempDir,
    arena: Arc<Arena>,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            arena: Arena::new().unwrap(),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("root.key")
    }

    fn create(&self) -> LocalRoot {
        KeyFile::create(&self.path(), &self.arena).unwrap()
    }

    fn open(&self) -> Result<LocalRoot, RootError> {
        KeyFile::open(&self.path(), &self.arena)
    }

    fn set_mode(&self, mode: u32) {
        std::fs::set_permissions(self.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Writes a changed file and gives the error's text.
    fn text_of(&self, content: &[u8]) -> String {
        std::fs::write(self.path(), content).unwrap();
        self.open().map(|_| ()).unwrap_err().to_string()
    }
}

use crate::roots::RootOfTrust;

#[test]
fn what_a_new_file_seals_opens_after_a_restart() {
    let place = Place::new();
    let sealed = place.create().seal(b"label", &[9; 32]).unwrap();
    let mode = std::fs::metadata(place.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let root = place.open().unwrap();
    let opened = root.open(b"label", &sealed, 32, &place.arena).unwrap();
    assert_eq!(opened.expose(), [9; 32]);
    assert!(root.open(b"Label", &sealed, 32, &place.arena).is_err());
    assert!(root.open(b"label", &sealed, 31, &place.arena).is_err());
    for cut in 0..sealed.len() {
        assert!(
            root.open(b"label", &sealed[..cut], 32, &place.arena)
                .is_err()
        );
    }
}

#[test]
fn a_file_is_never_overwritten() {
    let place = Place::new();
    place.create();
    let before = std::fs::read(place.path()).unwrap();
    let again = KeyFile::create(&place.path(), &place.arena);
    assert!(matches!(again, Err(RootError::Exists(_))));
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[test]
fn permissions_beyond_the_owner_are_refused() {
    let place = Place::new();
    place.create();
    for mode in [0o640, 0o604, 0o660, 0o601, 0o700, 0o644, 0o4600] {
        place.set_mode(mode);
        let refused = matches!(place.open(), Err(RootError::TooOpen { mode: m, .. }) if m == mode);
        assert!(refused, "{mode:o}");
    }
    for mode in [0o600, 0o400] {
        place.set_mode(mode);
        assert!(place.open().is_ok(), "{mode:o}");
    }
}

#[test]
fn another_owner_is_refused() {
    let place = Place::new();
    place.create();
    // Only root may give a file away; elsewhere there is nothing to test.
    if std::os::unix::fs::chown(place.path(), Some(12345), None).is_ok() {
        assert!(matches!(
            place.open(),
            Err(RootError::WrongOwner { owner: 12345, .. })
        ));
    }
}

#[test]
fn a_missing_file_a_link_and_a_directory_are_told_apart() {
    let place = Place::new();
    assert!(matches!(place.open(), Err(RootError::Missing(_))));
    std::fs::create_dir(place.path()).unwrap();
    assert!(matches!(place.open(), Err(RootError::NotAFile(_))));
    std::fs::remove_dir(place.path()).unwrap();
    place.create();
    let real = place.directory.path().join("real");
    std::fs::rename(place.path(), &real).unwrap();
    symlink(&real, place.path()).unwrap();
    assert!(matches!(place.open(), Err(RootError::NotAFile(_))));
}

#[test]
fn every_kind_of_damage_says_what_happened() {
    let place = Place::new();
    place.create();
    let good = std::fs::read(place.path()).unwrap();
    assert_eq!(good.len(), FILE_BYTES);
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let text = place.text_of(&bad);
            let want = match at {
                0..8 => "is not a Keystead root key file",
                8 => "this program reads version 1",
                _ => "check value does not match",
            };
            assert!(text.contains(want), "{at}: {text}");
        }
    }
    for cut in 1..good.len() {
        let text = place.text_of(&good[..cut]);
        assert!(text.contains("cut off"), "{cut}: {text}");
    }
    assert!(place.text_of(&[]).contains("empty"));
    for more in [1, 1000] {
        let text = place.text_of(&[good.clone(), vec![0; more]].concat());
        assert!(text.contains("bytes follow its end"), "{text}");
    }
    std::fs::write(place.path(), &good).unwrap();
    assert!(place.open().is_ok());
}

#[test]
fn another_root_key_is_named() {
    let (one, two) = (Place::new(), Place::new());
    let sealed = one.create().seal(b"label", &[9; 32]).unwrap();
    let Err(error) = two.create().open(b"label", &sealed, 32, &two.arena) else {
        panic!("opened");
    };
    assert!(matches!(error, RootError::OtherRoot { .. }), "{error}");
    assert!(error.to_string().starts_with("sealed by root key "));
}
