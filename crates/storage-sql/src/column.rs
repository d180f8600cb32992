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
    /// Whether it is selected as JSON if it is an application field: its type is none of those that
    /// the driver decodes.
    pub(crate) is_read_as_json: bool,
}

impl Column {
    pub(crate) fn is_boolean(&self) -> bool {
        self.sql_type.starts_with("bool")
    }

    /// Whether it is declared as text.
    pub(crate) fn is_text(&self) -> bool {
        ["char", "text", "clob"].iter().any(|name| self.sql_type.contains(name))
    }

    /// Whether it is declared as an integer.
    pub(crate) fn is_integer(&self) -> bool {
        self.sql_type.contains("int")
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
        let sql_type = text(1)?.to_ascii_lowercase();
        Ok(Self {
            quoted: dialect.quote(&name),
            name,
            is_read_as_json: dialect == Dialect::Postgres && !DECODED.contains(&&*sql_type),
            sql_type,
            not_null: boolean(2)?,
            has_default: boolean(3)?,
        })
    }
}

/// The types that the driver of PostgreSQL decodes, apart from those of applications.
const DECODED: [&str; 19] = [
    "\"char\"",
    "bigint",
    "boolean",
    "bytea",
    "character",
    "character varying",
    "citext",
    "date",
    "double precision",
    "integer",
    "json",
    "jsonb",
    "numeric",
    "real",
    "smallint",
    "text",
    "timestamp with time zone",
    "timestamp without time zone",
    "uuid",
];

/// Whether a value means "true".
pub(crate) fn is_true(value: &Value<'_>) -> bool {
    matches!(value, Value::Bool(true)) || matches!(value, Value::Integer(number) if *number != 0)
}

/// The type of columns of MySQL that cannot store later times.
pub(crate) const UNTIL_2038: &str = "timestamp with time zone until 2038";

/// What a record's statements select.
#[derive(Debug, Clone)]
pub(crate) enum Selected {
    /// A column of its table, quoted.
    Column(String),
    /// A column of its table, quoted, as JSON.
    Json(String),
    /// A column of another table, in the row of the record's owner. All names are quoted.
    Joined {
        /// The column of the table `j`, or an expression of it.
        column: String,
        /// Its table.
        table: String,
        /// The column of that table that refers to the record.
        reference: String,
        /// The id of the record.
        id: String,
    },
}

impl Selected {
    /// The expression, where the statement names the record's table `alias`. Not a join: a second
    /// row does not make the record appear twice, and row locks are those of the record.
    fn of(&self, alias: &str) -> String {
        match self {
            Self::Column(column) => format!("{alias}.{column}"),
            Self::Json(column) => format!("to_jsonb({alias}.{column})"),
            Self::Joined { column, table, reference, id } => format!(
                "(SELECT {column} FROM {table} AS j WHERE j.{reference} = {alias}.{id} LIMIT 1)"
            ),
        }
    }
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
    selected: Vec<Selected>,
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
        // Boxed: the nested futures are too many for the compiler otherwise.
        let Some(name) = Box::pin(existing(database, name)).await? else { return Ok(None) };
        let name = name.as_str();
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

    /// Selects a column that another field has, too.
    pub(crate) fn select_shared(&mut self, name: &str) -> Result<Field, OpenError> {
        let column = self.take(name)?;
        self.columns.push(column.clone());
        Ok(self.add(column))
    }

    /// Removes and returns every remaining column without selecting it.
    pub(crate) fn take_rest(&mut self) -> Vec<Column> {
        std::mem::take(&mut self.columns)
    }

    /// Selects every remaining column, as application fields.
    pub(crate) fn select_rest(&mut self) -> Vec<Field> {
        let add = |column: Column| {
            let quoted = column.quoted.clone();
            let is_json = column.is_read_as_json;
            let selected = if is_json { Selected::Json } else { Selected::Column };
            self.selected.push(selected(quoted));
            Field { column, index: self.selected.len() - 1 }
        };
        std::mem::take(&mut self.columns).into_iter().map(add).collect()
    }

    /// The selected columns, in the order of their indices.
    pub(crate) fn into_selected(self) -> Vec<Selected> {
        self.selected
    }

    fn add(&mut self, column: Column) -> Field {
        self.selected.push(Selected::Column(column.quoted.clone()));
        Field { column, index: self.selected.len() - 1 }
    }
}

/// The `SELECT` list for columns of a table that the statement names `alias`.
pub(crate) fn select_list(selected: &[Selected], alias: &str) -> String {
    let columns: Vec<String> = selected.iter().map(|selected| selected.of(alias)).collect();
    columns.join(", ")
}

/// The name of a table as the database has it: this one, or the only one that differs from it in its
/// case alone, as where a table was created without quotes.
async fn existing(database: &impl Database, name: &str) -> Result<Option<String>, OpenError> {
    let Some(tables) = database.dialect().tables_named() else { return Ok(Some(name.to_owned())) };
    let decode = |row: &dyn Row| {
        let text = row.value(0)?.into_text().map_err(StorageError::corrupt)?;
        Ok::<_, StorageError>(text.unwrap_or_default().into_owned())
    };
    let found = database.scan(&tables, &[Value::text(name)], decode).await?;
    let mut found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    if found.iter().any(|found| found == name) {
        return Ok(Some(name.to_owned()));
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

fn check(name: &str) -> Result<(), OpenError> {
    if is_identifier(name) { Ok(()) } else { Err(OpenError::Identifier { name: name.to_owned() }) }
}
