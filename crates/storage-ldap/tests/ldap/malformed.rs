//! Answers that are malformed, huge, endless, or not to the question.

use std::time::{Duration, Instant};

use crossauth_core::directory::{Directory as _, DirectoryErrorKind, EntryRef, Found, Verified};
use crossauth_storage_ldap::Options;
use crossauth_testkit::ldap::ber::{self, ENUMERATED, Element, INTEGER, SEQUENCE};
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server, nested};
use crossauth_testkit::slapd::directory::{PASSWORD, SERVICE};

use crate::site::{ALICE, hasty, kind, log_in, patient, proper, scripted, verify};

/// More than any answer that is used, and much less than what a server can send in the time of an
/// operation.
const MUCH: usize = 64 << 20;

type Answering = fn(&Request) -> Vec<Action>;

/// A proper server, except for what it answers to a bind as alice, or to a search.
fn server(is_odd: fn(&Request) -> bool, answer: Answering) -> Server {
    Server::start(
        Encryption::None,
        move |request| {
            if is_odd(request) { answer(request) } else { proper(request) }
        },
    )
}

fn binds(request: &Request) -> bool {
    request.is_bind(ALICE)
}

fn searches(request: &Request) -> bool {
    matches!(&request.operation, Operation::Search { base, .. } if !base.is_empty())
}

fn send(octets: &[u8]) -> Vec<Action> {
    vec![Action::Send(octets.to_vec())]
}

/// Messages that are none, or results that are none.
const MALFORMED: [(&str, Answering); 19] = [
    ("text", |_| send(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    ("zeros", |_| send(&[0; 64])),
    ("ones", |_| send(&[0xff; 64])),
    ("an empty message", |_| send(&[SEQUENCE, 0])),
    ("a message without an operation", |request| {
        let id = u8::try_from(request.id).unwrap();
        send(&[SEQUENCE, 3, INTEGER, 1, id])
    }),
    ("a message without an id", |_| send(&[SEQUENCE, 2, 0x61, 0])),
    ("an id that is text", |_| {
        send(&Element::of(SEQUENCE, &[Element::octets("1"), Element::new(0x61, "")]).encode())
    }),
    ("an id of nine octets", |_| {
        send(
            &Element::of(SEQUENCE, &[Element::new(INTEGER, [1; 9]), Element::new(0x61, "")])
                .encode(),
        )
    }),
    ("an indefinite length", |_| send(&[SEQUENCE, 0x80, INTEGER, 1, 1, 0, 0])),
    ("a length of 127 octets", |_| send(&[&[SEQUENCE, 0xff][..], &[1; 200]].concat())),
    ("a length beyond the message", |_| send(&[SEQUENCE, 5, INTEGER, 0x84, 0xff, 0xff, 0xff])),
    ("an operation that is too short", |request| {
        vec![Answer::result(request, 0, "").with_parts(Vec::new()).into()]
    }),
    ("a result without text", |request| {
        vec![Answer::result(request, 0, "").with_parts(vec![Element::number(ENUMERATED, 0)]).into()]
    }),
    ("a code that is text", |request| {
        let text = Element::octets("");
        vec![
            Answer::result(request, 0, "")
                .with_parts(vec![text.clone(), text.clone(), text])
                .into(),
        ]
    }),
    ("a code without octets", |request| {
        let parts = vec![Element::new(ENUMERATED, ""), Element::octets(""), Element::octets("")];
        vec![Answer::result(request, 0, "").with_parts(parts).into()]
    }),
    ("a code that overflows to zero", |request| {
        let code = Element::new(ENUMERATED, [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let parts = vec![code, Element::octets(""), Element::octets("")];
        vec![Answer::result(request, 0, "").with_parts(parts).into()]
    }),
    ("a code that is cut to zero", |request| vec![Answer::result(request, 1 << 32, "").into()]),
    ("an operation of another kind", |request| {
        vec![Answer::result(request, 0, "").with_tag(0x6b).into()]
    }),
    ("nothing, and the end", |_| vec![Action::Close]),
];

#[tokio::test]
async fn malformed_answers_are_errors() {
    for (what, answer) in MALFORMED {
        for is_odd in [binds, searches] {
            let server = server(is_odd, answer);
            let verified = verify(&scripted(&server), "alice", PASSWORD).await;
            let kind = kind(verified);
            let expected = [DirectoryErrorKind::Protocol, DirectoryErrorKind::Unreachable];
            assert!(expected.contains(&kind), "{what}: {kind:?}");
            assert!(server.requests().iter().any(is_odd), "{what}: it was not asked");
        }
    }
    log_in(&scripted(&server(binds, proper)), "alice").await;
}

/// Parts of an answer that is right as a whole.
#[tokio::test]
async fn cut_answers_are_errors() {
    let whole =
        |request: &Request| Answer::result(request, 0, "welcome").with_policy(None, None).encode();
    let accepts = Server::start(Encryption::None, move |request| {
        if binds(request) { send(&whole(request)) } else { proper(request) }
    });
    log_in(&scripted(&accepts), "alice").await;
    for length in 0..60 {
        let server = Server::start(Encryption::None, move |request| {
            if !binds(request) {
                return proper(request);
            }
            let whole = whole(request);
            let cut = whole.len().saturating_sub(1).min(length);
            vec![Action::Send(whole[..cut].to_vec()), Action::Close]
        });
        let kind = kind(verify(&scripted(&server), "alice", PASSWORD).await);
        let expected = [DirectoryErrorKind::Protocol, DirectoryErrorKind::Unreachable];
        assert!(expected.contains(&kind), "{length}: {kind:?}");
    }
}

#[tokio::test]
async fn deeply_nested_answer_does_not_exhaust_the_stack() {
    for depth in [100, 10_000, 150_000] {
        let server = Server::start(Encryption::None, move |request| {
            if binds(request) { send(&nested(request, depth)) } else { proper(request) }
        });
        let kind = kind(verify(&scripted(&server), "alice", PASSWORD).await);
        assert!(matches!(kind, DirectoryErrorKind::Protocol), "{depth}: {kind:?}");
    }
}

/// The client must end the connection long before the time of the operation is over.
#[tokio::test]
async fn endless_answers_are_cut_off() {
    let cases: [(&str, Answering); 6] = [
        ("a message of 2 GiB", |_| {
            vec![
                Action::Send(ber::header(SEQUENCE, (1 << 31) - 1)),
                Action::Repeat(vec![0; 1 << 16]),
            ]
        }),
        ("a message of 16 EiB", |_| {
            vec![
                Action::Send([&[SEQUENCE, 0x88][..], &[0xff; 8]].concat()),
                Action::Repeat(vec![0; 1 << 16]),
            ]
        }),
        ("entries", |request| {
            let attributes: [(&str, &[&str]); 1] = [("uid", &["alice"])];
            vec![Action::Repeat(Answer::entry(request, ALICE, &attributes).encode())]
        }),
        ("large entries", |request| {
            let value = "x".repeat(100_000);
            let attributes: [(&str, &[&str]); 2] =
                [("uid", &["alice"]), ("description", &[&value])];
            vec![Action::Repeat(Answer::entry(request, ALICE, &attributes).encode())]
        }),
        ("references", |request| {
            vec![Action::Repeat(Answer::reference(request, &["ldap://127.0.0.1:1/"]).encode())]
        }),
        ("answers to other requests", |request| {
            vec![Action::Repeat(Answer::result(request, 0, "").with_id(77).encode())]
        }),
    ];
    for (what, answer) in cases {
        let server = server(searches, answer);
        let options =
            Options { operation_timeout: Duration::from_mins(2), ..patient(vec![server.url()]) };
        let began = Instant::now();
        let verified = verify(&options.open().unwrap(), "alice", PASSWORD).await;
        // Two entries are enough to know that there is more than one.
        let is_refused = matches!(&verified, Ok(Verified::Mismatch(_)))
            || matches!(&verified, Err(error) if error.kind == DirectoryErrorKind::Protocol)
            || matches!(&verified, Err(error) if error.kind == DirectoryErrorKind::TooLarge);
        assert!(is_refused, "{what}: {verified:?}");
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        assert!(server.sent() < MUCH, "{what}: {} octets were read", server.sent());
        wait_until_closed(&server, what).await;
        assert!(!server.binds().iter().any(|dn| dn == ALICE), "{what}");
    }
}

/// An entry with many values, below and above the limit.
#[tokio::test]
async fn entry_above_the_limit_is_an_error() {
    for (count, is_allowed) in [(100, true), (10_000, false)] {
        let server = Server::start(Encryption::None, move |request| {
            if !searches(request) {
                return proper(request);
            }
            let values: Vec<String> = (0..count).map(|n| format!("value number {n:06}")).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let attributes: [(&str, &[&str]); 3] =
                [("uid", &["alice"]), ("entryUUID", &["1"]), ("description", &values)];
            let entry = Answer::entry(request, ALICE, &attributes);
            vec![entry.into(), Answer::result(request, 0, "").into()]
        });
        let options = Options { max_entry_size: 100_000, ..patient(vec![server.url()]) };
        let directory = options.open().unwrap();
        if is_allowed {
            log_in(&directory, "alice").await;
        } else {
            let verified = verify(&directory, "alice", PASSWORD).await;
            assert_eq!(kind(verified), DirectoryErrorKind::TooLarge);
            // It says nothing about others.
            let found = directory.find(&[EntryRef::named("alice")]).await.unwrap();
            assert!(matches!(found[..], [Found::Unusable(_)]), "{found:?}");
        }
    }
}

/// A success for another request is none for this one.
#[tokio::test]
async fn answer_with_another_id_does_not_log_in() {
    for id in [-1, 0, 77, i64::from(i32::MAX), 1 << 32, i64::MIN] {
        let server = Server::start(Encryption::None, move |request| {
            if !binds(request) {
                return proper(request);
            }
            let other = if id == 77 { request.id + 1 } else { id };
            vec![Answer::result(request, 0, "").with_id(other).into(), Action::Wait]
        });
        let directory = hasty(vec![server.url()]).open().unwrap();
        let kind = kind(verify(&directory, "alice", PASSWORD).await);
        let expected = [
            DirectoryErrorKind::Protocol,
            DirectoryErrorKind::TimedOut,
            DirectoryErrorKind::Unreachable,
        ];
        assert!(expected.contains(&kind), "{id}: {kind:?}");
    }
}

/// A success that is sent before the question, such as that for a former request.
#[tokio::test]
async fn answer_ahead_of_its_request_does_not_log_in() {
    let server = Server::start(Encryption::None, |request| match &request.operation {
        Operation::Bind { dn, .. } if dn == SERVICE => {
            let mut actions = proper(request);
            for ahead in 1..10 {
                let answer = Answer::result(request, 0, "").with_id(request.id + ahead);
                actions.push(answer.into());
            }
            actions
        }
        Operation::Bind { .. } => vec![Answer::result(request, 49, "").into()],
        _ => proper(request),
    });
    let verified = verify(&scripted(&server), "alice", "wrong").await;
    let is_match = matches!(verified, Ok(Verified::Match(_) | Verified::MustChange(_)));
    assert!(!is_match, "{verified:?}");
}

#[tokio::test]
async fn announced_end_of_the_connection_is_an_error() {
    let server =
        server(binds, |_| vec![Answer::disconnection(52, "going down").into(), Action::Close]);
    let kind = kind(verify(&scripted(&server), "alice", PASSWORD).await);
    assert!(
        matches!(kind, DirectoryErrorKind::Unreachable | DirectoryErrorKind::Protocol),
        "{kind:?}"
    );
}

/// Text that is not UTF-8, and control characters, in all places where a server can put text.
#[tokio::test]
async fn text_that_is_not_utf8_is_harmless() {
    let server = Server::start(Encryption::None, |request| {
        if !searches(request) {
            return proper(request);
        }
        let odd: &[u8] = b"\xff\xfe\x1b[31m\r\nroom";
        let attributes: [(&str, &[&[u8]]); 4] = [
            ("uid", &[b"alice"]),
            ("entryUUID", &[b"1"]),
            ("mail", &[odd]),
            ("description", &[odd, b""]),
        ];
        let entry = Answer::entry(request, ALICE, &attributes);
        vec![entry.into(), Answer::result(request, 0, "").into()]
    });
    let directory = scripted(&server);
    let verified = verify(&directory, "alice", PASSWORD).await;
    match verified {
        Ok(Verified::Match(entry)) => assert_eq!(entry.email, None),
        Ok(Verified::Refused(_)) => {}
        other => panic!("{other:?}"),
    }
    let refusing = Server::start(Encryption::None, |request| {
        if !binds(request) {
            return proper(request);
        }
        let parts = vec![
            Element::number(ENUMERATED, 80),
            Element::octets(""),
            Element::octets(b"\xff\r\nINFO forged line \x1b[2J"),
        ];
        vec![Answer::result(request, 80, "").with_parts(parts).into()]
    });
    let error = verify(&scripted(&refusing), "alice", PASSWORD).await.unwrap_err();
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

/// Also the entries that a sync asks for.
#[tokio::test]
async fn malformed_entry_of_a_sync_is_an_error() {
    let server = server(searches, |request| {
        vec![
            Answer::result(request, 0, "")
                .with_tag(0x64)
                .with_parts(vec![Element::octets("x")])
                .into(),
            Answer::result(request, 0, "").into(),
        ]
    });
    let found = scripted(&server).find(&[EntryRef::named("alice")]).await;
    assert_eq!(kind(found), DirectoryErrorKind::Protocol);
}

async fn wait_until_closed(server: &Server, what: &str) {
    let end = Instant::now() + Duration::from_mins(1);
    while server.open() > 1 {
        assert!(Instant::now() < end, "{what}: the connection is still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
