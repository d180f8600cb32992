//! Accounts of a directory in tables of upstream, which must still read them.

use std::sync::Arc;

use crossauth_core::directory::{DirectoryConfig, FirstLogin, SyncMode};
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::storage::{Storage, StoredUser};
use crossauth_core::user::{FactorName, UserState};
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_testkit::directory::{ScriptedDirectory, entry};
use serde_json::json;

const SECRET: &str = "Directory-Horse-9";
/// What upstream stores as the hash of its LDAP users.
const SENTINEL: &str = "pbkdf2:sha256:32:600000:0:DISABLED:DISABLED";

async fn log_in(auth: &Auth) -> LoginOutcome {
    let attempt = LoginAttempt::new("directory-user", Password::new(SECRET));
    auth.login.attempt(attempt).await.unwrap()
}

pub(super) async fn accounts_keep_what_upstream_reads(storage: &Storage) {
    let directory = ScriptedDirectory::default();
    let mut user = entry("directory-user");
    user.fields.insert("phone".into(), json!(["1", "2"]));
    directory.add(user, SECRET);
    let mut config = AuthConfig::new(ServerSecret::new("a secret of tests, known to all").unwrap());
    config.directory = Some(DirectoryConfig {
        first_login: FirstLogin::CreatesAccount,
        ..DirectoryConfig::new(Arc::new(directory.clone()))
    });
    let auth = Auth::new(config, storage, &Sources::default()).unwrap();
    let stored = async || {
        let found = storage.users.find_by_username("directory-user").await.unwrap().unwrap();
        StoredUser::regardless_of_state(found)
    };
    for _ in 0..2 {
        let outcome = log_in(&auth).await;
        assert!(matches!(outcome, LoginOutcome::LoggedIn(_)), "{outcome:?}");
        let (user, secrets) = stored().await;
        assert_eq!((user.factor1, secrets.password.as_deref()), (FactorName::LDAP, Some(SENTINEL)));
        assert_eq!(user.extra["phone"], json!(r#"["1","2"]"#), "a list in a column of text");
    }
    let accounts = auth.directory.as_ref().unwrap();
    assert_eq!(accounts.sync(SyncMode::DryRun).await.unwrap().differing, []);
    accounts.unlink("directory-user").await.unwrap();
    assert!(matches!(log_in(&auth).await, LoginOutcome::WrongCredentials));
    accounts.link("directory-user", None).await.unwrap();
    let outcome = log_in(&auth).await;
    assert!(matches!(outcome, LoginOutcome::LoggedIn(_)), "{outcome:?}");
    assert_eq!(stored().await.1.password.as_deref(), Some(SENTINEL));
    directory.remove("id-directory-user");
    assert_eq!(accounts.sync(SyncMode::Apply).await.unwrap().differing.len(), 1);
    let (user, secrets) = stored().await;
    assert_eq!((user.state, secrets.password.as_deref()), (UserState::Disabled, Some(SENTINEL)));
}
