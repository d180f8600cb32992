//! Which indexes MariaDB uses.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use crossauth_core::storage::StorageError;
use crossauth_testkit::mysql::server;

use super::{Mysql, Options};
use crate::TableMap;
use crate::attempt::AttemptSql;
use crate::audit::AuditSql;
use crate::database::{Database as _, Dialect, Row, Statement, Transaction};
use crate::key::KeySql;
use crate::outbox::OutboxSql;
use crate::schema::Schema;
use crate::session::SessionSql;
use crate::user::UserSql;
use crate::uses::UsesSql;

/// So many rows that no plan reads them all without a reason.
const FILL: &str = "
    SET max_recursive_iterations = 10000;
    CREATE TEMPORARY TABLE numbers (n INTEGER PRIMARY KEY) WITH RECURSIVE numbers (n) AS
        (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3000) SELECT n FROM numbers;
    INSERT INTO crossauth_users
        (id, username, username_normalized, email, email_normalized, state, factor1, factor2, admin)
        SELECT n, n, n, n, n, 'active', '', '', n < 3 FROM numbers;
    INSERT INTO crossauth_user_secrets (userid) SELECT n FROM numbers;
    INSERT INTO crossauth_keys (value, userid, created, expires, data)
        SELECT CONCAT(IF(n % 2, 's:', 'p:'), n), IF(n % 3, n, NULL), n, n, '' FROM numbers;
    INSERT INTO crossauth_attempts (subject, idle) SELECT n, n FROM numbers;
    INSERT INTO crossauth_totp_steps (userid, secret, step) SELECT n, '', n FROM numbers;
    INSERT INTO crossauth_outbox (id, kind, created, due, expires, died, payload)
        SELECT n, '', n, n, n, IF(n % 2, n, NULL), '' FROM numbers;
    INSERT INTO crossauth_audit (id, created, act, actor, userid, actor_user, detail, origin,
            origin_digest, about, about_digest, number)
        SELECT n, n, '', '', n, n, '', '', '', '', '', IF(n < 2900, n, NULL) FROM numbers;
    ANALYZE TABLE crossauth_users, crossauth_user_secrets, crossauth_keys, crossauth_attempts,
        crossauth_totp_steps, crossauth_outbox, crossauth_audit";

#[tokio::test]
async fn every_statement_but_a_list_of_users_uses_an_index() {
    let url = server().empty_database();
    let storage = Options::default().open(&url).await.unwrap();
    server().execute(&url, FILL);
    let schema = Schema::find(storage.database(), &TableMap::crossauth()).await.unwrap();
    let schema = Arc::new(schema);
    let mut statements = SessionSql::new(&schema).look_ups();
    statements.extend(UserSql::new(Arc::clone(&schema)).of_single_rows());
    statements.extend(OutboxSql::new(&schema).all());
    statements.extend(AttemptSql::new(Dialect::Mysql).all());
    statements.extend(AuditSql::new(&schema).all());
    statements.extend(UsesSql::new(Dialect::Mysql).all());
    statements.extend(KeySql::new(schema).all());
    for statement in statements {
        let plan = plan(storage.database(), statement.clone()).await;
        assert!(!plan.contains("scan"), "{statement:?}: {plan}");
    }
    let all = Statement::new("SELECT username FROM crossauth_users");
    let all = plan(storage.database(), all).await;
    assert!(all.contains("scan"), "the positive control: {all}");
}

/// The plan for small numbers as parameters: the type of access to each table, with `scan` for one
/// that reads it whole. Reading a derived table, whose rows are limited, is none.
async fn plan(database: &Mysql, statement: Statement) -> String {
    let explained = database
        .transaction(statement, |transaction, statement| Box::pin(explain(transaction, statement)));
    explained.await.unwrap()
}

async fn explain(
    transaction: &mut dyn Transaction,
    statement: &Statement,
) -> Result<String, StorageError> {
    let mut plan = String::new();
    let mut add = |row: &dyn Row| {
        let text = |column| Ok::<_, StorageError>(row.value(column)?.into_text().ok().flatten());
        let (Some(table), Some(access)) = (text(2)?, text(3)?) else {
            return Ok(ControlFlow::Continue(()));
        };
        let is_scan = matches!(&*access, "ALL" | "index") && !table.starts_with('<');
        let access = if is_scan { "scan" } else { &access };
        // Writing to a String does not fail.
        let _ = write!(plan, "{table}: {access}; ");
        Ok(ControlFlow::Continue(()))
    };
    let text = statement.as_str().replace("LIMIT ?", "LIMIT 7").replace('?', "'7'");
    let explain = Statement::new(format!("EXPLAIN {text}"));
    transaction.query(&explain, &[], &mut add).await?;
    Ok(plan)
}
