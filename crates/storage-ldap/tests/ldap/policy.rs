//! Password policies: what OpenLDAP's overlay says, and what others do.

use crossauth_core::directory::{EntryRefusal, Standing, Verified};
use crossauth_testkit::ldap::{Action, Answer, Encryption, PASSWORD_POLICY, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, dn_of, person};
use crossauth_testkit::slapd::server;

use crate::site::{ALICE, directory, find, log_in, proper, scripted, verify};

#[tokio::test]
async fn expired_password_is_refused() {
    let verified = verify(&directory(), "expired", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Refused(EntryRefusal::PasswordExpired));
    let verified = verify(&directory(), "expired", "wrong").await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None), "a wrong password does not reveal it");
}

#[tokio::test]
async fn expired_password_logs_in_as_often_as_the_policy_grants() {
    for _ in 0..2 {
        let verified = verify(&directory(), "grace", PASSWORD).await.unwrap();
        assert!(matches!(verified, Verified::Match(_) | Verified::MustChange(_)), "{verified:?}");
    }
    let verified = verify(&directory(), "grace", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Refused(EntryRefusal::PasswordExpired));
}

#[tokio::test]
async fn password_that_expires_soon_logs_in() {
    log_in(&directory(), "warned").await;
}

#[tokio::test]
async fn password_that_was_reset_must_be_changed() {
    let verified = verify(&directory(), "mustchange", PASSWORD).await.unwrap();
    match verified {
        Verified::MustChange(entry) => assert_eq!(entry.unwrap().username, "mustchange"),
        other => panic!("{other:?}"),
    }
    let verified = verify(&directory(), "mustchange", "wrong").await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None));
}

#[tokio::test]
async fn locked_account_does_not_tell_whether_the_password_is_right() {
    for password in [PASSWORD, "wrong"] {
        let verified = verify(&directory(), "locked", password).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(Some(EntryRefusal::Locked)), "{password}");
    }
}

#[tokio::test]
async fn account_is_locked_after_wrong_passwords_and_its_entry_stays_active() {
    let dn = dn_of("lockable");
    log_in(&directory(), "lockable").await;
    for _ in 0..3 {
        let verified = verify(&directory(), "lockable", "wrong").await.unwrap();
        assert!(matches!(verified, Verified::Mismatch(_)), "{verified:?}");
    }
    let verified = verify(&directory(), "lockable", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Mismatch(Some(EntryRefusal::Locked)));
    // Else an attacker could end sessions.
    assert_eq!(find(&directory(), "lockable").await.unwrap().standing, Standing::Active);
    server().modify(&format!("dn: {dn}\nchangetype: modify\ndelete: pwdAccountLockedTime\n\n"));
    log_in(&directory(), "lockable").await;
}

/// The value with which an administrator locks an account for good.
#[tokio::test]
async fn account_that_an_administrator_locked_is_disabled() {
    assert_eq!(find(&directory(), "locked").await.unwrap().standing, Standing::Disabled);
}

/// Also one whose password was correct before: its time is over, or has not come yet.
#[tokio::test]
async fn entry_outside_of_its_time_is_disabled() {
    let shadow = |day: &str| {
        format!(
            "objectClass: posixAccount\nobjectClass: shadowAccount\nuidNumber: 1\ngidNumber: 1\n\
             homeDirectory: /\nshadowExpire: {day}\n"
        )
    };
    for (name, further, is_active) in [
        ("started", "pwdStartTime: 20200101000000Z\npwdEndTime: 99990101000000Z\n", true),
        ("ended", "pwdEndTime: 20200101000000Z\n", false),
        ("early", "pwdStartTime: 99990101000000Z\n", false),
        ("shadow", &shadow("-1"), true),
        ("shadowlong", &shadow("2000000000"), true),
        ("shadowgone", &shadow("18000"), false),
    ] {
        let standing = if is_active { Standing::Active } else { Standing::Disabled };
        server().add(&person(&dn_of(name), name, further));
        assert_eq!(find(&directory(), name).await.unwrap().standing, standing, "{name}");
        let verified = verify(&directory(), name, PASSWORD).await.unwrap();
        assert_eq!(matches!(verified, Verified::Match(_)), is_active, "{name}: {verified:?}");
        let verified = verify(&directory(), name, "wrong").await.unwrap();
        assert!(matches!(verified, Verified::Mismatch(_)), "{name}: {verified:?}");
    }
}

/// A server with other answers to the right password.
async fn answer_to_bind(code: i64, warning: Option<(u8, i64)>, error: Option<u8>) -> Verified {
    let server = Server::start(Encryption::None, move |request| {
        if request.is_bind(ALICE) {
            vec![Answer::result(request, code, "").with_policy(warning, error).into()]
        } else {
            proper(request)
        }
    });
    verify(&scripted(&server), "alice", PASSWORD).await.unwrap()
}

#[tokio::test]
async fn controls_of_other_servers_are_understood() {
    for warning in [None, Some((0, 3600)), Some((1, 3)), Some((1, 1))] {
        let verified = answer_to_bind(0, warning, None).await;
        assert!(matches!(verified, Verified::Match(_)), "{warning:?}: {verified:?}");
    }
    assert!(matches!(answer_to_bind(0, None, Some(2)).await, Verified::MustChange(_)));
    let expired = Verified::Refused(EntryRefusal::PasswordExpired);
    assert_eq!(answer_to_bind(49, None, Some(0)).await, expired);
    let locked = Verified::Mismatch(Some(EntryRefusal::Locked));
    assert_eq!(answer_to_bind(49, None, Some(1)).await, locked);
    assert_eq!(answer_to_bind(49, None, None).await, Verified::Mismatch(None));
}

/// A control that cannot be read is neither a success nor a crash.
#[tokio::test]
async fn malformed_controls_are_errors_or_ignored() {
    let values: [&[u8]; 9] = [
        b"",
        b"\x30",
        b"\x30\x05",
        b"\x30\x03\x81\x01",
        b"\x30\x02\x81\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80\x81\x01\x02\x00\x00",
        b"\x31\x03\x81\x01\x02",
        &[0xff; 300],
    ];
    for value in values {
        for code in [0, 49] {
            let value = value.to_vec();
            let server = Server::start(Encryption::None, move |request| {
                if request.is_bind(ALICE) {
                    let answer = Answer::result(request, code, "");
                    vec![answer.with_control(PASSWORD_POLICY, &value).into()]
                } else {
                    proper(request)
                }
            });
            let verified = verify(&scripted(&server), "alice", PASSWORD).await;
            if code == 49 {
                let is_refused = matches!(verified, Err(_) | Ok(Verified::Mismatch(_)));
                assert!(is_refused, "{verified:?}");
            }
        }
    }
}

#[tokio::test]
async fn message_of_a_server_is_no_code_of_another_product() {
    // "data 532" in a message of a server that is not Active Directory.
    let server = Server::start(Encryption::None, |request| {
        let result = Answer::result(request, 49, "no data 532 here");
        if request.is_bind(ALICE) { vec![Action::from(result)] } else { proper(request) }
    });
    let verified = verify(&scripted(&server), "alice", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None));
}
