//! The processes act as one: sessions, limits, messages, the audit log, set-up.

use std::collections::BTreeSet;

use crossauth_testkit::server::{Server, wait_until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Browser, PASSWORD, PORTS, Shared, Site};

#[tokio::test]
async fn session_is_honoured_and_ended_by_every_process() {
    let site = Site::start();
    site.shared.add("alice");
    let [mut first, mut second] = [Browser::new(), Browser::new()];
    assert_eq!(first.log_in(site.node(0), "alice", PASSWORD).await, 200);
    assert_eq!(second.log_in(site.node(1), "alice", PASSWORD).await, 200);
    for number in 0..PORTS.len() {
        assert_eq!(first.user(site.node(number)).await, "alice");
        assert_eq!(second.user(site.node(number)).await, "alice");
    }
    let cookies = first.cookies.clone();
    assert_eq!(first.post(site.node(1), "/api/logout", &json!({})).await.0, 200);
    for number in 0..PORTS.len() {
        first.cookies.clone_from(&cookies);
        assert!(first.user(site.node(number)).await.is_null(), "process {number}");
        assert_eq!(second.user(site.node(number)).await, "alice");
    }
    site.shared.run(&["user", "disable", "alice"]);
    for number in 0..PORTS.len() {
        let cookies = second.cookies.clone();
        assert!(second.user(site.node(number)).await.is_null(), "process {number}");
        second.cookies = cookies;
    }
}

#[tokio::test]
async fn attempts_count_together() {
    let site = Site::start();
    site.shared.add("alice");
    let mut judged = 0;
    for attempt in 0..30 {
        let mut browser = Browser::new();
        let status = browser.log_in(site.node(attempt % 3), "alice", "Wrong-horse-7").await;
        assert!([401, 429].contains(&status), "{status}");
        judged += usize::from(status == 401);
    }
    assert_eq!(judged, 10, "logins to one account from one address");
    for number in 0..PORTS.len() {
        let status = Browser::new().log_in(site.node(number), "alice", PASSWORD).await;
        assert_eq!(status, 429, "process {number}");
    }
}

/// All three look for messages when they start.
#[test]
fn each_message_is_sent_once() {
    let shared = Shared::new();
    let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
    for name in names {
        let email = format!("{name}@example.com");
        shared.run(&["user", "add", name, "--email", &email, "--invite"]);
    }
    let site = shared.start();
    let (mut recipients, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for _ in names {
        let received = site.shared.mail.next();
        recipients.extend(received.to.clone());
        ids.extend(received.header("Message-ID"));
    }
    assert_eq!((recipients.len(), ids.len()), (names.len(), names.len()), "{recipients:?}");
    wait_until("every message is settled", || {
        site.shared.run(&["outbox", "list", "--json"]).is_empty()
    });
    assert_eq!(site.shared.mail.stop(), 0, "each was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_all_processes_are_in_one_chain() {
    let site = Site::start();
    site.shared.add("alice");
    let mut logins = JoinSet::new();
    for login in 0..9 {
        let at = site.node(login % 3);
        logins.spawn(async move { Browser::new().log_in(at, "alice", PASSWORD).await });
    }
    assert_eq!(logins.join_all().await, [200; 9]);
    let is_login =
        |line: &&str| serde_json::from_str::<Value>(line).unwrap()["act"] == "login.succeeded";
    let listed = site.shared.run(&["audit", "list", "--json"]);
    assert_eq!(listed.lines().filter(is_login).count(), 9);
    wait_until("the events are in the chain", || {
        site.shared.run(&["audit", "verify"]).contains("verified events: 10\n")
    });
}

#[tokio::test]
async fn any_set_up_link_works_on_any_process_and_only_one_is_used() {
    let site = Site::start();
    let links: Vec<String> = site.nodes.iter().map(Server::setup_link).collect();
    let mut made = 0;
    for (number, link) in links.iter().enumerate() {
        // Each through another process than that which printed it.
        let at = site.node((number + 1) % 3);
        let token = link.split_once("token=").unwrap().1;
        let name = format!("root{number}");
        let form = [
            ("token", token),
            ("username", &name),
            ("password", PASSWORD),
            ("repeat_password", PASSWORD),
        ];
        let mut browser = Browser::new();
        let request = browser.form(at, "/setup").await.form(&form);
        let (status, _) = browser.send(request).await;
        assert_eq!(status, if number == 0 { 302 } else { 401 });
        made += usize::from(browser.user(at).await == name);
    }
    assert_eq!(made, 1);
    let users = site.shared.run(&["user", "list"]);
    assert!(users.contains("root0") && !users.contains("root1"), "{users}");
}
