//! Connections that are lost while they are idle.

use crossauth_storage_sql::postgres::Options;
use crossauth_testkit::postgres::server;

use super::{tcp_url, tcp_user};
use crate::reconnect::{Proxy, STATEMENT_TIMEOUT, next_calls_succeed, silence_fails_one_call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_fail_no_call() {
    tcp_user("terminated");
    let ca = Some(server().authority().certificate());
    let options = Options { ca, ..Options::default() };
    let url = tcp_url("terminated", "localhost", server().port(), "sslmode=require");
    let opened = options.open(&url).await.unwrap();
    let address = server().empty_schema();
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE usename = 'terminated'";
    next_calls_succeed(&opened, || server().execute(&address, terminate)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_connections_fail_no_call() {
    tcp_user("reset");
    let proxy = Proxy::start(server().port()).await;
    let ca = Some(server().authority().certificate());
    let options = Options { ca, ..Options::default() };
    let url = tcp_url("reset", "localhost", proxy.port(), "sslmode=require");
    let opened = options.open(&url).await.unwrap();
    next_calls_succeed(&opened, || assert!(proxy.reset() >= 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_fail_one_call() {
    tcp_user("silenced");
    let proxy = Proxy::start(server().port()).await;
    let ca = Some(server().authority().certificate());
    let options = Options { ca, statement_timeout: STATEMENT_TIMEOUT, ..Options::default() };
    let url = tcp_url("silenced", "localhost", proxy.port(), "sslmode=require");
    silence_fails_one_call(&options.open(&url).await.unwrap(), &proxy).await;
}
