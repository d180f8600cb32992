//! Usernames and addresses of entries, which local accounts do not get.

use std::sync::Arc;

use crossauth_core::account::{AccountError, AccountUpdate, NamesOfEntries, NewAccount, Role};
use crossauth_core::directory::{Directory as _, DirectoryConfig, DirectoryErrorKind, FirstLogin};
use crossauth_core::form::{Field, FieldError, Rule};
use crossauth_core::profile::{ProfileChange, ProfileUpdate};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::{Normalization, Patch};
use crossauth_core::{Auth, AuthConfig, AuthConfigError, Sources};
use crossauth_testkit::clock::FixedClock;
use crossauth_testkit::directory::{ScriptedDirectory, entry};
use crossauth_testkit::random::SeededRandom;
use serde_json::json;

use super::{SECRET, is_logged_in, site, site_with};
use crate::site::{PASSWORD, Site, form};

#[tokio::test]
async fn visitors_cannot_sign_up_with_the_name_of_an_entry() {
    let (site, directory) = site();
    let sign_up = |name: &str| site.auth.signup.sign_up(SignupRequest::new(form(name, PASSWORD)));
    let taken = sign_up("BOB").await.unwrap_err();
    let AccountError::Form(errors) = taken else { panic!("{taken:?}") };
    assert_eq!(errors, [FieldError::new(Field::Username, Rule::Taken)]);
    assert!(matches!(sign_up("ann").await, Ok(SignupOutcome::LoggedIn(_))));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
    directory.fail(DirectoryErrorKind::Unreachable);
    let failed = sign_up("carol").await;
    assert!(matches!(failed, Err(AccountError::Directory(_))), "{failed:?}");
    assert!(site.user("carol").await.is_none());

    let (site, directory) = site_with(FirstLogin::NeedsAccount, |_| {});
    let outcome = site.auth.signup.sign_up(SignupRequest::new(form("bob", PASSWORD))).await;
    assert!(matches!(outcome, Ok(SignupOutcome::LoggedIn(_))), "{outcome:?}");
    assert_eq!(directory.take_calls(), [""; 0], "an administrator decides who has which account");
}

/// A site where users set their addresses, which are not verified, with an entry that has a login name,
/// a username and an address of its own, and one of two with the same name.
fn named() -> (Arc<Site>, ScriptedDirectory) {
    let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
        config.signup.editable_fields = vec!["email".into()];
    });
    directory.change("id-bob", |entry| entry.email = Some("bob@example.com".into()));
    directory.alias("id-bob", "robert");
    for number in ["1", "2"] {
        let mut twin = entry("twin");
        twin.id.push_str(number);
        directory.add(twin, SECRET);
    }
    (site, directory)
}

fn wrong_field(error: &AccountError) -> &Field {
    let AccountError::Form(errors) = error else { panic!("{error:?}") };
    assert_eq!(errors.len(), 1, "{errors:?}");
    &errors[0].field
}

/// The names and addresses that entries have, in any spelling.
const OF_ENTRIES: [(&str, &str, Field); 5] = [
    ("BOB", "x@example.com", Field::Username),
    ("robert", "x@example.com", Field::Username),
    ("twin", "x@example.com", Field::Username),
    ("bob@example.com", "bob@example.org", Field::Username),
    ("carol", "Bob@Example.com", Field::Email),
];

#[tokio::test]
async fn visitors_cannot_sign_up_with_what_an_entry_has() {
    let (site, _directory) = named();
    for (name, email, field) in OF_ENTRIES {
        let mut form = form(name, PASSWORD);
        form.fields.insert("email".into(), json!(email));
        let refused = site.auth.signup.sign_up(SignupRequest::new(form)).await.unwrap_err();
        assert_eq!(*wrong_field(&refused), field, "{name} {email}");
    }
    assert_eq!(site.count_users().await, 0);
}

#[tokio::test]
async fn administrators_create_and_rename_no_local_account_to_what_an_entry_has() {
    let (site, directory) = named();
    let ann = site.account("ann", Role::User).await;
    let new = |name: &str, email: &str| {
        let mut new = NewAccount::named(name);
        new.password = Some(Password::new(PASSWORD));
        new.fields.insert("email".into(), json!(email));
        new
    };
    for (name, email, field) in OF_ENTRIES {
        let refused = site.auth.accounts.create_account(new(name, email)).await.unwrap_err();
        assert_eq!(*wrong_field(&refused), field, "{name} {email}");
        let update = AccountUpdate {
            username: Some(name.into()),
            email: Patch::Set(email.into()),
            ..AccountUpdate::default()
        };
        let refused = site.auth.accounts.edit(&ann, update, None).await.unwrap_err();
        assert_eq!(*wrong_field(&refused), field, "{name} {email}");
    }
    directory.fail(DirectoryErrorKind::Unreachable);
    assert!(site.auth.accounts.create_account(new("eve", "eve@example.com")).await.is_ok());
    directory.recover();
    let allowed =
        NewAccount { names_of_entries: NamesOfEntries::Allowed, ..new("robert", "r@example.com") };
    assert!(site.auth.accounts.create_account(allowed).await.is_ok());
    // What an account has already may be written in another way.
    let update = AccountUpdate { username: Some("Robert".into()), ..AccountUpdate::default() };
    assert!(site.auth.accounts.edit("robert", update, None).await.is_ok());
}

#[tokio::test]
async fn account_of_the_directory_may_have_what_its_entry_has() {
    let (site, _directory) = named();
    site.enter("bob", SECRET).await;
    let update = AccountUpdate { username: Some("robert".into()), ..AccountUpdate::default() };
    assert!(site.auth.accounts.edit("bob", update, None).await.is_ok());
}

#[tokio::test]
async fn user_does_not_change_the_address_to_that_of_an_entry_where_none_is_verified() {
    let (site, directory) = named();
    site.account("ann", Role::User).await;
    let cookie = site.session("ann").await.cookie;
    let session = site.auth.sessions.check(&cookie).await.unwrap();
    let update = |email: &str| {
        let mut update = ProfileUpdate::default();
        update.fields.insert("email".into(), json!(email));
        update
    };
    let refused = site.auth.profile.update(&session, update("BOB@example.com")).await.unwrap_err();
    assert_eq!(*wrong_field(&refused), Field::Email);
    let changed = site.auth.profile.update(&session, update("ann@example.com")).await;
    assert!(matches!(changed, Ok(ProfileChange::Done(_))), "{changed:?}");
    directory.fail(DirectoryErrorKind::Unreachable);
    let failed = site.auth.profile.update(&session, update("bob@example.com")).await;
    assert!(matches!(failed, Err(AccountError::Directory(_))), "{failed:?}");
}

/// Otherwise users could give themselves any role.
#[test]
fn field_of_the_roles_cannot_be_edited_by_users() {
    for (field, is_refused) in [("roles", true), ("phone", false)] {
        let directory = ScriptedDirectory::default();
        directory.give_roles_in("roles");
        assert_eq!(directory.roles_field().as_deref(), Some("roles"));
        let mut config =
            AuthConfig::new(ServerSecret::new("a secret of tests, known to all").unwrap());
        config.directory = Some(DirectoryConfig::new(Arc::new(directory)));
        config.signup.editable_fields = vec!["email".into(), field.into()];
        let storage = MemoryStorage::new(Normalization::Nfkc).storage();
        let (clock, random) = (FixedClock::default(), SeededRandom::default());
        let sources = Sources { clock: Arc::new(clock), random: Arc::new(random) };
        let built = Auth::new(config, &storage, &sources);
        let is_error = matches!(built, Err(AuthConfigError::EditableRoles(_)));
        assert_eq!(is_error, is_refused, "{field}");
    }
}
