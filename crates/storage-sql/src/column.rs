//! The columns of a table, read from the database.

use crossauth_core::storage::StorageError;

use crate::OpenError;
use crate::database::{Database, Dialect, Row, Value, is_identifier};

/// A column of an existing table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) quoted: String,
    pub(crate) sql_type: String,
    pub(crate) not_null: bool,
    pub(crate) has_default: bool,
    /// Whether the database compares its text byte by byte, apart from spaces at the end.
    pub(crate) is_exact: bool,
}

impl Column {
    pub(crate) fn is_boolean(&self) -> bool {
        self.sql_type.starts_with("bool")
    }

    /// The value that means "none" in this column: null, or empty text if it is `NOT NULL`.
    pub(crate) fn none(&self) -> Value<'static> {
        if self.not_null { Value::text("") } else { Value::Null }
    }

    fn decode(row: &dyn Row, dialect: Dialect) -> Result<Self, StorageError> {
        let text = |column| {
            let text = row.value(column)?.into_text().map_err(StorageError::corrupt)?;
            Ok::<_, StorageError>(text.unwrap_or_default().into_owned())
        };
        let boolean = |column| Ok::<_, StorageError>(is_true(&row.value(column)?));
        let name = text(0)?;
        Ok(Self {
            quoted: dialect.quote(&name),
            name,
            sql_type: text(1)?.to_ascii_lowercase(),
            not_null: boolean(2)?,
            has_default: boolean(3)?,
            is_exact: boolean(4)?,
        })
    }
}

/// Whether a value means "true".
pub(crate) fn is_true(value: &Value<'_>) -> bool {
    matches!(value, Value::Bool(true)) || matches!(value, Value::Integer(number) if *number != 0)
}

/// A column that a record's statements select.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) column: Column,
    /// Index among the selected columns.
    pub(crate) index: usize,
}

impl Field {
    pub(crate) fn quoted(&self) -> &str {
        &self.column.quoted
    }
}

/// A table whose columns are assigned one by one: [`select`](Self::select) adds a column to the
/// `SELECT` list of the record and returns its index, for decoding.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) quoted: String,
    columns: Vec<Column>,
    selected: Vec<String>,
}

impl Table {
    pub(crate) async fn find(database: &impl Database, name: &str) -> Result<Self, OpenError> {
        let table = Self::find_optional(database, name).await?;
        table.ok_or_else(|| OpenError::MissingTable { table: name.to_owned() })
    }

    pub(crate) async fn find_optional(
        database: &impl Database,
        name: &str,
    ) -> Result<Option<Self>, OpenError> {
        check(name)?;
        let dialect = database.dialect();
        let decode = move |row: &dyn Row| Column::decode(row, dialect);
        let found = database.scan(&dialect.columns(), &[Value::text(name)], decode).await?;
        let columns = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        let quoted = dialect.quote(name);
        let table = Self { name: name.to_owned(), quoted, columns, selected: Vec::new() };
        Ok(if table.columns.is_empty() { None } else { Some(table) })
    }

    /// Removes and returns a column, if it exists, without selecting it.
    pub(crate) fn take_optional(&mut self, name: &str) -> Result<Option<Column>, OpenError> {
        check(name)?;
        let position = |is_named: &dyn Fn(&Column) -> bool| self.columns.iter().position(is_named);
        let index = position(&|column| column.name == name)
            .or_else(|| position(&|column| column.name.eq_ignore_ascii_case(name)));
        Ok(index.map(|index| self.columns.remove(index)))
    }

    /// Removes and returns a column without selecting it.
    pub(crate) fn take(&mut self, name: &str) -> Result<Column, OpenError> {
        self.take_optional(name)?.ok_or_else(|| OpenError::MissingColumn {
            table: self.name.clone(),
            column: name.to_owned(),
        })
    }

    /// Selects a column, if it exists.
    pub(crate) fn select_optional(&mut self, name: &str) -> Result<Option<Field>, OpenError> {
        let column = self.take_optional(name)?;
        Ok(column.map(|column| self.add(column)))
    }

    /// Selects a column.
    pub(crate) fn select(&mut self, name: &str) -> Result<Field, OpenError> {
        let column = self.take(name)?;
        Ok(self.add(column))
    }

    /// Selects every remaining column.
    pub(crate) fn select_rest(&mut self) -> Vec<Field> {
        let rest = std::mem::take(&mut self.columns);
        rest.into_iter().map(|column| self.add(column)).collect()
    }

    /// The selected columns, in the order of their indices.
    pub(crate) fn into_selected(self) -> Vec<String> {
        self.selected
    }

    fn add(&mut self, column: Column) -> Field {
        self.selected.push(column.quoted.clone());
        Field { column, index: self.selected.len() - 1 }
    }
}

/// The `SELECT` list for columns of a table that the statement names `alias`.
pub(crate) fn select_list(selected: &[String], alias: &str) -> String {
    let columns: Vec<String> = selected.iter().map(|column| format!("{alias}.{column}")).collect();
    columns.join(", ")
}

fn check(name: &str) -> Result<(), OpenError> {
    if is_identifier(name) { Ok(()) } else { Err(OpenError::Identifier { name: name.to_owned() }) }
}
