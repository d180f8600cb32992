use crossauth_core::password::NewHashes;
use crossauth_core::password::pbkdf2::{Digest, Padding};

use super::{from_environment, from_file, messages};

const PYTHON: &str = "database.tables = 'pycrossauth'\npassword.hash = 'pbkdf2'\n";
const PEPPER: &str = "password.pepper = 'sixteen bytes !!'\n";

#[test]
fn argon2id_is_the_default_for_every_schema() {
    for tables in ["crossauth", "pycrossauth", "crossauthjs"] {
        let settings = from_file(&format!("database.tables = '{tables}'")).unwrap().settings;
        let hashes = settings.hasher().new_hashes;
        assert!(matches!(hashes, NewHashes::Argon2id(_)), "{tables}: {hashes:?}");
    }
}

#[test]
fn hashes_for_python_tables_are_readable_by_python() {
    let hasher = from_file(PYTHON).unwrap().settings.hasher();
    assert_eq!(hasher.pbkdf2_padding, Padding::Padded);
    assert!(hasher.pepper.is_none());
    let NewHashes::Pbkdf2(params) = hasher.new_hashes else { panic!("{hasher:?}") };
    assert_eq!(params.digest, Digest::Sha256);
    let other = from_file("password.hash = 'pbkdf2'").unwrap().settings.hasher();
    assert_eq!(other.pbkdf2_padding, Padding::Unpadded);
}

#[test]
fn hash_settings_that_python_cannot_read_are_rejected() {
    for wrong in [
        "password.pbkdf2_digest = 'sha512'".to_owned(),
        "password.pbkdf2_padding = 'unpadded'".to_owned(),
        format!("{PEPPER}password.pepper_enabled = true"),
    ] {
        let messages = messages(from_file(&format!("{PYTHON}{wrong}")));
        assert!(messages.contains("Crossauth for Python"), "{wrong}: {messages}");
        assert!(!messages.contains("sixteen"), "{messages}");
    }
}

#[test]
fn pepper_that_is_not_enabled_is_refused() {
    let messages = messages(from_file(PEPPER));
    assert!(messages.starts_with("password.pepper: is not used: set"), "{messages}");
    let variable = ("CROSSAUTH_PASSWORD_PEPPER", "sixteen bytes !!");
    assert!(from_environment(&[variable]).is_err());
    let enabled = [variable, ("CROSSAUTH_PASSWORD_PEPPER_ENABLED", "true")];
    assert!(from_environment(&enabled).unwrap().settings.hasher().pepper.is_some());
}

#[test]
fn pepper_under_its_upstream_name_warns_until_it_is_enabled() {
    let secret = ("CROSSAUTH_HASHER_SECRET", "sixteen bytes !!");
    let configuration = from_environment(&[secret]).unwrap();
    assert!(configuration.settings.hasher().pepper.is_none());
    let warnings: Vec<String> = configuration.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["password.pepper: is not used: set `password.pepper_enabled` too, or leave it out \
          (CROSSAUTH_HASHER_SECRET)"],
    );
    let enabled = [secret, ("CROSSAUTH_ENABLE_SECRET_FOR_PASSWORDS", "true")];
    let configuration = from_environment(&enabled).unwrap();
    assert!(configuration.settings.hasher().pepper.is_some());
    assert!(configuration.warnings().is_empty());
}

#[test]
fn hashes_of_firebase_need_the_signer_key_and_never_show_it() {
    const KEY: &str = "password.firebase_signer_key = 'AAECAwQFBgcICQoLDA0ODw=='\n";
    assert!(from_file("").unwrap().settings.hasher().firebase.is_none());
    for separator in ["", "password.firebase_salt_separator = 'Bw=='"] {
        let configuration = from_file(&format!("{KEY}{separator}")).unwrap();
        assert!(configuration.settings.hasher().firebase.is_some());
        assert!(!format!("{:?}", configuration.settings).contains("AAECAw"));
    }
    for (file, named) in [
        ("password.firebase_signer_key = 'AAEC'".to_owned(), "password.firebase_signer_key"),
        ("password.firebase_signer_key = '?'".to_owned(), "password.firebase_signer_key"),
        ("password.firebase_salt_separator = 'Bw=='".to_owned(), "firebase_salt_separator"),
        (format!("{KEY}password.firebase_salt_separator = '?'"), "firebase_salt_separator"),
    ] {
        let messages = messages(from_file(&file));
        assert!(messages.contains(named) && messages.contains("Firebase console"), "{messages}");
        assert!(!messages.contains("AAECAw"), "{messages}");
    }
}
