//! Accounts that are created at the first login of their entries.

use std::sync::Arc;

use crossauth_core::account::{AccountUpdate, Role};
use crossauth_core::directory::{
    DirectoryErrorKind, DirectoryLink, Entry, EntryRef, FirstLogin, LinkingError,
};
use crossauth_core::form::{Field, FieldError, Rule};
use crossauth_core::session::NewSession;
use crossauth_core::user::{FactorName, Patch, UserState};
use crossauth_testkit::directory::entry;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{SECRET, is_logged_in, is_wrong, site, site_with};

#[tokio::test]
async fn first_login_creates_an_account_as_the_entry_says() {
    let (site, directory) = site();
    directory.change("id-bob", |entry| {
        entry.email = Some("Bob@example.com".into());
        entry.admin = Some(true);
        entry.fields.insert("phone".into(), json!("+44 1"));
        entry.fields.insert("room".into(), json!(null));
        entry.fields.insert("state".into(), json!("disabled"));
    });
    let bob = site.enter("BOB", SECRET).await.user.unwrap();
    assert_eq!((bob.username.as_str(), bob.email.as_deref()), ("bob", Some("Bob@example.com")));
    assert_eq!((bob.factor1, bob.factor2, bob.admin), (FactorName::LDAP, None, true));
    assert_eq!((bob.state, Value::from(bob.extra)), (UserState::Active, json!({"phone": "+44 1"})));
    assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-bob")));
    assert_eq!(site.enter("bob", SECRET).await.user.unwrap().id, bob.id);
    assert!(is_wrong(&site.log_in("carol", SECRET).await), "there is no such entry");
}

#[tokio::test]
async fn without_that_setting_an_administrator_creates_accounts_and_unknown_names_are_not_asked_for()
 {
    let (site, directory) = site_with(FirstLogin::NeedsAccount, |_| {});
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    assert_eq!(directory.take_calls(), [""; 0]);
    let bob = site.directory().create(EntryRef::named("bob")).await.unwrap();
    assert_eq!(bob.factor1, FactorName::LDAP);
    assert_eq!(site.enter("bob", SECRET).await.user.unwrap().id, bob.id);
    let again = site.directory().create(EntryRef::named("bob")).await;
    assert!(matches!(again, Err(LinkingError::Taken)), "{again:?}");
    let unknown = site.directory().create(EntryRef::named("carol")).await;
    assert!(matches!(unknown, Err(LinkingError::NoSuchEntry)), "{unknown:?}");
}

#[tokio::test]
async fn two_first_logins_at_once_create_one_account() {
    for second in ["bob", "robert"] {
        let (site, directory) = site();
        directory.alias("id-bob", "robert");
        let slot: Arc<Mutex<Option<NewSession>>> = Arc::default();
        let (inside, filled) = (site.clone(), slot.clone());
        directory.during_next_call(move || async move {
            *filled.lock().await = Some(inside.enter(second, SECRET).await);
        });
        let outer = site.enter("bob", SECRET).await;
        let inner = slot.lock().await.take().unwrap();
        assert_eq!(outer.user.as_ref().unwrap().id, inner.user.as_ref().unwrap().id);
        assert!(site.is_accepted(&outer).await && site.is_accepted(&inner).await);
        assert_eq!(site.count_users().await, 1);
    }
}

#[tokio::test]
async fn address_of_another_account_is_left_out() {
    let (site, directory) = site();
    let ann = site.account("ann@example.com", Role::User).await;
    directory.change("id-bob", |entry| entry.email = Some("Ann@example.com".into()));
    assert_eq!(site.enter("bob", SECRET).await.user.unwrap().email, None);
    site.auth.accounts.delete(&ann).await.unwrap();
    let email = site.enter("bob", SECRET).await.user.unwrap().email;
    assert_eq!(email.as_deref(), Some("Ann@example.com"), "it is free now");
}

#[tokio::test]
async fn entry_whose_name_is_the_address_of_another_account_gets_no_account() {
    let (site, directory) = site();
    directory.add(entry("ann@example.com"), SECRET);
    directory.alias("id-ann@example.com", "annie");
    let ann = site.account("ann", Role::User).await;
    let email = Patch::Set("ann@example.com".into());
    let update = AccountUpdate { email, ..AccountUpdate::default() };
    site.auth.accounts.update(&ann, update).await.unwrap();
    for name in ["ann@example.com", "annie"] {
        assert!(is_wrong(&site.log_in(name, SECRET).await), "{name}");
    }
    site.auth.accounts.delete(&ann).await.unwrap();
    assert!(is_logged_in(&site.log_in("annie", SECRET).await));
}

#[tokio::test]
async fn rules_of_the_application_hold_for_entries() {
    let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
        config.hooks.validate_user = Some(Arc::new(|user| match user.email {
            Some(_) => Vec::new(),
            None => vec![FieldError::new(Field::Email, Rule::Missing)],
        }));
    });
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    assert!(site.user("bob").await.is_none());
    directory.change("id-bob", |entry| entry.email = Some("bob@example.com".into()));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn names_that_no_account_can_have_get_none() {
    let (site, directory) = site();
    for name in ["", "a\u{200b}b", "bob\u{0}"] {
        let mut odd = entry(name);
        odd.id = "id-odd".into();
        directory.add(odd, SECRET);
        directory.alias("id-odd", "odd");
        assert!(is_wrong(&site.log_in("odd", SECRET).await), "{name:?}");
        directory.remove("id-odd");
    }
    directory.alias("id-bob", "odd");
    assert!(is_logged_in(&site.log_in("odd", SECRET).await));
}

/// Such as an imported account before its first login.
#[tokio::test]
async fn account_that_is_linked_by_its_name_is_that_of_the_only_entry_with_this_name() {
    let guest = || Entry { id: "id-guest".into(), ..entry("bob") };
    let (site, directory) = site();
    let bob = site.stored("bob", None).await;
    directory.add(guest(), "Guest-horse-11");
    directory.alias("id-guest", "guest@example.com");
    assert!(
        is_wrong(&site.log_in("guest@example.com", "Guest-horse-11").await),
        "two have the name"
    );
    let taken = site.directory().refusal_of_name(&bob, &guest()).await.unwrap();
    assert!(taken.is_some());
    directory.remove("id-bob");
    directory.add(entry("bob"), SECRET);
    directory.remove("id-guest");
    assert_eq!(site.enter("bob", SECRET).await.user.unwrap().id, bob.id);
    assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-bob")));
}

#[tokio::test]
async fn entry_whose_name_cannot_be_asked_for_takes_no_account_by_another_name() {
    let (site, directory) = site();
    site.stored("bob", None).await;
    directory.alias("id-bob", "robert");
    let failing = directory.clone();
    // The password is verified, and then the directory shows no entry.
    directory.during_next_call(move || async move {
        failing.fail(DirectoryErrorKind::Configuration);
    });
    assert!(is_wrong(&site.log_in("robert", SECRET).await));
    directory.recover();
    assert_eq!(site.link("bob").await, Some(DirectoryLink::Name));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}
