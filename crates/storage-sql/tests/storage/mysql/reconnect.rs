//! Connections that are lost while they are idle.

use crossauth_storage_sql::mysql::Options;
use crossauth_testkit::mysql::server;

use super::TcpUser;
use crate::reconnect::{Proxy, STATEMENT_TIMEOUT, next_calls_succeed, silence_fails_one_call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_fail_no_call() {
    let user = TcpUser::new();
    let ca = Some(server().authority().certificate());
    let options = Options { ca, ..Options::default() };
    let opened = options.open(&user.url("localhost", server().port())).await.unwrap();
    next_calls_succeed(&opened, || user.kill()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_connections_fail_no_call() {
    let user = TcpUser::new();
    let proxy = Proxy::start(server().port()).await;
    let ca = Some(server().authority().certificate());
    let options = Options { ca, ..Options::default() };
    let opened = options.open(&user.url("localhost", proxy.port())).await.unwrap();
    next_calls_succeed(&opened, || assert!(proxy.reset() >= 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_fail_one_call() {
    let user = TcpUser::new();
    let proxy = Proxy::start(server().port()).await;
    let ca = Some(server().authority().certificate());
    let options = Options { ca, statement_timeout: STATEMENT_TIMEOUT, ..Options::default() };
    let opened = options.open(&user.url("localhost", proxy.port())).await.unwrap();
    silence_fails_one_call(&opened, &proxy).await;
}
