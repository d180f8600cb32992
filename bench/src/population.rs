//! Fills a server's database with logged-in users.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::crypto::{Signer, random_salt, random_token, stored_value};
use crossauth_core::key::{Key, KeyPrefix, NAME_FIELD};
use crossauth_core::password::{Hasher, HasherConfig, Lane};
use crossauth_core::random::{Random, SystemRandom};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::storage::{Created, Effects, Guard, Storage};
use crossauth_core::user::{FactorName, NewUser, UserSecrets};
use crossauth_storage_sql::sqlite;
use tokio::runtime;
use tokio::task::JoinSet;

use crate::progress::say;

/// The password of every user.
pub(crate) const PASSWORD: &str = "Correct-horse-battery-7";
/// The database's file in a data directory.
pub(crate) const DATABASE: &str = "crossauth.db";
/// The file in a data directory with the secret that signs cookies.
pub(crate) const SECRET: &str = "secret";
/// How long the sessions last.
const SESSION_TIME: Duration = Duration::from_hours(24);
/// Number of users with a second factor, besides the others.
pub(crate) const WITH_FACTOR: usize = 1_000;
/// Number of users with an API key, of those without a second factor.
pub(crate) const WITH_KEY: usize = 1_000;
/// The secret of their authenticator application. It is never used.
const TOTP_SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// Maximum number of concurrent writes.
const WRITERS: usize = 64;

/// The users in the database.
pub(crate) struct Population {
    /// Their names.
    pub(crate) usernames: Vec<String>,
    /// The session of each.
    pub(crate) sessions: Vec<Session>,
    /// The sessions of the users with a second factor.
    pub(crate) with_factor: Vec<Session>,
    /// The API keys.
    pub(crate) keys: Vec<ApiKey>,
    /// The password hash of every user.
    pub(crate) password_hash: String,
}

/// A session of a user.
pub(crate) struct Session {
    /// The value of the session cookie.
    pub(crate) cookie: String,
    /// The value under which it is stored.
    pub(crate) stored: String,
}

/// An API key of a user.
pub(crate) struct ApiKey {
    /// The token that a program sends.
    pub(crate) token: String,
    /// The value under which it is stored.
    pub(crate) stored: String,
}

impl Population {
    /// Adds `count` users and those with a second factor, each with a session, to the data directory
    /// of a server that has been initialized and is not running.
    pub(crate) fn create(data: &Path, count: usize) -> Result<Self> {
        say!("writing {count} users with a session each");
        let secret = std::fs::read_to_string(data.join(SECRET))
            .context("the server left no secret in its data directory")?;
        let signer = Signer::new(&ServerSecret::new(secret.trim())?);
        runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let database = sqlite::open(data.join(DATABASE)).await?;
            let population = Self::insert(&database.storage(), &signer, count).await?;
            database.close().await;
            Ok(population)
        })
    }

    /// The same in any storage.
    pub(crate) async fn insert(storage: &Storage, signer: &Signer, count: usize) -> Result<Self> {
        insert_all(storage, signer, count).await
    }
}

async fn insert_all(storage: &Storage, signer: &Signer, count: usize) -> Result<Population> {
    let hasher = Hasher::new(HasherConfig::default(), Arc::new(SystemRandom))?;
    let password_hash = hasher.hash(Password::new(PASSWORD), Lane::Trusted).await?;
    let mut population = Population {
        usernames: Vec::new(),
        sessions: Vec::new(),
        with_factor: Vec::new(),
        keys: Vec::new(),
        password_hash,
    };
    let mut writers = JoinSet::new();
    for number in 0..count + WITH_FACTOR {
        if writers.len() == WRITERS {
            writers.join_next().await.transpose()?.transpose()?;
        }
        let has_factor = number >= count;
        let kind = if has_factor { "factor" } else { "person" };
        let username = format!("{kind}{number:05}");
        let user = NewUser {
            email: Some(address(&username)),
            factor2: has_factor.then_some(FactorName::TOTP),
            ..NewUser::named(&username)
        };
        let secrets = UserSecrets {
            password: Some(population.password_hash.clone()),
            totpsecret: has_factor.then(|| TOTP_SECRET.to_owned()),
        };
        let (session, key) = session(signer);
        let mut keys = vec![key];
        if number < WITH_KEY && !has_factor {
            let (api_key, key) = api_key(signer);
            population.keys.push(api_key);
            keys.push(key);
        }
        writers.spawn(insert(storage.clone(), user, secrets, keys));
        if has_factor {
            population.with_factor.push(session);
        } else {
            population.usernames.push(username);
            population.sessions.push(session);
        }
    }
    for written in writers.join_all().await {
        written?;
    }
    Ok(population)
}

fn session(signer: &Signer) -> (Session, Key) {
    let random: &dyn Random = &SystemRandom;
    let id = random_token(random);
    let now = SystemClock.now();
    let mut key = Key::new(stored_value(KeyPrefix::Session, &id).as_str(), None, now);
    key.expires = Some(now + SESSION_TIME);
    key.lastactive = Some(now);
    (Session { cookie: signer.sign_token(&id), stored: key.value.clone() }, key)
}

fn api_key(signer: &Signer) -> (ApiKey, Key) {
    let random: &dyn Random = &SystemRandom;
    let secret = random_token(random);
    let now = SystemClock.now();
    let mut key = Key::new(stored_value(KeyPrefix::ApiKey, &secret).as_str(), None, now);
    key.lastactive = Some(now);
    key.extra.insert(NAME_FIELD.to_owned(), "bench".into());
    let fields = [("v", &secret.as_str().into())];
    let token = signer.sign_payload(fields, &random_salt(random), now);
    (ApiKey { token, stored: key.value.clone() }, key)
}

/// The e-mail address of a user.
pub(crate) fn address(username: &str) -> String {
    format!("{username}@example.com")
}

async fn insert(
    storage: Storage,
    user: NewUser,
    secrets: UserSecrets,
    keys: Vec<Key>,
) -> Result<()> {
    let effects = Effects { issue: &keys, ..Effects::default() };
    let created = storage.users.create(&user, &secrets, Guard::None, &effects).await?;
    ensure!(matches!(created, Created::Done(_)), "{:?} is refused: {created:?}", user.username);
    Ok(())
}
