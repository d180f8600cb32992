//! A directory in memory that a test scripts: its entries, how it fails, and what happens while it is
//! asked.
//!
//! ```
//! use crossauth_core::directory::{Directory, DirectoryErrorKind, EntryRef, Verified};
//! use crossauth_core::secret::Password;
//! use crossauth_testkit::directory::{ScriptedDirectory, entry};
//!
//! # async fn example() {
//! let directory = ScriptedDirectory::default();
//! directory.add(entry("bob"), "secret");
//! let (bob, password) = (EntryRef::named("bob"), Password::new("secret"));
//! assert!(matches!(directory.verify(bob, &password).await, Ok(Verified::Match(_))));
//! directory.fail(DirectoryErrorKind::TimedOut);
//! assert!(directory.verify(bob, &password).await.is_err());
//! assert_eq!(directory.take_calls(), ["verify bob", "verify bob"]);
//! # }
//! ```

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::directory::{
    Directory, DirectoryError, DirectoryErrorKind, Entry, EntryRef, EntryRefusal, Found,
    PasswordSet, Standing, Verified,
};
use crossauth_core::secret::Password;
use crossauth_core::user::FactorName;
use parking_lot::Mutex;
use serde_json::Map;

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens while the directory is asked, once.
type Interruption = Box<dyn FnOnce() -> BoxFuture + Send>;

/// What the directory answers to the correct password of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Answer {
    /// The entry may log in.
    #[default]
    Match,
    /// The password must be changed.
    MustChange,
    /// The password must be changed, and the entry cannot be read before: until then it is found by
    /// its name only.
    MustChangeUnread,
    /// The entry may not log in.
    Refused(EntryRefusal),
    /// The password is called wrong, for this reason.
    Mismatch(EntryRefusal),
}

/// What the directory answers to a change of a password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Changes {
    #[default]
    Allowed,
    Answered(PasswordSet),
}

/// A directory. Clones share their state.
#[derive(Clone, Default)]
pub struct ScriptedDirectory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    entries: Vec<Scripted>,
    failure: Option<DirectoryErrorKind>,
    changes: Changes,
    roles_field: Option<String>,
    calls: Vec<String>,
    interruption: Option<Interruption>,
}

#[derive(Clone)]
struct Scripted {
    entry: Entry,
    names: Vec<String>,
    password: String,
    answer: Answer,
    is_unusable: bool,
}

impl std::fmt::Debug for ScriptedDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptedDirectory")
    }
}

/// An entry with this username, whose id is `id-` and the name.
pub fn entry(username: &str) -> Entry {
    Entry {
        id: format!("id-{username}"),
        dn: format!("uid={username},ou=people,dc=example,dc=com"),
        username: username.to_owned(),
        email: None,
        fields: Map::new(),
        admin: None,
        standing: Standing::Active,
    }
}

impl ScriptedDirectory {
    /// Adds an entry, which is found by its username.
    pub fn add(&self, entry: Entry, password: &str) {
        let (names, password) = (vec![entry.username.clone()], password.to_owned());
        let answer = Answer::default();
        self.0.lock().entries.push(Scripted { entry, names, password, answer, is_unusable: false });
    }

    /// Changes the entry with this id; it is found by its new username.
    ///
    /// # Panics
    ///
    /// If there is no such entry.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Entry)) {
        self.scripted(id, |scripted| {
            let old = scripted.entry.username.clone();
            change(&mut scripted.entry);
            scripted.names.retain(|name| *name != old);
            scripted.names.push(scripted.entry.username.clone());
        });
    }

    /// Gives the entry with this id one more name by which it is found.
    ///
    /// # Panics
    ///
    /// If there is no such entry.
    pub fn alias(&self, id: &str, name: &str) {
        self.scripted(id, |scripted| scripted.names.push(name.to_owned()));
    }

    /// Decides the answer to the correct password of the entry with this id.
    ///
    /// # Panics
    ///
    /// If there is no such entry.
    pub fn answer(&self, id: &str, answer: Answer) {
        self.scripted(id, |scripted| scripted.answer = answer);
    }

    /// Makes the entry with this id one of which only a password can be verified: what is read of it
    /// cannot be used.
    ///
    /// # Panics
    ///
    /// If there is no such entry.
    pub fn make_unusable(&self, id: &str) {
        self.scripted(id, |scripted| scripted.is_unusable = true);
    }

    /// Removes the entry with this id.
    pub fn remove(&self, id: &str) {
        self.0.lock().entries.retain(|scripted| scripted.entry.id != id);
    }

    /// Makes all further calls fail.
    pub fn fail(&self, kind: DirectoryErrorKind) {
        self.0.lock().failure = Some(kind);
    }

    /// Ends the failing of calls.
    pub fn recover(&self) {
        self.0.lock().failure = None;
    }

    /// Decides the answer to changes of passwords, which then change nothing.
    pub fn answer_changes(&self, answer: PasswordSet) {
        self.0.lock().changes = Changes::Answered(answer);
    }

    /// Says that groups write roles into this application field.
    pub fn give_roles_in(&self, field: &str) {
        self.0.lock().roles_field = Some(field.to_owned());
    }

    /// Lets something happen during the next call, before its answer.
    pub fn during_next_call<F>(&self, happening: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.lock().interruption = Some(Box::new(|| Box::pin(happening())));
    }

    /// The calls since the last call of this function: the method and the name or id of each entry.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().calls)
    }

    #[expect(clippy::panic, reason = "a test fails by panicking")]
    fn scripted(&self, id: &str, change: impl FnOnce(&mut Scripted)) {
        let mut state = self.0.lock();
        let found = state.entries.iter_mut().find(|scripted| scripted.entry.id == id);
        change(found.unwrap_or_else(|| panic!("there is no entry {id}")));
    }

    /// Records a call, and fails or is interrupted as scripted.
    async fn begin(&self, call: &str, entries: &[EntryRef<'_>]) -> Result<(), DirectoryError> {
        let (failure, interruption) = {
            let mut state = self.0.lock();
            let names = entries.iter().map(|entry| entry.id.unwrap_or(entry.name));
            let names: Vec<_> = names.collect();
            state.calls.push(format!("{call} {}", names.join(" ")));
            (state.failure, state.interruption.take())
        };
        if let Some(interruption) = interruption {
            interruption().await;
        }
        failure.map_or(Ok(()), |kind| Err(DirectoryError::new(kind, "as the test says")))
    }

    fn matching(&self, wanted: EntryRef<'_>) -> Vec<Scripted> {
        let matches = |scripted: &&Scripted| match wanted.id {
            Some(id) if scripted.entry.id == id => true,
            // Nothing but its name says which entry it is.
            Some(_) if scripted.answer != Answer::MustChangeUnread => false,
            Some(_) | None => {
                scripted.names.iter().any(|name| name.eq_ignore_ascii_case(wanted.name))
            }
        };
        self.0.lock().entries.iter().filter(matches).cloned().collect()
    }
}

#[async_trait]
impl Directory for ScriptedDirectory {
    fn factor(&self) -> FactorName {
        FactorName::LDAP
    }

    /// What any of its entries has.
    fn provides(&self, field: &str) -> bool {
        let has = |scripted: &Scripted| match field {
            "admin" => scripted.entry.admin.is_some(),
            field => scripted.entry.fields.contains_key(field),
        };
        matches!(field, "username" | "email") || self.0.lock().entries.iter().any(has)
    }

    async fn verify(
        &self,
        entry: EntryRef<'_>,
        password: &Password,
    ) -> Result<Verified, DirectoryError> {
        self.begin("verify", &[entry]).await?;
        let found = self.matching(entry);
        let [scripted] = &found[..] else {
            let reason = (!found.is_empty()).then_some(EntryRefusal::Ambiguous);
            return Ok(Verified::Mismatch(reason));
        };
        if password.expose() != scripted.password {
            return Ok(Verified::Mismatch(None));
        }
        let entry = Box::new(scripted.entry.clone());
        Ok(match scripted.answer {
            Answer::Match => Verified::Match(entry),
            Answer::MustChange => Verified::MustChange(Some(entry)),
            Answer::MustChangeUnread => Verified::MustChange(None),
            Answer::Refused(reason) => Verified::Refused(reason),
            Answer::Mismatch(reason) => Verified::Mismatch(Some(reason)),
        })
    }

    async fn find(&self, entries: &[EntryRef<'_>]) -> Result<Vec<Found>, DirectoryError> {
        self.begin("find", entries).await?;
        let found = entries.iter().map(|entry| match &self.matching(*entry)[..] {
            [] => Found::Gone,
            [Scripted { is_unusable: false, entry, .. }] => Found::Entry(Box::new(entry.clone())),
            _ => Found::Unusable("as the test says".to_owned()),
        });
        Ok(found.collect())
    }

    async fn is_taken(&self, name: &str) -> Result<bool, DirectoryError> {
        self.begin("is_taken", &[EntryRef::named(name)]).await?;
        let has = |scripted: &Scripted| {
            let names = scripted.names.iter().chain(&scripted.entry.email);
            names.chain([&scripted.entry.username]).any(|other| other.eq_ignore_ascii_case(name))
        };
        Ok(self.0.lock().entries.iter().any(has))
    }

    fn roles_field(&self) -> Option<String> {
        self.0.lock().roles_field.clone()
    }

    fn changes_passwords(&self) -> bool {
        self.0.lock().changes != Changes::Answered(PasswordSet::NotSupported)
    }

    async fn change_password(
        &self,
        entry: EntryRef<'_>,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError> {
        self.begin("change_password", &[entry]).await?;
        let (id, password) = match &self.matching(entry)[..] {
            [scripted] => (scripted.entry.id.clone(), scripted.password.clone()),
            _ => return Ok(PasswordSet::WrongPassword),
        };
        if let Changes::Answered(answer) = &self.0.lock().changes {
            return Ok(answer.clone());
        }
        if old.expose() != password {
            return Ok(PasswordSet::WrongPassword);
        }
        self.scripted(&id, |scripted| {
            new.expose().clone_into(&mut scripted.password);
            scripted.answer = Answer::Match;
        });
        Ok(PasswordSet::Done)
    }
}
