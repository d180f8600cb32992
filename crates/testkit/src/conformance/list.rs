//! Rules for lists of users.

use crossauth_core::account::Role;
use crossauth_core::storage::{Storage, UserPage, UserPosition, UserQuery};
use crossauth_core::user::{NewUser, UserSecrets, UserState};

use super::sample::{HOSTILE, create, create_admin, create_named};

/// The usernames of a page, and where the pages before and after it are.
async fn page(
    storage: &Storage,
    query: UserQuery<'_>,
) -> (Vec<String>, Option<String>, Option<String>) {
    let UserPage { users, previous, next, unreadable: _ } =
        storage.users.list(&query).await.unwrap();
    (users.into_iter().map(|user| user.username).collect(), previous, next)
}

async fn names_of(storage: &Storage, query: UserQuery<'_>) -> Vec<String> {
    page(storage, query).await.0
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

fn at(position: UserPosition<'_>, limit: u32) -> UserQuery<'_> {
    UserQuery { position, ..UserQuery::first(limit) }
}

/// Pages are ordered by normalized username, without gap or overlap, forwards and backwards.
pub(super) async fn users_are_listed_in_pages(storage: &Storage) {
    use UserPosition::{After, Before, First, Last, Skip};
    assert_eq!(page(storage, at(First, 10)).await, (Vec::new(), None, None));
    assert_eq!(page(storage, at(Last, 10)).await, (Vec::new(), None, None));
    for name in ["Dave", "alice", "Carol", "bob", "eve"] {
        create_named(storage, name).await;
    }
    let some = |name: &str| Some(name.to_owned());
    for (query, expected) in [
        (at(First, 2), (names(["alice", "bob"]), None, some("bob"))),
        (at(After("bob"), 2), (names(["Carol", "Dave"]), some("carol"), some("dave"))),
        (at(After("dave"), 2), (names(["eve"]), some("eve"), None)),
        (at(After("carol"), 2), (names(["Dave", "eve"]), some("dave"), None)),
        (at(After("bobby"), 1), (names(["Carol"]), some("carol"), some("carol"))),
        (at(After("eve"), 2), (Vec::new(), None, None)),
        (at(Last, 2), (names(["Dave", "eve"]), some("dave"), None)),
        (at(Before("dave"), 2), (names(["bob", "Carol"]), some("bob"), some("carol"))),
        (at(Before("bob"), 2), (names(["alice"]), None, some("alice"))),
        (at(Before("carol"), 2), (names(["alice", "bob"]), None, some("bob"))),
        (at(Before("alice"), 2), (Vec::new(), None, None)),
        (at(Skip(0), 2), (names(["alice", "bob"]), None, some("bob"))),
        (at(Skip(2), 2), (names(["Carol", "Dave"]), some("carol"), some("dave"))),
        (at(Skip(4), 2), (names(["eve"]), some("eve"), None)),
        (at(Skip(5), 2), (Vec::new(), None, None)),
        (at(First, 0), (Vec::new(), None, None)),
        (at(First, 5), (names(["alice", "bob", "Carol", "Dave", "eve"]), None, None)),
    ] {
        let shown = format!("{query:?}");
        assert_eq!(page(storage, query).await, expected, "{shown}");
    }
    assert_eq!(names_of(storage, at(First, u32::MAX)).await.len(), 5);
}

/// Users are found by the beginning of the username or of the address, in any spelling.
pub(super) async fn users_are_found_by_the_beginning_of_name_or_address(storage: &Storage) {
    for (name, address) in [
        ("bob", Some("Robert@example.com")),
        ("bobby", None),
        ("alice", Some("bob.senior@example.com")),
        ("Rob", Some("rob@example.org")),
        ("carol", Some("carol@example.com")),
        ("%b_", None),
    ] {
        let new = NewUser { email: address.map(str::to_owned), ..NewUser::named(name) };
        create(storage, &new, &UserSecrets::default()).await;
    }
    let find = |text| UserQuery { search: Some(text), ..UserQuery::first(10) };
    for (text, expected) in [
        ("bob", names(["alice", "bob", "bobby"])),
        ("BOB", names(["alice", "bob", "bobby"])),
        ("bobb", names(["bobby"])),
        ("rob", names(["bob", "Rob"])),
        ("robert@EX", names(["bob"])),
        ("carol@example.com", names(["carol"])),
        ("ob", Vec::new()),
        ("%", names(["%b_"])),
        ("_", Vec::new()),
        ("example", Vec::new()),
        ("' OR 1=1 --", Vec::new()),
        ("", names(["%b_", "alice", "bob", "bobby", "carol", "Rob"])),
    ] {
        assert_eq!(names_of(storage, find(text)).await, expected, "{text:?}");
    }
    let some = |name: &str| Some(name.to_owned());
    let paged = |position| UserQuery { search: Some("bob"), ..at(position, 2) };
    for (position, expected) in [
        (UserPosition::First, (names(["alice", "bob"]), None, some("bob"))),
        (UserPosition::After("bob"), (names(["bobby"]), some("bobby"), None)),
        (UserPosition::Last, (names(["bob", "bobby"]), some("bob"), None)),
        (UserPosition::Before("bob"), (names(["alice"]), None, some("alice"))),
        (UserPosition::Skip(1), (names(["bob", "bobby"]), some("bob"), None)),
    ] {
        assert_eq!(page(storage, paged(position)).await, expected, "{position:?}");
    }
}

/// Text that is searched is never a pattern or SQL.
pub(super) async fn hostile_text_is_found(storage: &Storage) {
    for text in HOSTILE {
        create_named(storage, text).await;
    }
    for text in HOSTILE {
        let found = UserQuery { search: Some(text), ..UserQuery::first(10) };
        assert_eq!(names_of(storage, found).await, names([text]), "{text:?}");
    }
}

/// A list may have the users of one state or role only, together with a search.
pub(super) async fn users_are_listed_by_state_and_role(storage: &Storage) {
    let in_state = |name: &str, state| NewUser { state, ..NewUser::named(name) };
    for new in [
        in_state("alice", UserState::Disabled),
        in_state("bob", UserState::Active),
        in_state("bart", UserState::Disabled),
        in_state("carol", UserState::PasswordResetNeeded),
        NewUser { admin: true, ..in_state("dave", UserState::Disabled) },
    ] {
        create(storage, &new, &UserSecrets::default()).await;
    }
    create_admin(storage, "root").await;
    let all = || UserQuery::first(10);
    let (disabled, admins) = (Some(UserState::Disabled), Some(Role::Administrator));
    let with = |state: &Option<UserState>, role| UserQuery { state: state.clone(), role, ..all() };
    for (query, expected) in [
        (with(&disabled, None), names(["alice", "bart", "dave"])),
        (with(&disabled, admins), names(["dave"])),
        (with(&disabled, Some(Role::User)), names(["alice", "bart"])),
        (with(&None, admins), names(["dave", "root"])),
        (with(&None, Some(Role::User)), names(["alice", "bart", "bob", "carol"])),
        (with(&Some(UserState::from("onholiday")), None), Vec::new()),
        (UserQuery { search: Some("b"), ..with(&disabled, None) }, names(["bart"])),
        (UserQuery { search: Some("d"), ..with(&None, admins) }, names(["dave"])),
        (
            UserQuery { position: UserPosition::After("alice"), ..with(&disabled, None) },
            names(["bart", "dave"]),
        ),
    ] {
        let shown = format!("{query:?}");
        assert_eq!(names_of(storage, query).await, expected, "{shown}");
    }
}
