//! Users.

use std::borrow::Cow;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::StorageError;
use crossauth_core::user::{
    FactorName, NewUser, Normalization, Patch, User, UserId, UserState, UserUpdate,
};

use super::id::IdKind;
use super::{Cells, Problem};
use crate::column::{Field, Selected, Table};
use crate::columns::columns;
use crate::database::{Dialect, Row, Value};
use crate::extra::{Extra, Joined};
use crate::{OpenError, TableMap};

/// A row of users without its secrets.
pub(crate) struct UserRow {
    pub(crate) user: User,
    /// The credential epoch; `None` if the database has no such column.
    pub(crate) epoch: Option<u64>,
}

/// A new user, or a change of one.
pub(crate) struct UserChange<'v> {
    /// The fields that can change.
    pub(crate) update: &'v UserUpdate,
    /// The user, if it is new.
    pub(crate) new: Option<&'v NewUser>,
    pub(crate) normalization: Normalization,
}

columns! {
    /// The users' table.
    pub struct UserTable {
        /// User id: integers, assigned by the database, or text, random and assigned by this crate.
        pub id: String
    }

    /// The columns of the users' table, apart from the id and the application's own.
    pub(crate) struct UserColumns;

    read(row: UserRow, cell);
    write(change: UserChange);

    mapped {
        /// Username as entered.
        username: Required {
            read { row.user.username = cell.text()?.into_owned(); }
            write { change.update.username.as_deref().map(Value::text) }
        }
        /// Normalized form of the username. Optional: without it, usernames are looked up as entered.
        username_normalized: Optional {
            write {
                let name = change.update.username.as_deref();
                name.map(|name| Value::text(change.normalization.apply(name)))
            }
        }
        /// E-mail address. Optional: without it, users have none.
        email: Optional {
            read { row.user.email = cell.optional_text()?.map(Cow::into_owned); }
            write { patched(&change.update.email, |email| Value::text(email.as_str())) }
        }
        /// Normalized form of the e-mail address. Optional: without it, addresses are looked up as
        /// entered.
        email_normalized: Optional {
            write {
                let normalized = |email: &String| Value::text(change.normalization.apply(email));
                patched(&change.update.email, normalized)
            }
        }
        /// State of the account.
        state: Required {
            // Null in rows that were inserted before the column was added.
            read { row.user.state = cell.optional_text()?.map_or(UserState::Active, |state| UserState::from(&*state)); }
            write { change.update.state.as_ref().map(|state| Value::text(state.as_str())) }
        }
        /// The first factor.
        factor1: Required {
            read { row.user.factor1 = FactorName::from(&*cell.text_or_empty()?); }
            write { change.update.factor1.as_ref().map(|factor| Value::text(factor.as_str())) }
        }
        /// The second factor. Optional.
        factor2: Optional {
            read { row.user.factor2 = FactorName::optional(&cell.text_or_empty()?); }
            write {
                match &change.update.factor2 {
                    Patch::Keep => None,
                    Patch::Set(factor) => Some(Value::text(FactorName::text(Some(factor)))),
                    Patch::Clear => Some(Value::text(FactorName::text(None))),
                }
            }
        }
        /// Whether the user is an administrator. Optional: without it, no user is.
        admin: Optional {
            read { row.user.admin = cell.boolean()?; }
            write { change.update.admin.map(Value::from) }
        }
        /// Credential epoch: counts the changes of the user's credentials. Optional.
        credential_epoch: Optional {
            read { row.epoch = Some(cell.epoch()?); }
        }
    }

    own {
        /// When the account was created, in milliseconds; null in older rows.
        created {
            read { row.user.created = cell.millis()?; }
            write {
                let created = change.new.and_then(|user| user.created);
                created.map(|at: Timestamp| Value::Integer(at.as_millis()))
            }
        }
    }
}

impl UserTable {
    /// A table of this name with the usual column names.
    pub fn named(table: &str) -> Self {
        Self::with_declared_names(table)
    }
}

/// The value that a patch writes; `None` if it keeps the stored one.
fn patched<'v, T>(
    patch: &'v Patch<T>,
    encode: impl FnOnce(&'v T) -> Value<'v>,
) -> Option<Value<'v>> {
    match patch {
        Patch::Keep => None,
        Patch::Set(value) => Some(encode(value)),
        Patch::Clear => Some(Value::Null),
    }
}

/// The users' table.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    /// Quoted name.
    pub(crate) table: String,
    pub(crate) id: Field,
    pub(crate) id_kind: IdKind,
    /// Whether usernames are the ids, so that none can change.
    pub(crate) has_usernames_as_ids: bool,
    /// Whether ids are looked up as numbers and as text.
    force_id_to_number: bool,
    pub(crate) columns: UserColumns,
    /// The column by which usernames are looked up.
    pub(crate) lookup_name: Field,
    /// Whether it is null in some rows, which lists have under another name.
    pub(crate) has_null_names: bool,
    pub(crate) extra: Extra,
    pub(crate) normalization: Normalization,
    /// What to select for [`decode`](Self::decode).
    pub(crate) selected: Vec<Selected>,
}

impl Users {
    pub(crate) fn new(
        mut table: Table,
        map: &TableMap,
        extra: impl FnOnce(&mut Table) -> Result<Extra, OpenError>,
    ) -> Result<Self, OpenError> {
        let names = &map.users;
        let is_username = names.id.eq_ignore_ascii_case(&names.username);
        let id =
            if is_username { table.select_shared(&names.id)? } else { table.select(&names.id)? };
        let columns = UserColumns::select(&mut table, names, map.management)?;
        let lookup_name = columns.username_normalized.as_ref().or(columns.username.as_ref());
        let lookup_name = lookup_name.cloned().ok_or_else(|| OpenError::MissingColumn {
            table: names.table.clone(),
            column: names.username.clone(),
        })?;
        Ok(Self {
            table: table.quoted.clone(),
            id_kind: IdKind::of(&id.column),
            has_usernames_as_ids: is_username,
            force_id_to_number: map.force_id_to_number,
            id,
            columns,
            lookup_name,
            has_null_names: false,
            extra: extra(&mut table)?,
            normalization: map.normalization,
            selected: table.into_selected(),
        })
    }

    /// Adds the columns of another table as fields. Returns the names of those that users have
    /// already, which are left out.
    pub(crate) fn join(
        &mut self,
        names: &UserTable,
        table: &mut Table,
        reference: &str,
    ) -> Result<Vec<String>, OpenError> {
        let reference = table.take(reference)?.quoted;
        // The number of a row, which is no field of the user.
        table.take_optional(&names.id)?;
        let (mut fields, mut skipped) = (Vec::new(), Vec::new());
        for column in table.take_rest() {
            let is_same = |name: &&str| name.eq_ignore_ascii_case(&column.name);
            let mut taken = names.names().into_iter().chain(self.extra.column_names());
            if taken.any(|name| is_same(&name)) {
                skipped.push(column.name);
                continue;
            }
            self.selected.push(Selected::Joined {
                column: if column.is_read_as_json {
                    format!("to_jsonb(j.{})", column.quoted)
                } else {
                    format!("j.{}", column.quoted)
                },
                table: table.quoted.clone(),
                reference: reference.clone(),
                id: self.id.column.quoted.clone(),
            });
            fields.push(Field { column, index: self.selected.len() - 1 });
        }
        if let Extra::Columns { joined, .. } = &mut self.extra {
            joined.push(Joined { table: table.quoted.clone(), reference, fields });
        }
        Ok(skipped)
    }

    /// The id as a parameter of a comparison. An id that the column cannot have becomes null, which
    /// equals no id.
    pub(crate) fn lookup_id<'v>(&self, id: &'v UserId) -> Value<'v> {
        let value = match (self.id_kind, id) {
            (IdKind::Integer, UserId::Text(text)) if self.force_id_to_number => {
                text.parse().map_or(Value::Null, Value::Integer)
            }
            (IdKind::Text, UserId::Integer(number)) if self.force_id_to_number => {
                Value::text(number.to_string())
            }
            (kind, id) => kind.lookup_value(id),
        };
        let is_possible = match value {
            Value::Integer(number) => IdKind::has_room(&self.id.column, number),
            Value::Null
            | Value::Bool(_)
            | Value::Real(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Time(_) => true,
        };
        if is_possible { value } else { Value::Null }
    }

    /// Whether a row that the database has found by a name or an address has it: its collation may
    /// ignore more differences than normalization does.
    pub(crate) fn is_match(&self, stored: &str, sought: &str) -> bool {
        stored == sought || self.normalization.apply(stored) == self.normalization.apply(sought)
    }

    /// Decodes the user whose columns start at index `before`; `None` if the join found no user.
    pub(crate) fn decode(
        &self,
        row: &dyn Row,
        before: usize,
    ) -> Result<Option<UserRow>, StorageError> {
        let cells = Cells::new(row, before);
        let id = cells.user_id(&self.id).map_err(|problem| problem.of_row(&self.table, "?"))?;
        let Some(id) = id else { return Ok(None) };
        let mut row = UserRow { user: NewUser::named("").with_id(id), epoch: None };
        match self.decode_fields(&mut row, cells) {
            Ok(()) => Ok(Some(row)),
            Err(problem) => Err(problem.of_row(&self.table, row.user.id)),
        }
    }

    fn decode_fields(&self, row: &mut UserRow, cells: Cells<'_>) -> Result<(), Problem> {
        self.columns.read(row, cells)?;
        row.user.extra = self.extra.decode(cells)?;
        Ok(())
    }

    /// The name by which lists are ordered, as an expression: that by which the user is looked up,
    /// or the one as entered, or the id.
    pub(crate) fn list_name(&self, dialect: Dialect, alias: &str) -> String {
        let name = format!("{alias}.{}", self.lookup_name.quoted());
        let username = self.columns.username.as_ref().filter(|_| self.has_null_names);
        let Some(username) = username else { return name };
        let id = dialect.as_text(&format!("{alias}.{}", self.id.quoted()));
        format!("COALESCE({name}, {alias}.{}, {id})", username.quoted())
    }

    /// The name in the last column of a row of a list, which [`decode`](Self::decode) may not be
    /// able to decode.
    pub(crate) fn decode_list_name(&self, row: &dyn Row) -> Option<String> {
        let name = row.value(self.selected.len()).ok()?.into_text().ok().flatten();
        name.map(Cow::into_owned)
    }

    /// The column by which e-mail addresses are looked up.
    pub(crate) fn lookup_address(&self) -> Option<&Field> {
        let UserColumns { email, email_normalized, .. } = &self.columns;
        email.as_ref().map(|email| email_normalized.as_ref().unwrap_or(email))
    }

    /// The form in which a username is looked up.
    pub(crate) fn lookup_username(&self, username: &str) -> String {
        match self.columns.username_normalized {
            Some(_) => self.normalization.apply(username),
            None => username.to_owned(),
        }
    }

    /// The form in which an e-mail address is looked up.
    pub(crate) fn lookup_email(&self, email: &str) -> String {
        match self.columns.email_normalized {
            Some(_) => self.normalization.apply(email),
            None => email.to_owned(),
        }
    }
}
