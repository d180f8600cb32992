//! Accounts of a directory.

mod attribute;
mod first_login;
mod give_way;
mod linking;
mod login;
mod name;
mod password;
mod stored_change;
mod suspension;
mod sync;

use std::sync::Arc;

use crossauth_core::AuthConfig;
use crossauth_core::directory::{DirectoryAccounts, DirectoryConfig, DirectoryLink, FirstLogin};
use crossauth_core::login::{LoginAttempt, LoginError, LoginOutcome};
use crossauth_core::secret::Password;
use crossauth_core::session::NewSession;
use crossauth_core::storage::{AuditFilter, StoredUser, UserQuery};
use crossauth_core::user::{FactorName, NewUser, User, UserSecrets};
use crossauth_testkit::directory::{ScriptedDirectory, entry};
use crossauth_testkit::storage::create_user;

use crate::site::Site;

/// The password of entries.
const SECRET: &str = "Directory-Horse-9";

/// A site with a directory whose entries get accounts when they log in, with the entry `bob`.
fn site() -> (Arc<Site>, ScriptedDirectory) {
    site_with(FirstLogin::CreatesAccount, |_| {})
}

fn site_with(
    first_login: FirstLogin,
    change: impl FnOnce(&mut AuthConfig),
) -> (Arc<Site>, ScriptedDirectory) {
    let directory = ScriptedDirectory::default();
    directory.add(entry("bob"), SECRET);
    let used = Arc::new(directory.clone());
    let site = Site::with(|config| {
        config.directory = Some(DirectoryConfig { first_login, ..DirectoryConfig::new(used) });
        change(config);
    });
    (Arc::new(site), directory)
}

impl Site {
    fn directory(&self) -> &DirectoryAccounts {
        self.auth.directory.as_ref().unwrap()
    }

    /// The session of a login that succeeds.
    async fn enter(&self, username: &str, password: &str) -> NewSession {
        let outcome = self.log_in(username, password).await;
        let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
        *session
    }

    async fn try_log_in(&self, username: &str, password: &str) -> Result<LoginOutcome, LoginError> {
        self.auth.login.attempt(LoginAttempt::new(username, Password::new(password))).await
    }

    async fn user(&self, username: &str) -> Option<User> {
        self.auth.accounts.find(username).await.unwrap()
    }

    async fn count_users(&self) -> usize {
        self.auth.accounts.list(&UserQuery::first(100)).await.unwrap().users.len()
    }

    async fn link(&self, username: &str) -> Option<DirectoryLink> {
        let found = self.storage.inner().users.find_by_username(username).await.unwrap().unwrap();
        let secrets = StoredUser::regardless_of_state(found).1;
        DirectoryLink::parse(secrets.password.as_deref())
    }

    /// An account of the directory as another program may have left it, with this in the place of a
    /// hash.
    async fn stored(&self, username: &str, password: Option<&str>) -> User {
        let user = NewUser { factor1: FactorName::LDAP, ..NewUser::named(username) };
        let password = password.map(str::to_owned);
        let secrets = UserSecrets { password, ..UserSecrets::default() };
        create_user(self.storage.inner(), &user, &secrets).await
    }

    /// The acts on an account, the latest first.
    async fn acts(&self, username: &str) -> Vec<String> {
        let user = Some(self.user(username).await.unwrap().id);
        let filter = AuditFilter { user, ..AuditFilter::default() };
        let events = self.auth.audit.list(&filter, None, 100).await.unwrap();
        events.into_iter().map(|event| event.act.to_string()).collect()
    }
}

fn is_wrong(outcome: &LoginOutcome) -> bool {
    matches!(outcome, LoginOutcome::WrongCredentials)
}

fn is_logged_in(outcome: &LoginOutcome) -> bool {
    matches!(outcome, LoginOutcome::LoggedIn(_))
}
