//! Accounts of a directory in tables of upstream, which always link them by their names.

use std::sync::Arc;

use crossauth_core::directory::{DirectoryConfig, Entry, FirstLogin, SyncAction, SyncMode};
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::user::UserId;
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_testkit::clock::FixedClock;
use crossauth_testkit::directory::{ScriptedDirectory, entry};
use crossauth_testkit::random::SeededRandom;

use super::{PYCROSSAUTH, SqliteFile};

const PASSWORD: &str = "Directory-Horse-9";
const OTHER: &str = "Another-Horse-8";

/// An application with tables of upstream and a directory with the entry `alice`.
async fn application() -> (SqliteFile, Auth, ScriptedDirectory) {
    let opened = SqliteFile::of_upstream(&PYCROSSAUTH).await;
    let directory = ScriptedDirectory::default();
    directory.add(entry("alice"), PASSWORD);
    let secret = ServerSecret::new("a secret of tests, known to all").unwrap();
    let mut config = AuthConfig::new(secret);
    let params = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
    config.hasher =
        HasherConfig { new_hashes: NewHashes::Argon2id(params), ..HasherConfig::default() };
    let used = Arc::new(directory.clone());
    let first_login = FirstLogin::CreatesAccount;
    config.directory = Some(DirectoryConfig { first_login, ..DirectoryConfig::new(used) });
    let clock = Arc::new(FixedClock::default());
    let sources = Sources { clock, random: Arc::new(SeededRandom::default()) };
    let auth = Auth::new(config, &opened.storage(), &sources).unwrap();
    (opened, auth, directory)
}

/// The account to which a login leads.
async fn log_in(auth: &Auth, username: &str, password: &str) -> Option<UserId> {
    let attempt = LoginAttempt::new(username, Password::new(password));
    let outcome = auth.login.attempt(attempt).await.unwrap();
    if let LoginOutcome::LoggedIn(session) = outcome {
        return session.user.map(|user| user.id);
    }
    assert!(matches!(outcome, LoginOutcome::WrongCredentials), "{outcome:?}");
    None
}

#[tokio::test]
async fn account_stays_that_of_its_entry_when_another_one_gets_its_name() {
    let (_opened, auth, directory) = application().await;
    let alice = log_in(&auth, "alice", PASSWORD).await.unwrap();
    directory.change("id-alice", |entry| entry.username = "al".into());
    directory.add(Entry { id: "id-new".into(), ..entry("alice") }, OTHER);
    assert_eq!(log_in(&auth, "alice", OTHER).await, None);
    assert_eq!(log_in(&auth, "al", PASSWORD).await, Some(alice.clone()));
    let synced = auth.directory.as_ref().unwrap().sync(SyncMode::Apply).await.unwrap();
    assert_eq!((synced.compared, synced.differing.len()), (1, 0), "{synced:?}");
    directory.remove("id-alice");
    assert_eq!(log_in(&auth, "alice", OTHER).await, None);
    let synced = auth.directory.as_ref().unwrap().sync(SyncMode::Apply).await.unwrap();
    assert_eq!(synced.differing[0].action, SyncAction::Disable, "its entry is gone");
}

#[tokio::test]
async fn row_that_gets_the_id_of_a_deleted_one_does_not_get_its_entry() {
    let (opened, auth, directory) = application().await;
    let alice = log_in(&auth, "alice", PASSWORD).await.unwrap();
    // As another program might.
    opened.sql("UPDATE User SET username = 'dora', username_normalized = 'dora'");
    directory.add(entry("dora"), OTHER);
    assert_ne!(log_in(&auth, "alice", PASSWORD).await, Some(alice.clone()));
    assert_eq!(log_in(&auth, "dora", OTHER).await, Some(alice));
}

#[tokio::test]
async fn account_of_upstream_that_has_been_used_is_linked_for_good() {
    let (opened, auth, directory) = application().await;
    opened.sql(
        "INSERT INTO User (username, username_normalized, factor1) VALUES ('alice', 'alice', 'ldap')",
    );
    let alice = log_in(&auth, "alice", PASSWORD).await.unwrap();
    directory.remove("id-alice");
    directory.add(Entry { id: "id-new".into(), ..entry("alice") }, OTHER);
    assert_eq!(log_in(&auth, "alice", OTHER).await, None);
    let accounts = auth.directory.as_ref().unwrap();
    assert_eq!(accounts.entry_of(&alice).await.unwrap().as_deref(), Some("id-alice"));
    // The administrator says that it is the same person.
    accounts.link(&alice, Some("id-new")).await.unwrap();
    assert_eq!(log_in(&auth, "alice", OTHER).await, Some(alice));
}
