//! Links between accounts and entries, by an administrator.

use crossauth_core::account::{AccountError, Role};
use crossauth_core::directory::{DirectoryErrorKind, DirectoryLink, LinkingError};
use crossauth_core::secret::Password;
use crossauth_core::user::{FactorName, UserState};
use crossauth_testkit::directory::entry;

use super::{SECRET, is_logged_in, is_wrong, site};
use crate::site::{OTHER, PASSWORD};

#[tokio::test]
async fn link_ends_sessions_and_the_local_password_and_is_recorded() {
    let (site, _directory) = site();
    site.account("bob", Role::User).await;
    let session = site.session("bob").await;
    let bob = site.directory().link("bob", None).await.unwrap();
    assert_eq!(bob.factor1, FactorName::LDAP);
    assert!(!site.is_accepted(&session).await);
    assert!(is_wrong(&site.log_in("bob", PASSWORD).await));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
    assert_eq!(site.directory().entry_of("bob").await.unwrap().as_deref(), Some("id-bob"));
    assert!(site.acts("bob").await.contains(&"user.linked".to_owned()));
    site.directory().link("bob", None).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await), "to link again changes nothing");
}

#[tokio::test]
async fn unlinked_account_has_no_password_before_one_is_set() {
    let (site, _directory) = site();
    let session = site.enter("bob", SECRET).await;
    site.directory().unlink("bob").await.unwrap();
    assert!(!site.is_accepted(&session).await);
    for password in [SECRET, "", "DISABLED", "ldap:id-bob"] {
        assert!(is_wrong(&site.log_in("bob", password).await), "{password}");
    }
    site.auth.accounts.set_password("bob", Password::new(OTHER)).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", OTHER).await));
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    assert!(site.acts("bob").await.contains(&"user.unlinked".to_owned()));
    let again = site.directory().unlink("bob").await;
    assert!(matches!(again, Err(LinkingError::NotLinked)), "{again:?}");
    site.directory().link("bob", None).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn entry_belongs_to_one_account() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    site.account("ann", Role::User).await;
    let taken = site.directory().link("ann", Some("id-bob")).await;
    assert!(matches!(taken, Err(LinkingError::Taken)), "{taken:?}");
    assert!(is_logged_in(&site.log_in("ann", PASSWORD).await), "nothing was changed");
    site.directory().unlink("bob").await.unwrap();
    let linked = site.directory().link("ann", Some("id-bob")).await.unwrap();
    assert_eq!(linked.username, "ann", "another account has the name of the entry");
    assert!(is_logged_in(&site.log_in("ann", SECRET).await));
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    directory.add(entry("carol"), SECRET);
    site.directory().link("bob", Some("id-carol")).await.unwrap();
    assert_eq!(site.link("carol").await, Some(DirectoryLink::to_entry("id-carol")));
}

/// As an entry is found by each of its addresses, which its user may set.
#[tokio::test]
async fn entry_with_another_username_is_linked_only_by_its_id() {
    let (site, directory) = site();
    site.account("ann", Role::Administrator).await;
    directory.add(entry("mallory"), SECRET);
    directory.alias("id-mallory", "ann");
    match site.directory().link("ann", None).await {
        Err(LinkingError::OtherName { username, id }) => {
            assert_eq!((username.as_str(), id.as_str()), ("mallory", "id-mallory"));
        }
        other => panic!("{other:?}"),
    }
    assert!(is_logged_in(&site.log_in("ann", PASSWORD).await), "nothing was changed");
    assert!(!is_logged_in(&site.log_in("ann", SECRET).await));
    let linked = site.directory().link("ann", Some("id-mallory")).await.unwrap();
    assert_eq!(linked.username, "mallory");
}

#[tokio::test]
async fn account_of_a_former_entry_is_linked_to_the_new_one_of_its_name_only_by_its_id() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    directory.remove("id-bob");
    let mut new = entry("bob");
    new.id = "id-new".into();
    directory.add(new, OTHER);
    let refused = site.directory().link("bob", None).await;
    match refused {
        Err(LinkingError::OtherEntry { linked, id }) => {
            assert_eq!((linked.as_str(), id.as_str()), ("id-bob", "id-new"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-bob")));
    assert!(is_wrong(&site.log_in("bob", OTHER).await));
    site.directory().link("bob", Some("id-new")).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", OTHER).await));
}

#[tokio::test]
async fn what_cannot_be_linked_is_not_changed() {
    let (site, directory) = site();
    site.account("ann", Role::User).await;
    let unknown = site.directory().link("unknown", None).await;
    assert!(matches!(unknown, Err(LinkingError::NoSuchUser)), "{unknown:?}");
    let without = site.directory().link("ann", None).await;
    assert!(matches!(without, Err(LinkingError::NoSuchEntry)), "{without:?}");
    directory.fail(DirectoryErrorKind::Unreachable);
    let failed = site.directory().link("ann", Some("id-bob")).await;
    assert!(matches!(failed, Err(LinkingError::Directory(_))), "{failed:?}");
    assert!(is_logged_in(&site.log_in("ann", PASSWORD).await));
}

#[tokio::test]
async fn administrators_set_no_password_of_an_account_of_the_directory() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    let refused = site.auth.accounts.set_password("bob", Password::new(OTHER)).await;
    assert!(matches!(refused, Err(AccountError::DirectoryPassword)), "{refused:?}");
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
    assert!(site.auth.accounts.details("bob").await.unwrap().unwrap().has_password);
    directory.take_calls();
    site.account("ann", Role::User).await;
    site.auth.accounts.set_password("ann", Password::new(OTHER)).await.unwrap();
    assert_eq!(site.user("ann").await.unwrap().state, UserState::Active);
    assert_eq!(directory.take_calls(), [""; 0]);
}
