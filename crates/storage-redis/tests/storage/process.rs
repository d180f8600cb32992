//! Several processes over one Redis and one database.

use crossauth_core::key::KeyPrefix;
use crossauth_core::storage::{
    Change, Charge, Charged, Effects, EndSessions, SessionStart, Started,
};
use crossauth_testkit::redis::Server;

use crate::site::{HOUR, NOW, Site, begin, create_bob, is_admitted, session, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_act_as_one() {
    let server = Server::start(&["--save", "", "--appendonly", "no"]);
    let one = Site::open(&server.url(), "crossauth:").await;
    let two = one.of_another_process(&server.url()).await;
    let [one, two] = [one.storage(), two.storage()];
    let bob = create_bob(&one).await;
    for value in ["s:1", "s:2", "s:3"] {
        begin(&one, value, &bob.id).await;
        assert!(is_admitted(&two, value).await);
    }
    assert!(two.keys.delete("s:1").await.unwrap());
    assert!(!is_admitted(&one, "s:1").await);
    assert!(!one.keys.delete("s:1").await.unwrap());
    let effects = Effects { sessions: EndSessions::AllBut("s:3"), ..Effects::default() };
    two.users.change(&bob.id, &Change { effects, ..Change::default() }).await.unwrap();
    assert!(!is_admitted(&one, "s:2").await);
    assert!(is_admitted(&one, "s:3").await);
    // One login replaces it, of both.
    let mut tasks = Vec::new();
    for (number, storage) in [&one, &two].into_iter().cycle().take(20).cloned().enumerate() {
        let id = bob.id.clone();
        tasks.push(tokio::spawn(async move {
            let key = session(&format!("s:new{number}"), Some(&id));
            let login = SessionStart { must_replace: true, ..start(&key, Some("s:3")) };
            storage.sessions.start(login).await.unwrap()
        }));
    }
    let (mut begun, mut gone) = (0, 0);
    for task in tasks {
        let started = task.await.unwrap();
        begun += usize::from(matches!(started, Started::Begun(_)));
        gone += usize::from(started == Started::SessionGone);
    }
    assert_eq!((begun, gone), (1, 19));
    let listed = two.keys.list_for_user(Some(&bob.id), KeyPrefix::Session, None, 99).await.unwrap();
    assert_eq!(listed.len(), 1);
    // They count together.
    let attempt = [Charge { subject: "login".into(), limit: 2, window: HOUR }];
    for storage in [&one, &two] {
        assert_eq!(storage.attempts.charge(&attempt, NOW).await.unwrap(), Charged::Ok);
    }
    let refused = one.attempts.charge(&attempt, NOW).await.unwrap();
    assert!(matches!(refused, Charged::Exhausted { .. }), "{refused:?}");
}
