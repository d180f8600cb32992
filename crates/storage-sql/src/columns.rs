//! The declaration of a table's columns, each in one place.

use crate::OpenError;
use crate::column::{Field, Table};

/// Whether a mapped table must have a column.
#[derive(Clone, Copy)]
pub(crate) enum Presence {
    /// A table without it is refused.
    Required,
    /// The column may be missing: its field then stays as it is in a new record.
    Optional,
}

impl Presence {
    /// Selects the column of this name.
    pub(crate) fn select(self, table: &mut Table, name: &str) -> Result<Option<Field>, OpenError> {
        match self {
            Self::Required => table.select(name).map(Some),
            Self::Optional => table.select_optional(name),
        }
    }
}

/// Declares the columns of a table. From the declaration come the names in the table map, the
/// `SELECT` list, the decoding of rows, and the columns and values of `INSERT` and `UPDATE`.
///
/// - Columns under `mapped` have a name in the table map, which is a public struct with the key
///   column and these; by default it is their name here. Those under `own` exist in our schema only.
/// - `read` decodes the cell into the record. A column without it is only compared in SQL.
/// - `write` is the value that a change writes, of type `Option<Value>`; `None` to leave the column
///   alone. A column without it is left to the database and to statements of its own.
macro_rules! columns {
    (
        $(#[$map_doc:meta])* pub struct $Map:ident { $(#[$key_doc:meta])* pub $key:ident: String }
        $(#[$columns_doc:meta])* pub(crate) struct $Columns:ident;
        read($record:ident: $Record:ty, $cell:ident);
        write($change:ident: $Change:ident);
        mapped { $(
            $(#[$doc:meta])* $name:ident: $presence:ident {
                $(read $read:block)? $(write $write:block)?
            }
        )* }
        own { $(
            $(#[$own_doc:meta])* $own:ident {
                $(read $own_read:block)? $(write $own_write:block)?
            }
        )* }
    ) => {
        $(#[$map_doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Map {
            /// Name of the table.
            pub table: String,
            $(#[$key_doc])* pub $key: String,
            $($(#[$doc])* pub $name: String,)*
        }

        impl $Map {
            /// The names of its columns.
            pub(crate) fn names(&self) -> Vec<&str> {
                vec![&self.$key, $(&self.$name,)*]
            }

            /// Every column has its name in the declaration.
            fn with_declared_names(table: &str) -> Self {
                Self {
                    table: table.into(),
                    $key: stringify!($key).into(),
                    $($name: stringify!($name).into(),)*
                }
            }
        }

        $(#[$columns_doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $Columns {
            $(pub(crate) $name: Option<$crate::column::Field>,)*
            $(pub(crate) $own: Option<$crate::column::Field>,)*
        }

        impl $Columns {
            /// Selects the columns of an existing table.
            pub(crate) fn select(
                table: &mut $crate::column::Table,
                names: &$Map,
                management: $crate::Management,
            ) -> Result<Self, $crate::OpenError> {
                Ok(Self {
                    $($name: $crate::columns::Presence::$presence.select(table, &names.$name)?,)*
                    $($own: match management {
                        $crate::Management::Managed => Some(table.select(stringify!($own))?),
                        $crate::Management::External => None,
                    },)*
                })
            }

            /// Decodes the columns of a row into a record.
            pub(crate) fn read(
                &self,
                $record: &mut $Record,
                cells: $crate::record::Cells<'_>,
            ) -> Result<(), $crate::record::Problem> {
                $($(if let Some(field) = &self.$name {
                    let $cell = cells.cell(field);
                    $read
                })?)*
                $($(if let Some(field) = &self.$own {
                    let $cell = cells.cell(field);
                    $own_read
                })?)*
                Ok(())
            }

            /// The columns that a change writes, and their values.
            pub(crate) fn write<'v>(
                &'v self,
                $change: &$Change<'v>,
            ) -> $crate::extra::Assignments<'v> {
                let mut assignments = $crate::extra::Assignments::new();
                let mut write = |field: &'v Option<$crate::column::Field>, value| {
                    let name = field.as_ref().map($crate::column::Field::quoted);
                    assignments.extend(name.zip(value));
                };
                $($(write(&self.$name, $write);)?)*
                $($(write(&self.$own, $own_write);)?)*
                assignments
            }
        }
    };
}

pub(crate) use columns;
