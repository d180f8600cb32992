//! Which indexes PostgreSQL uses.

use std::ops::ControlFlow;
use std::sync::Arc;

use crossauth_testkit::postgres::server;

use super::{Options, Postgres};
use crate::TableMap;
use crate::attempt::AttemptSql;
use crate::audit::AuditSql;
use crate::database::{Database as _, Dialect, Row, Statement, Transaction, Value};
use crate::key::KeySql;
use crate::outbox::OutboxSql;
use crate::schema::Schema;
use crate::session::SessionSql;
use crate::user::UserSql;
use crate::uses::UsesSql;

#[tokio::test]
async fn every_statement_but_a_list_of_users_uses_an_index() {
    let storage = Options::default().open(&server().empty_schema()).await.unwrap();
    let schema = Schema::find(storage.database(), &TableMap::crossauth()).await.unwrap();
    let schema = Arc::new(schema);
    let mut statements = SessionSql::new(&schema).look_ups();
    statements.extend(UserSql::new(Arc::clone(&schema)).of_single_rows());
    statements.extend(OutboxSql::new(&schema).all());
    statements.extend(AttemptSql::new(Dialect::Postgres).all());
    statements.extend(AuditSql::new(&schema).all());
    statements.extend(UsesSql::new(Dialect::Postgres).all());
    statements.extend(KeySql::new(schema).all());
    for statement in statements {
        let plan = plan(storage.database(), statement.clone()).await;
        assert!(plan.contains("Index"), "{statement:?}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{statement:?}: {plan}");
    }
    let all =
        plan(storage.database(), Statement::new("SELECT username FROM crossauth_users")).await;
    assert!(all.contains("Seq Scan"), "the positive control: {all}");
}

/// The plan for any parameters. Sequential scans, which suit the empty tables of a test, are
/// planned only where no index serves.
async fn plan(database: &Postgres, statement: Statement) -> String {
    let explained = database
        .transaction(statement, |transaction, statement| Box::pin(explain(transaction, statement)));
    explained.await.unwrap()
}

async fn explain(
    transaction: &mut dyn Transaction,
    statement: &Statement,
) -> Result<String, crossauth_core::storage::StorageError> {
    let marks = vec!["NULL"; statement.as_str().matches('?').count()].join(", ");
    let arguments = if marks.is_empty() { marks } else { format!("({marks})") };
    for preparation in [
        "SET LOCAL enable_seqscan = off",
        "SET LOCAL plan_cache_mode = force_generic_plan",
        &format!("PREPARE explained AS {}", statement.as_str()),
    ] {
        transaction.execute(&Statement::new(preparation), &[]).await?;
    }
    let mut plan = String::new();
    let mut add = |row: &dyn Row| {
        if let Value::Text(line) = row.value(0)? {
            plan.push_str(&line);
            plan.push('\n');
        }
        Ok(ControlFlow::Continue(()))
    };
    let explain = Statement::new(format!("EXPLAIN EXECUTE explained{arguments}"));
    transaction.query(&explain, &[], &mut add).await?;
    transaction.execute(&Statement::new("DEALLOCATE explained"), &[]).await?;
    Ok(plan)
}
