//! Lists of users: which users, and which page.

use crate::account::Role;
use crate::user::{User, UserState};

/// How many of the e-mail addresses that begin with a searched text are looked at. Usernames have no
/// such limit.
///
/// The list is ordered by username, so a store must find all matching addresses before it knows the
/// first page. The limit keeps that quick where a million addresses begin with the same letter.
pub const MAX_MATCHED_ADDRESSES: u32 = 1000;

/// Which users to list, and which page of them.
///
/// A store finds each page by an index, so that the last page of a million users is found as quickly
/// as the first one, with the exception of [`UserPosition::Skip`] and of tables of other programs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserQuery<'a> {
    /// Only users whose username or e-mail address begins with this text, in any form that
    /// normalizes to the same. Of addresses, the first [`MAX_MATCHED_ADDRESSES`] are looked at. Empty
    /// text is the same as `None`.
    pub search: Option<&'a str>,
    /// Only users in this state.
    pub state: Option<UserState>,
    /// Only administrators, or only ordinary users.
    pub role: Option<Role>,
    /// Where the page is.
    pub position: UserPosition<'a>,
    /// Maximum number of users.
    pub limit: u32,
}

impl UserQuery<'_> {
    /// The first page of all users.
    pub fn first(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// Where a page of users is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserPosition<'a> {
    /// At the beginning.
    #[default]
    First,
    /// At the end.
    Last,
    /// After this normalized username, the [`next`](UserPage::next) of another page.
    After(&'a str),
    /// Before this normalized username, the [`previous`](UserPage::previous) of another page.
    Before(&'a str),
    /// After this number of users. The time grows with the number.
    Skip(u32),
}

/// A page of a list of users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserPage {
    /// The users, without those whose row cannot be decoded.
    pub users: Vec<User>,
    /// The normalized usernames of the rows between them that cannot be decoded, as far as these can
    /// be.
    pub unreadable: Vec<String>,
    /// The normalized username [before](UserPosition::Before) which the previous page ends; `None` if
    /// this is the first page, or if it is empty.
    pub previous: Option<String>,
    /// The normalized username [after](UserPosition::After) which the next page starts; `None` if
    /// this is the last page, or if it is empty.
    pub next: Option<String>,
}

impl UserPage {
    /// For stores: makes a page of the rows that were found, each a normalized username and what was
    /// decoded of it. The rows are in the order in which they were looked for, backwards for
    /// [`Last`](UserPosition::Last) and [`Before`](UserPosition::Before), and one more than the limit
    /// if there are more.
    pub fn of_rows(mut rows: Vec<(Option<String>, Option<User>)>, query: &UserQuery<'_>) -> Self {
        let limit = query.limit as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let is_backward = query.position.is_backward();
        if is_backward {
            rows.reverse();
        }
        let follows = match query.position {
            UserPosition::First | UserPosition::Last | UserPosition::Skip(0) => false,
            UserPosition::After(_) | UserPosition::Before(_) | UserPosition::Skip(_) => true,
        };
        let (has_previous, has_next) =
            if is_backward { (has_more, follows) } else { (follows, has_more) };
        let name = |row: Option<&(Option<String>, Option<User>)>| row.and_then(|row| row.0.clone());
        let previous = name(rows.first()).filter(|_| has_previous);
        let next = name(rows.last()).filter(|_| has_next);
        let (mut users, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for (name, user) in rows {
            match user {
                Some(user) => users.push(user),
                None => unreadable.extend(name),
            }
        }
        Self { users, unreadable, previous, next }
    }
}

impl<'q> UserPosition<'q> {
    /// Whether the page is found from its end.
    pub fn is_backward(self) -> bool {
        match self {
            Self::Last | Self::Before(_) => true,
            Self::First | Self::After(_) | Self::Skip(_) => false,
        }
    }

    /// The username that the position names, if it names one.
    pub(crate) fn name(self) -> Option<&'q str> {
        match self {
            Self::After(name) | Self::Before(name) => Some(name),
            Self::First | Self::Last | Self::Skip(_) => None,
        }
    }
}
