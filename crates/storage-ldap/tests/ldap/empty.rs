//! Passwords that a directory would take for an unauthenticated bind, which succeeds (RFC 4513
//! section 5.1.2).

use crossauth_core::directory::{Directory as _, EntryRef, PasswordSet, Verified};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{Options, PasswordChange, ServiceAccount};
use crossauth_testkit::ldap::{Answer, Encryption, Operation, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, PEOPLE, SERVICE, dn_of, person};
use crossauth_testkit::slapd::server;

use crate::site::{ALICE, log_in, patient, proper, template, trusting, verify};

const EMPTY: [&str; 8] =
    ["", " ", "   ", "\t", "\u{a0}", "\0", "\0Correct-horse-7", "Correct-horse-7\0"];

#[tokio::test]
async fn passwords_without_content_are_refused_before_any_bind() {
    // Accepts what is not a password, as Active Directory does.
    let server = Server::start(Encryption::None, |request| match &request.operation {
        Operation::Bind { password, .. } if password.trim_matches(['\0', ' ']).is_empty() => {
            vec![Answer::result(request, 0, "").into()]
        }
        _ => proper(request),
    });
    let searching = patient(vec![server.url()]);
    let by_template = Options { start_tls: false, ..template(vec![server.url()]) };
    for options in [searching, by_template] {
        let options = Options { password_change: PasswordChange::Rfc3062, ..options };
        let directory = options.open().unwrap();
        log_in(&directory, "alice").await;
        assert_eq!(server.binds().last().map(String::as_str), Some(ALICE));
        let before = asked(&server);
        for password in EMPTY {
            let verified = verify(&directory, "alice", password).await.unwrap();
            assert_eq!(verified, Verified::Mismatch(None), "{password:?}");
            let (old, new) = (Password::new(password), Password::new("Another-horse-8"));
            let set = directory.change_password(EntryRef::named("alice"), &old, &new).await;
            assert_eq!(set.unwrap(), PasswordSet::WrongPassword, "{password:?}");
        }
        assert_eq!(asked(&server), before, "the server sees none of them");
        log_in(&directory, "alice").await;
    }
}

/// The number of requests, except the ends of connections, which may come late.
fn asked(server: &Server) -> usize {
    let requests = server.requests().into_iter();
    requests.filter(|request| request.operation != Operation::Unbind).count()
}

#[tokio::test]
async fn openldap_sees_no_bind_without_a_password() {
    let dn = dn_of("blank");
    server().add(&person(&dn, "blank", ""));
    let directory = trusting(server()).open().unwrap();
    log_in(&directory, "blank").await;
    let before = server().count_binds(&dn);
    assert_eq!(before, 1);
    for password in EMPTY {
        let verified = verify(&directory, "blank", password).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None), "{password:?}");
    }
    assert_eq!(server().count_binds(&dn), before);
}

/// Only a password that is blank altogether is refused.
#[tokio::test]
async fn password_with_blanks_around_it_is_verified_as_it_is() {
    let dn = format!("uid=spaced,{PEOPLE}");
    server().add(
        &person(&dn, "spaced", "")
            .replace(&format!("userPassword: {PASSWORD}"), "userPassword:: IGEgYiA="),
    );
    let directory = trusting(server()).open().unwrap();
    assert!(matches!(verify(&directory, "spaced", " a b ").await.unwrap(), Verified::Match(_)));
    for password in ["a b", " a b", "a b "] {
        let verified = verify(&directory, "spaced", password).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None), "{password:?}");
    }
}

#[tokio::test]
async fn service_account_without_a_password_is_refused() {
    let server = Server::start(Encryption::None, proper);
    for password in ["", " ", "\0"] {
        let service = ServiceAccount::new(SERVICE, Password::new(password));
        let options = Options { service: Some(service), ..patient(vec![server.url()]) };
        if let Ok(directory) = options.open() {
            verify(&directory, "alice", PASSWORD).await.unwrap_err();
        }
    }
    assert_eq!(server.binds(), [""; 0]);
}
