//! A process is killed, stopped or stands still while the others serve.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crossauth_testkit::server::{Server, Signal, wait_until};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Browser, PASSWORD, Site};

/// Browsers that read, and browsers that write, through the proxy.
struct Load {
    is_over: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    readers: JoinSet<Vec<String>>,
    writers: JoinSet<()>,
    /// The statuses of the writes that failed.
    failed: Arc<Mutex<Vec<u16>>>,
}

impl Load {
    async fn start(site: &Site) -> Self {
        let mut load = Self {
            is_over: Arc::default(),
            reads: Arc::default(),
            writes: Arc::default(),
            readers: JoinSet::new(),
            writers: JoinSet::new(),
            failed: Arc::default(),
        };
        let at = site.proxy.address;
        for _ in 0..3 {
            let mut browser = Browser::new();
            assert_eq!(browser.log_in(at, "alice", PASSWORD).await, 200);
            let (is_over, reads) = (Arc::clone(&load.is_over), Arc::clone(&load.reads));
            load.readers.spawn(async move {
                let mut failures = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let (status, body) = browser.get(at, "/api/userforsessionkey").await;
                    if status != 200 || body["user"]["username"] != "alice" {
                        failures.push(format!("{status} {body}"));
                    }
                    reads.fetch_add(1, Ordering::SeqCst);
                }
                failures
            });
        }
        for _ in 0..3 {
            let (is_over, writes) = (Arc::clone(&load.is_over), Arc::clone(&load.writes));
            let failed = Arc::clone(&load.failed);
            load.writers.spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    let status = Browser::new().log_in(at, "alice", PASSWORD).await;
                    if status != 200 {
                        failed.lock().unwrap().push(status);
                    }
                    writes.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        load
    }

    /// Waits for some more requests.
    fn pass(&self) {
        let (reads, writes) = (&self.reads, &self.writes);
        let wanted = (reads.load(Ordering::SeqCst) + 60, writes.load(Ordering::SeqCst) + 12);
        wait_until("requests pass", || {
            reads.load(Ordering::SeqCst) >= wanted.0 && writes.load(Ordering::SeqCst) >= wanted.1
        });
    }

    /// The statuses of the writes that have failed so far.
    fn failed_writes(&self) -> Vec<u16> {
        self.failed.lock().unwrap().clone()
    }

    /// The failures of reads, and those of writes.
    async fn end(self) -> (Vec<String>, Vec<u16>) {
        self.is_over.store(true, Ordering::SeqCst);
        self.writers.join_all().await;
        let failed = self.failed.lock().unwrap().clone();
        (self.readers.join_all().await.concat(), failed)
    }
}

/// A write in its hands is one that it was answering, or that nginx sent it over an idle connection
/// before it saw that the connection is closed. So one browser can meet both, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn killed_process_fails_only_the_writes_in_its_hands() {
    let mut site = Site::start();
    site.shared.add("alice");
    let load = Load::start(&site).await;
    load.pass();
    site.nodes[0].signal(Signal::KILL);
    site.nodes[0].wait();
    load.pass();
    let in_its_hands = load.failed_writes();
    assert!(
        in_its_hands.len() <= 6 && in_its_hands.iter().all(|&it| it == 502),
        "{in_its_hands:?}"
    );
    site.nodes[0].resume();
    load.pass();
    let (reads, writes) = load.end().await;
    assert_eq!(reads, [""; 0]);
    assert_eq!(writes, in_its_hands, "no write fails later");
    site.shared.run(&["audit", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart_fails_no_request() {
    let mut site = Site::start();
    site.shared.add("alice");
    let load = Load::start(&site).await;
    for node in &mut site.nodes {
        load.pass();
        let requests = |node: &Server| node.log().matches("/api/").count();
        let before = requests(node);
        node.restart();
        // Only then the next: nginx leaves a process out for two seconds that it could not reach.
        wait_until("nginx asks it again", || requests(node) > before + 10);
    }
    let (reads, writes) = load.end().await;
    assert_eq!((reads, writes), (Vec::new(), Vec::new()));
}

/// What a process that stands still has begun is judged when it goes on: not done a second time.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_stands_still_loses_no_session_and_repeats_nothing() {
    let site = Site::start();
    site.shared.add("alice");
    let mut alice = Browser::new();
    assert_eq!(alice.log_in(site.node(0), "alice", PASSWORD).await, 200);
    site.shared.run(&["user", "send-reset", "alice"]);
    let mail = site.shared.mail.next();
    let token = mail.body().split("resetpassword/").nth(1).unwrap();
    let token: String = token.chars().take_while(|it| !it.is_whitespace()).collect();
    let reset = |password: &str| json!({ "token": token, "new_password": password, "repeat_password": password });
    let mut late = Browser::new();
    let request = late.prepare(site.node(0), "/api/resetpassword", &reset("Late-horse-7")).await;
    let paused = Paused::new(&site.nodes[0]);
    let late = tokio::spawn(async move { late.send(request).await });
    for _ in 0..6 {
        assert_eq!(alice.user(site.proxy.address).await, "alice", "the proxy asks another one");
    }
    let mut prompt = Browser::new();
    let used = prompt.post(site.node(1), "/api/resetpassword", &reset("Prompt-horse-7")).await;
    assert_eq!(used.0, 200, "{}", used.1);
    drop(paused);
    let (status, refused) = late.await.unwrap();
    assert_eq!(status, 401, "{refused}");
    assert_eq!(Browser::new().log_in(site.node(0), "alice", "Late-horse-7").await, 401);
    assert_eq!(Browser::new().log_in(site.node(0), "alice", "Prompt-horse-7").await, 200);
    assert!(alice.user(site.node(0)).await.is_null(), "a new password ends sessions");
}

/// A process that stands still until this is dropped.
struct Paused<'a>(&'a Server);

impl<'a> Paused<'a> {
    fn new(server: &'a Server) -> Self {
        server.signal(Signal::STOP);
        let status = format!("/proc/{}/stat", server.process_id());
        wait_until("the process stands still", || {
            std::fs::read_to_string(&status).unwrap().contains(") T ")
        });
        Self(server)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}
