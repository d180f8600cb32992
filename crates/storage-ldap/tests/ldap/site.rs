//! Directories to test, and what they answer.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossauth_core::directory::{
    Directory as _, DirectoryError, DirectoryErrorKind, Entry, EntryRef, Verified,
};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{Bind, LdapDirectory, Options, Scope, ServiceAccount};
use crossauth_testkit::authority::Authority;
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, PEOPLE, SERVICE, SERVICE_PASSWORD};
use crossauth_testkit::slapd::{self, server};

/// As little as a slow machine may take to answer, and as much as a test should wait for a server that
/// does not.
pub(crate) const SHORT: Duration = Duration::from_secs(1);

/// Options that find people by their names and e-mail addresses, as the account for services.
pub(crate) fn searching(urls: Vec<String>) -> Options {
    let bind = Bind::Search {
        base: PEOPLE.into(),
        attributes: vec!["uid".into(), "mail".into()],
        filter: None,
        scope: Scope::Subtree,
    };
    let service = ServiceAccount::new(SERVICE, Password::new(SERVICE_PASSWORD));
    Options {
        service: Some(service),
        connect_timeout: Duration::from_secs(30),
        operation_timeout: Duration::from_secs(30),
        acquire_timeout: Duration::from_secs(30),
        ..Options::new(urls, bind)
    }
}

/// Options that make the name of an entry from the username.
pub(crate) fn template(urls: Vec<String>) -> Options {
    let bind = Bind::Template { attribute: "uid".into(), base: PEOPLE.into() };
    Options { bind, service: None, ..searching(urls) }
}

/// Options for OpenLDAP, with TLS from the beginning.
pub(crate) fn trusting(server: &slapd::Server) -> Options {
    Options { ca: Some(certificate(server.authority())), ..searching(vec![server.tls_url()]) }
}

/// Options for OpenLDAP without TLS.
pub(crate) fn plain(server: &slapd::Server) -> Options {
    Options { start_tls: false, ..searching(vec![server.url()]) }
}

/// The directory that most tests use.
pub(crate) fn directory() -> LdapDirectory {
    trusting(server()).open().unwrap()
}

/// A directory on a server that follows a script.
pub(crate) fn scripted(server: &Server) -> LdapDirectory {
    patient(vec![server.url()]).open().unwrap()
}

/// Options without TLS.
pub(crate) fn patient(urls: Vec<String>) -> Options {
    Options { start_tls: false, ..searching(urls) }
}

/// Options without TLS, with short time limits, for servers that do not answer.
pub(crate) fn hasty(urls: Vec<String>) -> Options {
    Options {
        connect_timeout: SHORT,
        operation_timeout: SHORT,
        acquire_timeout: SHORT,
        ..patient(urls)
    }
}

pub(crate) fn certificate(authority: &Authority) -> Vec<u8> {
    fs::read(authority.certificate()).unwrap()
}

pub(crate) async fn verify(
    directory: &LdapDirectory,
    name: &str,
    password: &str,
) -> Result<Verified, DirectoryError> {
    directory.verify(EntryRef::named(name), &Password::new(password)).await
}

/// Logs in, with the password that everyone has.
pub(crate) async fn log_in(directory: &LdapDirectory, name: &str) -> Entry {
    match verify(directory, name, PASSWORD).await {
        Ok(Verified::Match(entry)) => *entry,
        other => panic!("{name}: {other:?}"),
    }
}

/// Finds an entry by its name.
pub(crate) async fn find(directory: &LdapDirectory, name: &str) -> Option<Entry> {
    directory.find(&[EntryRef::named(name)]).await.unwrap().pop().unwrap().entry()
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, DirectoryError>) -> DirectoryErrorKind {
    result.unwrap_err().kind
}

/// The name of the only entry of the server that follows [`proper`].
pub(crate) const ALICE: &str = "uid=alice,ou=people,dc=example,dc=org";

/// What a proper server answers that has alice only.
pub(crate) fn proper(request: &Request) -> Vec<Action> {
    let done = Answer::result(request, 0, "");
    match &request.operation {
        Operation::Bind { dn, password }
            if !(dn == SERVICE && password == SERVICE_PASSWORD
                || dn == ALICE && password == PASSWORD) =>
        {
            vec![Answer::result(request, 49, "").into()]
        }
        Operation::Search { base, .. } if !base.is_empty() => {
            let values = ["alice"];
            let id = ["57e7a3ea-0000-4000-8000-000000000001"];
            let mail = ["alice@example.org"];
            let attributes: [(&str, &[&str]); 3] =
                [("uid", &values), ("entryUUID", &id), ("mail", &mail)];
            vec![Answer::entry(request, ALICE, &attributes).into(), done.into()]
        }
        _ => vec![done.into()],
    }
}

/// Much more than the limits of an attempt, with all of its connections.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A proper server that does not answer to some requests.
pub(crate) fn silent(is_unanswered: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Server {
    Server::start(Encryption::None, move |request| {
        if is_unanswered(request) { vec![Action::Wait] } else { proper(request) }
    })
}

pub(crate) fn spawn(directory: &Arc<LdapDirectory>) -> tokio::task::JoinHandle<()> {
    let directory = Arc::clone(directory);
    tokio::spawn(async move {
        let _ = verify(&directory, "alice", PASSWORD).await;
    })
}

/// Waits until something has happened.
pub(crate) async fn until(mut has_happened: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !has_happened() {
        assert!(Instant::now() < end, "it has not happened within {LONG:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Logs in at the same time.
pub(crate) async fn log_in_together(directory: &LdapDirectory, count: usize) {
    let logins = (0..count).map(|_| log_in(directory, "alice"));
    futures_util::future::join_all(logins).await;
}

/// With short limits, a slow machine may need more than one attempt.
pub(crate) async fn log_in_soon(directory: &LdapDirectory, name: &str) {
    let end = Instant::now() + LONG;
    loop {
        match verify(directory, name, PASSWORD).await {
            Ok(verified) => {
                assert!(matches!(verified, Verified::Match(_)), "{verified:?}");
                break;
            }
            Err(error) => {
                assert!(Instant::now() < end, "{error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
