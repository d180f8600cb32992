//! The list of a million users, as administrators see it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use crossauth_core::storage::{Storage, UserPosition, UserQuery};
use crossauth_core::user::UserState;
use crossauth_storage_sql::sqlite;
use serde::Serialize;
use tokio::runtime;

use crate::progress::say;
use crate::scale::Scale;
use crate::statistic::Rounds;

/// Users on a page.
const PAGE: u32 = 50;

/// How often each page is read in a round.
const READS: u32 = 20;

/// Times of pages, in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct UserList {
    /// How many users there are.
    pub(crate) users: usize,
    /// The first page.
    pub(crate) first: Rounds,
    /// The last page.
    pub(crate) last: Rounds,
    /// A page in the middle, by where the page before ends.
    pub(crate) middle: Rounds,
    /// The first page of a search for a letter with which every name and address begins.
    pub(crate) broad_search: Rounds,
    /// A search for one user, among those who are active.
    pub(crate) narrow_search: Rounds,
    /// The disabled users, who are few.
    pub(crate) disabled: Rounds,
}

/// Reads pages of a database of its own, alternately.
pub(crate) fn measure(scratch: &Path, scale: Scale) -> Result<UserList> {
    let users = scale.listed_users;
    say!("writing {users} users to list");
    let file = scratch.join("users.db");
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        sqlite::open(&file).await?.close().await;
        fill(&file, users)?;
        let database = sqlite::open(&file).await?;
        let list = read(&database.storage(), users, scale.list_rounds).await?;
        database.close().await;
        say!("last page of users: {:.2} of the first one", list.ratio());
        Ok(list)
    })
}

/// Reads pages of these users, and maybe of others, alternately.
pub(crate) async fn read(storage: &Storage, users: usize, rounds: usize) -> Result<UserList> {
    let middle = name(users / 2);
    let one = name(users - 1);
    let all = || UserQuery::first(PAGE);
    let at = |position| UserQuery { position, ..all() };
    let queries = [
        at(UserPosition::First),
        at(UserPosition::Last),
        at(UserPosition::After(&middle)),
        UserQuery { search: Some("p"), ..all() },
        UserQuery { search: Some(&one), state: Some(UserState::Active), ..all() },
        UserQuery { state: Some(UserState::Disabled), ..all() },
    ];
    let mut list = UserList { users, ..UserList::default() };
    for _ in 0..rounds {
        let times = [
            &mut list.first,
            &mut list.last,
            &mut list.middle,
            &mut list.broad_search,
            &mut list.narrow_search,
            &mut list.disabled,
        ];
        for (query, rounds) in queries.iter().zip(times) {
            let start = Instant::now();
            for _ in 0..READS {
                let page = storage.users.list(query).await?;
                ensure!(!page.users.is_empty(), "no users are listed: {query:?}");
            }
            rounds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(READS));
        }
    }
    Ok(list)
}

/// The name of a user.
fn name(number: usize) -> String {
    format!("person{number:07}")
}

/// Writes users directly: a million transactions would take an hour.
fn fill(file: &Path, users: usize) -> Result<()> {
    let insert = format!(
        "WITH RECURSIVE numbers(number) AS
             (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < {users} - 1),
         named AS (SELECT number, printf('person%07d', number) AS name FROM numbers)
         INSERT INTO crossauth_users
             (username, username_normalized, email, email_normalized, state, factor1, factor2, admin)
         SELECT name, name, name || '@example.com', name || '@example.com',
             CASE number % 10000 WHEN 7 THEN 'disabled' ELSE 'active' END, 'localpassword', '', 0
         FROM named"
    );
    rusqlite::Connection::open(file)?.execute_batch(&insert)?;
    Ok(())
}

impl UserList {
    /// The time of the last page relative to that of the first one.
    pub(crate) fn ratio(&self) -> f64 {
        self.last.median() / self.first.median()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_is_read_in_each_round() {
        let scratch = tempfile::tempdir().unwrap();
        let scale = Scale { listed_users: 20_000, list_rounds: 2, ..Scale::QUICK };
        let list = measure(scratch.path(), scale).unwrap();
        for rounds in [&list.first, &list.last, &list.middle, &list.broad_search, &list.disabled] {
            assert!(rounds.min() > 0.0 && rounds.max().is_finite(), "{list:?}");
        }
        assert!(list.ratio() > 0.0);
    }
}
