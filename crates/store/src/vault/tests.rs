use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use proptest::prelude::*;
use sayso_model::id::AccountNo;

use super::*;

fn vault(key: &[u8; 32]) -> Vault {
    let key = VaultKey::parse(&BASE64_STANDARD.encode(key)).unwrap();
    Vault::new(Path::new("/nowhere"), KeySource::Given(key))
}

fn of_file(dir: &tempfile::TempDir) -> (Vault, PathBuf) {
    let data = dir.path().join("data");
    (Vault::new(&data, KeySource::Beside), dir.path().join("data.key"))
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

const MINE: Whose<'static> = (AccountNo(1), Purpose::SharedKey, "john.doe");

fn why<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Key(why) | StoreError::Damaged(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_for_its_owner_and_purpose_alone(text in "\\PC{0,80}", key: [u8; 32], other: [u8; 32]) {
        let mine = vault(&key);
        let sealed = mine.seal(MINE, &secret(&text), false).unwrap();
        let again: Sealed = serde_json::from_str(&serde_json::to_string(&sealed).unwrap()).unwrap();
        let opened = mine.open(MINE, &again).unwrap();
        prop_assert_eq!(opened.reveal(), &text);
        prop_assert_ne!(&mine.seal(MINE, &secret(&text), false).unwrap(), &sealed, "another nonce each time");
        for foreign in [(AccountNo(2), MINE.1, MINE.2), (MINE.0, Purpose::WebhookSecret, MINE.2), (MINE.0, MINE.1, "jane.roe")] {
            prop_assert!(matches!(mine.open(foreign, &sealed), Err(StoreError::Damaged(_))));
        }
        prop_assume!(key != other);
        prop_assert!(matches!(vault(&other).open(MINE, &sealed), Err(StoreError::Key(_))));
    }

    #[test]
    fn any_flipped_bit_of_a_sealed_secret_is_noticed(text in "[a-z]{1,70}", at: prop::sample::Index) {
        let vault = vault(&[7; 32]);
        let mut sealed = vault.seal(MINE, &secret(&text), false).unwrap();
        let bit = at.index(sealed.0.len() * 8);
        sealed.0[bit / 8] ^= 1 << (bit % 8);
        let json = serde_json::to_string(&sealed).unwrap();
        let opened = serde_json::from_str::<Sealed>(&json).map(|sealed| vault.open(MINE, &sealed));
        prop_assert!(!matches!(opened, Ok(Ok(_))));
    }
}

#[test]
fn the_key_file_is_made_once_beside_the_data_and_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (vault, path) = of_file(&dir);
    let missing = why(vault.seal(MINE, &secret("a"), false));
    assert!(missing.contains("data.key isn't there") && missing.contains("SAYSO_KEY"), "{missing}");
    let sealed = vault.seal(MINE, &secret("a"), true).unwrap();
    let made = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left beside it");
    let (again, _) = of_file(&dir);
    again.seal(MINE, &secret("b"), true).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), made);
    assert_eq!(again.open(MINE, &sealed).unwrap().reveal(), "a");
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let (vault, path) = of_file(&dir);
    let sealed = vault.seal(MINE, &secret("a"), true).unwrap();
    for mode in [0o604, 0o644, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (again, _) = of_file(&dir);
        let why = why(again.open(MINE, &sealed));
        assert!(why.contains(&format!("{mode:04o}")) && why.contains("chmod 600 /"), "{why}");
    }
    // Mended while the server runs, it opens: a failure isn't kept.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let (again, _) = of_file(&dir);
    why(again.open(MINE, &sealed));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(again.open(MINE, &sealed).unwrap().reveal(), "a");
}

#[test]
fn a_key_is_the_base64_of_32_bytes_and_no_message_shows_it() {
    for wrong in ["", "secretsecret", "c2VjcmV0", &BASE64_STANDARD.encode([1; 31]), &BASE64_STANDARD.encode([1; 33])] {
        let Err(why) = VaultKey::parse(wrong) else { panic!("{wrong} was taken") };
        assert!(why.contains("head -c 32 /dev/urandom | base64"), "{why}");
        assert!(wrong.is_empty() || !why.contains(wrong), "{why}");
    }
    assert!(VaultKey::parse(&format!(" {}\n", BASE64_STANDARD.encode([1; 32]))).is_ok());
}
