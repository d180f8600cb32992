//! Hashes that other software stored. `foreign_hash/make.py` made the vectors.

use std::sync::Arc;

use crossauth_core::password::{
    Argon2idParams, FirebaseParams, ForeignVerdict, HashError, Hasher, HasherConfig, Lane,
    NewHashes, PasswordVerifier, Verification,
};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::Password;
use serde::Deserialize;

const PASSWORD: &str = "correct horse battery staple";

#[derive(Deserialize)]
struct Vectors {
    firebase: Firebase,
    hashes: Vec<Vector>,
}

#[derive(Deserialize)]
struct Firebase {
    signer_key: String,
    salt_separator: String,
}

#[derive(Deserialize)]
struct Vector {
    made_by: String,
    password: String,
    hash: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("foreign_hash/vectors.json")).unwrap()
}

fn firebase() -> FirebaseParams {
    let Firebase { signer_key, salt_separator } = vectors().firebase;
    FirebaseParams::new(&signer_key).unwrap().with_salt_separator(&salt_separator).unwrap()
}

fn config() -> HasherConfig {
    let cheap = Argon2idParams { memory_kib: 16, passes: 1, lanes: 1 };
    HasherConfig {
        new_hashes: NewHashes::Argon2id(cheap),
        firebase: Some(firebase()),
        ..HasherConfig::default()
    }
}

fn hasher(config: HasherConfig) -> Hasher {
    Hasher::new(config, Arc::new(SystemRandom)).unwrap()
}

async fn verify(hasher: &Hasher, password: &str, stored: &str) -> Verification {
    hasher.verify(Password::new(password), Some(stored), Lane::Public).await.unwrap()
}

/// A hash that the software made from [`PASSWORD`].
fn hash_by(made_by: &str) -> String {
    let found = vectors()
        .hashes
        .into_iter()
        .find(|vector| vector.made_by == made_by && vector.password == PASSWORD);
    found.unwrap().hash
}

#[tokio::test]
async fn hashes_of_other_software_match_their_password_only_and_are_upgraded() {
    let hasher = hasher(config());
    let mut kinds = std::collections::BTreeSet::new();
    for Vector { made_by, password, hash } in vectors().hashes {
        let Verification::Match { upgrade: Some(new) } = verify(&hasher, &password, &hash).await
        else {
            panic!("{made_by}: {password:?} {hash}");
        };
        assert!(new.starts_with("$argon2id$"), "{made_by}");
        let current = Verification::Match { upgrade: None };
        assert_eq!(verify(&hasher, &password, &new).await, current, "{made_by}");
        let last = password.char_indices().last().unwrap().0;
        for wrong in [&password[..last], &format!("{password} "), &password.to_uppercase()] {
            if wrong != password {
                let verification = verify(&hasher, wrong, &hash).await;
                assert_eq!(verification, Verification::Mismatch, "{made_by}: {wrong:?} {hash}");
            }
        }
        kinds.insert(made_by);
    }
    assert!(kinds.len() >= 13, "{kinds:?}");
}

/// bcrypt ignores what follows byte 72, so such a hash does not tell whether the rest is correct.
#[tokio::test]
async fn l9_passwords_that_bcrypt_would_cut_are_refused() {
    let hasher = hasher(config());
    let cut = vectors()
        .hashes
        .into_iter()
        .find(|vector| vector.made_by == "bcrypt" && vector.password.len() == 72);
    let Vector { password, hash, .. } = cut.unwrap();
    assert!(matches!(verify(&hasher, &password, &hash).await, Verification::Match { .. }));
    for wrong in [format!("{password}x"), format!("{password}y"), "x".repeat(1000)] {
        assert_eq!(verify(&hasher, &wrong, &hash).await, Verification::Mismatch);
    }
    // Some implementations stop at NUL.
    let short = hash_by("bcrypt");
    assert!(matches!(verify(&hasher, PASSWORD, &short).await, Verification::Match { .. }));
    let nul = format!("{PASSWORD}\0rest");
    assert_eq!(verify(&hasher, &nul, &short).await, Verification::Mismatch);
}

#[tokio::test]
async fn l9_every_byte_of_a_long_password_counts_where_django_hashes_it_first() {
    let hasher = hasher(config());
    let long = vectors()
        .hashes
        .into_iter()
        .find(|vector| vector.made_by == "django bcrypt_sha256" && vector.password.len() == 200);
    let Vector { password, hash, .. } = long.unwrap();
    assert!(matches!(verify(&hasher, &password, &hash).await, Verification::Match { .. }));
    for wrong in [&password[..199], &password[..72], &format!("{}z", &password[..199])] {
        assert_eq!(verify(&hasher, wrong, &hash).await, Verification::Mismatch);
    }
}

/// Each change of a valid hash, with parameters that would occupy a thread or exhaust the memory,
/// or with another structure.
#[tokio::test]
async fn l12_hashes_out_of_bounds_or_corrupt_fail_closed() {
    let hasher = hasher(config());
    let cases: &[(&str, &str, &[&str])] = &[
        ("bcrypt", "$04$", &["$15$", "$31$", "$32$", "$99$", "$03$", "$4$", "$004$", "$-4$", "$$"]),
        ("bcrypt", "$2a$", &["$2x$", "$2$", "$2c$", "2a$", "$3a$"]),
        (
            "scrypt",
            "ln=10",
            &["ln=18", "ln=21", "ln=64", "ln=255", "ln=0", "ln=-1", "ln=", "ln=+10"],
        ),
        ("scrypt", "r=8", &["r=0", "r=33", "r=4294967295", "r=08", "x=8"]),
        ("scrypt", "p=1$", &["p=0$", "p=17$", "p=4294967295$", "p=1,q=1$", "p=1$$"]),
        (
            "django scrypt",
            "$1024$",
            &["$1000$", "$0$", "$1$", "$4194304$", "$18446744073709551616$"],
        ),
        ("django scrypt", "$8$5$", &["$8$4294967295$", "$32$16$8$", "$8$", "$0$5$"]),
        ("django pbkdf2_sha256", "$1000$", &["$2000001$", "$4294967296$", "$0$", "$-1$", "$$"]),
        ("django pbkdf2_sha256", "sha256", &["sha512", "sha384", "md5", "sha"]),
        ("django argon2", "m=64", &["m=4294967295", "m=131073", "m=1"]),
        ("django argon2", "argon2$argon2id", &["argon2$argon2i", "argon2$argon2", "argon2"]),
        ("django bcrypt_sha256", "$04$", &["$15$", "$31$"]),
        ("firebase", "n=8", &["n=20", "n=64", "n=0"]),
        ("firebase", "v=1", &["v=2", "v="]),
        ("firebase", "r=8", &["r=4294967295", "r=0"]),
    ];
    for (made_by, part, changes) in cases {
        let good = hash_by(made_by);
        assert!(good.contains(part), "{good} {part}");
        assert!(matches!(verify(&hasher, PASSWORD, &good).await, Verification::Match { .. }));
        for change in *changes {
            let bad = good.replacen(part, change, 1);
            let verification = verify(&hasher, PASSWORD, &bad).await;
            assert_eq!(verification, Verification::Mismatch, "{bad}");
        }
        for bad in [&good[..good.len() - 9], &format!("{good}$"), &format!("{good} ")] {
            let verification = verify(&hasher, PASSWORD, bad).await;
            assert_eq!(verification, Verification::Mismatch, "{bad}");
        }
    }
}

/// phpass, MD5-crypt, unsalted and plain texts, and what marks accounts without a password.
#[tokio::test]
async fn l12_unknown_formats_and_markers_fail_closed() {
    let hasher = hasher(config());
    for stored in [
        PASSWORD,
        "$P$BPlIiO5xdHmThnjjSyJ1jBICfPkpay1",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "md5$salt$0d9ba1e5d3b7e3ecd7b0b7a6cd1f1b3a",
        "sha1$salt$f36ef7c0c9ab7c3e1a5a5b3f0fd4c3a9c1d1e2f3",
        "{SSHA}c29tZXRoaW5n",
        "!",
        "!unusable",
        "*",
        "********",
        "$fbscrypt$",
        "bcrypt$",
        "scrypt$$$$$",
    ] {
        for password in [PASSWORD, stored, ""] {
            let verification = verify(&hasher, password, stored).await;
            assert_eq!(verification, Verification::Mismatch, "{stored} {password}");
        }
    }
}

#[tokio::test]
async fn hashes_of_firebase_need_the_parameters_of_their_project() {
    let stored = hash_by("firebase");
    let without = hasher(HasherConfig { firebase: None, ..config() });
    assert_eq!(verify(&without, PASSWORD, &stored).await, Verification::Mismatch);
    let key =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
    let other = FirebaseParams::new(key).unwrap();
    let other = hasher(HasherConfig { firebase: Some(other), ..config() });
    assert_eq!(verify(&other, PASSWORD, &stored).await, Verification::Mismatch);
    let other = firebase().with_salt_separator("CA==").unwrap();
    let other = hasher(HasherConfig { firebase: Some(other), ..config() });
    assert_eq!(verify(&other, PASSWORD, &stored).await, Verification::Mismatch);
    assert!(FirebaseParams::new("not base64").is_err() && FirebaseParams::new("AAAA").is_err());
    assert!(firebase().with_salt_separator("?").is_err());
    assert!(!format!("{:?}", config()).contains("jxspr"));
}

/// Hashes of an old shop: `shop:<password reversed>`.
struct OldShop;

impl PasswordVerifier for OldShop {
    fn verify(&self, password: &str, stored: &str) -> ForeignVerdict {
        let reversed: String = password.chars().rev().collect();
        match stored.strip_prefix("shop:") {
            None => ForeignVerdict::UnknownFormat,
            Some("panic") => panic!("a fault of the application"),
            Some(hash) if hash == reversed => ForeignVerdict::Match,
            Some(_) => ForeignVerdict::Mismatch,
        }
    }
}

/// Accepts everything it is asked about.
struct Careless;

impl PasswordVerifier for Careless {
    fn verify(&self, _: &str, _: &str) -> ForeignVerdict {
        ForeignVerdict::Match
    }
}

#[tokio::test]
async fn formats_of_the_application_are_verified_and_upgraded() {
    let hasher = hasher(HasherConfig { verifiers: vec![Arc::new(OldShop)], ..config() });
    let verification = verify(&hasher, "bobPass123", "shop:321ssaPbob").await;
    assert!(matches!(verification, Verification::Match { upgrade: Some(_) }));
    assert_eq!(verify(&hasher, "bobPass124", "shop:321ssaPbob").await, Verification::Mismatch);
    assert_eq!(verify(&hasher, "bobPass123", "store:321ssaPbob").await, Verification::Mismatch);
}

#[tokio::test]
async fn verifier_that_panics_fails_the_login_and_not_the_thread() {
    let one = std::num::NonZeroUsize::MIN;
    let config = HasherConfig { threads: Some(one), ..config() };
    let hasher = hasher(HasherConfig { verifiers: vec![Arc::new(OldShop)], ..config });
    let failed = hasher.verify(Password::new("x"), Some("shop:panic"), Lane::Public).await;
    assert_eq!(failed, Err(HashError::Failed));
    let verification = verify(&hasher, "bobPass123", "shop:321ssaPbob").await;
    assert!(matches!(verification, Verification::Match { .. }));
}

#[tokio::test]
async fn verifiers_of_the_application_cannot_open_what_is_refused() {
    let hasher = hasher(HasherConfig { verifiers: vec![Arc::new(Careless)], ..config() });
    let asked = verify(&hasher, "anything", "shop:x").await;
    assert!(matches!(asked, Verification::Match { .. }), "the verifier is asked");
    for refused in [
        "",
        "!",
        "********",
        "pbkdf2:sha256:32:600000:0:DISABLED:DISABLED",
        "pbkdf2:sha256:32:4294967295:0:c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$2b$31$lamrPhDH.frDBx6RWmVL5.HbnjfahnTYC0fECbL6OnOH6DDpzHmFy",
        "$scrypt$ln=30,r=8,p=1$eM9Z632vtbb2nhPC2NvbGw$pLmWBNEw+oiaSOunQs/ppO9jWf0ExirclofPW2yo6V0",
        "pbkdf2_sha256$4000000000$salt$AAl4HqS0bHDnGxSd9eeop2us15MQ2gZxXX9Ef7fYczs=",
    ] {
        assert_eq!(verify(&hasher, "anything", refused).await, Verification::Mismatch, "{refused}");
    }
}
