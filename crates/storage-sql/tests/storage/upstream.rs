//! Databases of upstream as applications have them, served in place, for every database.

mod directory;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{
    Deleted, Effects, Guard, Storage, StorageErrorKind, UserPosition, UserQuery,
};
use crossauth_core::user::{
    FactorName, NewUser, Refusal, StateChecks, UserId, UserSecrets, UserState,
};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::storage::create_user;
use crossauth_testkit::upstream::{self, ACCOUNTS, Account, KEYS, Password, Preset, Upstream};
use serde_json::json;

use crate::opened::{Driver, Opened};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// The table map for a database of upstream.
pub(crate) fn table_map(upstream: Upstream) -> TableMap {
    let map = match upstream.preset {
        Preset::Python => TableMap::pycrossauth(),
        Preset::TypeScript => TableMap::crossauthjs(),
    };
    TableMap { time_zone: Some(upstream.preset.time_zone().into()), ..map }
}

/// The tables with all rows.
pub(crate) fn sql(upstream: Upstream) -> String {
    format!("{}{}{}", upstream.schema(), upstream.rows(), upstream.odd_rows())
}

pub(crate) async fn databases_of_upstream_are_served_in_place<D: Driver>() {
    for upstream in Upstream::on(D::ENGINE) {
        let opened = Opened::<D>::mapped(table_map(upstream), &sql(upstream)).await;
        is_served_in_place(&opened.storage(), upstream).await;
    }
}

/// Reads every row, and writes rows beside them.
async fn is_served_in_place(storage: &Storage, upstream: Upstream) {
    accounts_are_found(storage, upstream).await;
    keys_are_found(storage, upstream).await;
    odd_rows_are_errors_of_their_own(storage, upstream).await;
    lists_have_all_other_users(storage, upstream).await;
    writes_are_possible(storage).await;
    directory::accounts_keep_what_upstream_reads(storage).await;
}

async fn accounts_are_found(storage: &Storage, upstream: Upstream) {
    for account in &ACCOUNTS {
        let id = UserId::Integer(account.id);
        let found = storage.users.find_by_id(&id).await.unwrap().unwrap();
        let by_name = storage.users.find_by_username(&account.username.to_uppercase()).await;
        let is_normalized = account.normalized.is_some();
        assert_eq!(by_name.unwrap(), is_normalized.then(|| found.clone()), "{account:?}");
        if let Some(email) = account.email {
            let by_email = storage.users.find_by_email(&email.to_lowercase()).await.unwrap();
            assert_eq!(by_email, Some(found.clone()), "{account:?}");
        }
        let (user, secrets) = found.regardless_of_state();
        assert_eq!((user.id, &*user.username), (id, account.username));
        assert_eq!(user.email.as_deref(), account.email);
        assert_eq!(user.state, UserState::from(account.state));
        assert_eq!(user.factor2, FactorName::optional(account.factor2.unwrap_or_default()));
        assert!(user.factor1.is_password());
        let is_admin = upstream.preset == Preset::TypeScript && account.id == 9;
        assert_eq!(user.admin, is_admin, "{account:?}");
        assert_eq!(secrets, secrets_of(account, upstream), "{account:?}");
        assert_eq!(user.extra.get("phone"), account.phone.map(|phone| json!(phone)).as_ref());
        assert_eq!(user.extra.get("Shoe Size"), Some(&json!(43)));
        assert_eq!(user.extra.get("born"), Some(&json!("2001-02-03")));
    }
}

pub(crate) fn secrets_of(account: &Account, upstream: Upstream) -> UserSecrets {
    if account.password == Password::NoRow {
        return UserSecrets::default();
    }
    let password = match account.password {
        Password::Disabled => "pbkdf2:sha256:32:600000:0:DISABLED:DISABLED",
        Password::Known | Password::AsBytes | Password::NoRow => upstream.preset.password_hash(),
    };
    let totpsecret = account.totpsecret.filter(|secret| !secret.is_empty());
    UserSecrets { password: Some(password.into()), totpsecret: totpsecret.map(Into::into) }
}

pub(crate) async fn keys_are_found(storage: &Storage, upstream: Upstream) {
    let time = |moment: upstream::Moment| Timestamp::from_millis(moment.millis());
    for key in &KEYS {
        let value = format!("{}{}", key.prefix, key.hash);
        let found = storage.keys.find(&value).await.unwrap().unwrap();
        assert_eq!(found.userid, key.owner.map(UserId::Integer), "{upstream:?} {key:?}");
        assert_eq!(found.created, time(key.created), "{upstream:?} {key:?}");
        assert_eq!(found.expires, key.expires.map(time), "{upstream:?} {key:?}");
        assert_eq!(found.data.as_text(), key.data.unwrap_or_default());
        assert_eq!(found.name(), key.name);
        let session = storage.sessions.find(&value).await.unwrap().unwrap();
        match session.admit_in_any_epoch(StateChecks::ALL) {
            Ok((_, user)) => assert_eq!(user.map(|user| user.id), found.userid, "{key:?}"),
            Err(refusal) => assert_eq!((key.owner, refusal), (Some(12), Refusal::EmailNotVerified)),
        }
    }
}

async fn odd_rows_are_errors_of_their_own(storage: &Storage, upstream: Upstream) {
    for value in upstream.odd_keys() {
        let error = storage.keys.find(value).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::BadRow, "{value}: {error}");
        assert!(error.to_string().contains(value), "{error}");
        let error = storage.sessions.find(value).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::BadRow, "{value}: {error}");
    }
    // Its owner is gone, or cannot be decoded.
    assert_eq!(storage.sessions.find("s:odd4").await.unwrap(), None);
    let error = storage.sessions.find("s:odd5").await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::BadRow, "{error}");
    for id in upstream.odd_users() {
        let error = storage.users.find_by_id(&UserId::Integer(*id)).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::BadRow, "{error}");
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
    let error = storage.users.find_by_username("odd1").await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::BadRow, "{error}");
    assert_eq!(storage.users.find_id("odd1").await.unwrap(), Some(UserId::Integer(21)));
    let bob = UserId::Integer(7);
    let sessions = storage.keys.list_for_user(Some(&bob), KeyPrefix::Session, None, 99).await;
    // These can be decoded on PostgreSQL.
    let is_listed = |key: &Key| !key.value.starts_with("s:odd") && key.value != "s:infinity";
    let listed = sessions.unwrap().into_iter().filter(is_listed).count();
    let expected = KEYS.iter().filter(|key| key.owner == Some(7) && key.prefix == "s:");
    assert_eq!(listed, expected.count());
}

/// In pages of every size, forwards and backwards.
async fn lists_have_all_other_users(storage: &Storage, upstream: Upstream) {
    let mut expected: Vec<_> = ACCOUNTS.iter().map(|account| account.username).collect();
    expected.sort_unstable();
    for limit in [1, 2, 3, 50] {
        for is_backward in [false, true] {
            let mut names = Vec::new();
            let mut next: Option<String> = None;
            loop {
                let position = match (&next, is_backward) {
                    (None, false) => UserPosition::First,
                    (None, true) => UserPosition::Last,
                    (Some(name), false) => UserPosition::After(name),
                    (Some(name), true) => UserPosition::Before(name),
                };
                let query = UserQuery { position, limit, ..UserQuery::default() };
                let page = storage.users.list(&query).await.unwrap();
                names.extend(page.users.into_iter().map(|user| user.username));
                next = if is_backward { page.previous } else { page.next };
                if next.is_none() {
                    break;
                }
            }
            names.sort_unstable();
            assert_eq!(names, expected, "{upstream:?}, pages of {limit}, {is_backward}");
        }
    }
    for (text, expected) in [("BO", 1), ("odd", 0), ("erin@", 1), ("a", 1), ("Änne O'", 1)] {
        let query = UserQuery { search: Some(text), limit: 50, ..UserQuery::default() };
        let found = storage.users.list(&query).await.unwrap().users;
        assert!(found.len() >= expected, "{upstream:?} {text}: {found:?}");
    }
}

/// Purges expired keys, of which there are some, when no test beside this one does: they share a lock.
pub(crate) async fn purge(storage: &Storage, now: Timestamp) -> u64 {
    loop {
        match storage.keys.purge(now, 100).await.unwrap() {
            0 => tokio::task::yield_now().await,
            purged => return purged,
        }
    }
}

async fn writes_are_possible(storage: &Storage) {
    let mut new = NewUser { email: Some("Zoë@example.com".into()), ..NewUser::named("Zoë") };
    new.extra.insert("Shoe Size".into(), json!(38));
    let secrets = UserSecrets { password: Some("hash".into()), totpsecret: None };
    let zoe = create_user(storage, &new, &secrets).await;
    assert!(zoe.id > UserId::Integer(21), "{:?}", zoe.id);
    let found = storage.users.find_by_username("zoe").await.unwrap().unwrap();
    assert_eq!(found.regardless_of_state().0, zoe);
    let key = Key { expires: Some(NOW), ..Key::new("s:new", Some(zoe.id.clone()), NOW) };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.find("s:new").await.unwrap(), Some(key));

    let expired = KEYS.iter().filter(|key| key.expires == Some(upstream::Moment::Past));
    let purged = purge(storage, NOW).await;
    // And one that expired at the beginning of time, where the engine has it.
    let expected = expired.count() as u64;
    assert!((expected..=expected + 1).contains(&purged), "{purged}");
    assert!(storage.keys.find("s:new").await.unwrap().is_some());

    // Those that refer to him are deleted first.
    let bob = UserId::Integer(7);
    let deleted = storage.users.delete(&bob, Guard::None, &Effects::default()).await.unwrap();
    assert!(matches!(deleted, Deleted::Done(_)), "{deleted:?}");
    assert_eq!(storage.sessions.find("s:permanent").await.unwrap(), None);
    for odd in [21] {
        let id = UserId::Integer(odd);
        let deleted = storage.users.delete(&id, Guard::None, &Effects::default()).await.unwrap();
        assert_eq!(deleted, Deleted::DoneUnreadable);
    }
}
