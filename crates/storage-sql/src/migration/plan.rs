//! What a migration would change, found out without changing anything.

use crate::column::Table;
use crate::database::{Database, Dialect, Row};
use crate::schema::Schema;
use crate::{Management, OpenError, TableMap};

use super::{create_versions, found_versions, groups};

/// What opening a database would change in its schema: nothing if there are no groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationPlan {
    /// The groups of tables that would change, in the order of their migration.
    pub groups: Vec<GroupPlan>,
}

/// What a migration would change in a group of tables, which has a version of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupPlan {
    /// Its name in the table of versions.
    pub name: &'static str,
    /// The version in the database; 0 if there are no such tables.
    pub from: i64,
    /// The version after the migration.
    pub to: i64,
    /// The statements that would run, each on one line.
    pub statements: Vec<String>,
}

impl MigrationPlan {
    /// Of a database that does not exist yet, with our own tables.
    pub fn of_new(dialect: Dialect) -> Self {
        Self::from_versions(dialect, &TableMap::crossauth(), None)
    }

    /// Whether the migration would change nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The changes for a database with these versions of groups; `None` if it has no table of them.
    fn from_versions(dialect: Dialect, map: &TableMap, found: Option<&[(String, i64)]>) -> Self {
        let mut changed = Vec::new();
        if found.is_none() {
            let statements = vec![one_line(create_versions(dialect))];
            changed.push(GroupPlan { name: "schema", from: 0, to: 1, statements });
        }
        for group in groups(dialect, map) {
            let found = found.unwrap_or_default().iter().find(|(name, _)| name == group.name);
            let from = found.map_or(0, |(_, version)| *version);
            let applied = usize::try_from(from).unwrap_or(usize::MAX);
            let statements = group.versions.iter().skip(applied).copied().flatten();
            let statements: Vec<_> = statements.map(|statement| one_line(statement)).collect();
            if from < group.latest() {
                changed.push(GroupPlan { name: group.name, from, to: group.latest(), statements });
            }
        }
        Self { groups: changed }
    }
}

fn one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The changes that opening the database with this map would make. Fails as the migration would, as
/// far as that can be seen.
pub(crate) async fn plan(
    database: &impl Database,
    map: &TableMap,
) -> Result<MigrationPlan, OpenError> {
    super::is_current(database, map).await?;
    if map.management == Management::External {
        Schema::find(database, map).await?;
    }
    let dialect = database.dialect();
    let found = match Table::find_optional(database, "crossauth_schema").await? {
        Some(_) => Some(found_versions(database).await?),
        None => None,
    };
    let plan = MigrationPlan::from_versions(dialect, map, found.as_deref());
    if !plan.is_empty()
        && let Some(statement) = dialect.missing_right()
    {
        let decode =
            |row: &dyn Row| row.value(0).map(|it| it.into_text().ok().flatten().map(String::from));
        let problems = database.scan(&statement, &[], decode).await?;
        let problem = problems.into_iter().next().transpose()?.flatten();
        if let Some(problem) = problem {
            return Err(OpenError::NotPermitted { problem });
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_names_each_group_with_its_versions_and_statements() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            let map = TableMap::crossauth();
            let new = MigrationPlan::of_new(dialect);
            assert_eq!(new.groups[0].name, "schema");
            assert_eq!(new.groups.len(), groups(dialect, &map).len() + 1);
            for group in &new.groups {
                assert_eq!(group.from, 0);
                assert!(!group.statements.is_empty(), "{group:?}");
                assert!(group.statements.iter().all(|it| !it.contains('\n')), "{group:?}");
            }
            let latest: Vec<_> = groups(dialect, &map)
                .iter()
                .map(|group| (group.name.to_owned(), group.latest()))
                .collect();
            let current = MigrationPlan::from_versions(dialect, &map, Some(&latest));
            assert!(current.is_empty(), "{current:?}");
        }
    }

    #[test]
    fn only_statements_after_the_version_of_the_database_are_planned() {
        let versions = ["outbox", "protection", "audit"].map(|name| (name.to_owned(), 99));
        let found = [&versions[..], &[("accounts".to_owned(), 2)]].concat();
        let map = TableMap::crossauth();
        let plan = MigrationPlan::from_versions(Dialect::Sqlite, &map, Some(&found));
        let [accounts] = &*plan.groups else { panic!("{plan:?}") };
        assert_eq!((accounts.name, accounts.from), ("accounts", 2));
        assert!(accounts.statements[0].contains("crossauth_users_by_state"), "{accounts:?}");
        assert!(!accounts.statements.iter().any(|it| it.contains("CREATE TABLE")), "{accounts:?}");
    }
}
