//! Sessions at the edge of their expiry, for every database (field report 39).

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::Storage;
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_testkit::storage::create_user;

use crate::opened::{Driver, Opened};

/// Where the local time of some zone skips or repeats an hour, and other edges of calendars.
const EDGES: [&str; 8] = [
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-10-25T00:30:00Z",
    "2026-04-04T15:00:00Z",
    "2026-12-31T23:59:59.999Z",
    "2028-02-29T12:00:00Z",
];

pub(crate) async fn expiry_is_exact<D: Driver>() {
    is_exact(&Opened::<D>::open().await.storage()).await;
}

/// Times are read as they were written, and purging compares them, to the millisecond.
pub(crate) async fn is_exact(storage: &Storage) {
    let bob = create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    for edge in EDGES {
        let edge = Timestamp::parse_rfc3339(edge).unwrap();
        let at = |offset| Timestamp::from_millis(edge.as_millis() + offset);
        for offset in [-1, 0, 1] {
            let times = Key {
                expires: Some(at(offset)),
                lastactive: Some(at(offset)),
                ..Key::new(format!("s:{offset}"), Some(bob.id.clone()), at(offset))
            };
            storage.keys.insert(&times).await.unwrap();
            let key = storage.keys.find(&times.value).await.unwrap().unwrap();
            assert_eq!(
                (key.created, key.expires, key.lastactive),
                (times.created, times.expires, times.lastactive),
                "{edge:?}"
            );
        }
        for (now, left) in [(-1, 3), (0, 2), (1, 1), (2, 0)] {
            storage.keys.purge(at(now), 10).await.unwrap();
            let mut found = 0;
            for offset in [-1, 0, 1] {
                let session = storage.sessions.find(&format!("s:{offset}")).await.unwrap();
                found += usize::from(session.is_some());
            }
            assert_eq!(found, left, "{edge:?}, {now}");
        }
    }
}
