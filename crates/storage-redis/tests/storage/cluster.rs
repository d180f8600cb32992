//! Every rule on a cluster, which refuses scripts over names of several slots.

use std::sync::OnceLock;

use crossauth_storage_redis::Options;
use crossauth_testkit::redis::Server;
use crossauth_testkit::server::wait_until;

use crate::site::{Site, begin, create_bob, is_admitted};

/// A cluster of three nodes, each of which has a third of the slots.
fn cluster() -> &'static [Server; 3] {
    static CLUSTER: OnceLock<[Server; 3]> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        let nodes = slots.map(|(first, last)| {
            let node = Server::start(&["--save", "", "--cluster-enabled", "yes"]);
            node.execute(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            node
        });
        let port = nodes[0].port().to_string();
        for node in &nodes[1..] {
            node.execute(&["CLUSTER", "MEET", "127.0.0.1", &port]);
        }
        wait_until("the cluster is ready", || {
            nodes.iter().all(|node| {
                let info = node.execute(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_size:3")
            })
        });
        nodes
    })
}

fn urls() -> String {
    cluster().iter().map(Server::url).collect::<Vec<_>>().join(",")
}

async fn empty_site() -> Site {
    Site::open(&urls(), &cluster()[0].empty_prefix()).await
}

#[tokio::test]
async fn sessions_are_distributed_over_the_nodes() {
    let prefix = cluster()[0].empty_prefix();
    let site = Site::open(&urls(), &prefix).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    for number in 0..30 {
        begin(&storage, &format!("s:{number}"), &bob.id).await;
    }
    for node in cluster() {
        let names = node.execute(&["KEYS", &format!("{prefix}s:*")]);
        assert!((1..30).contains(&names.lines().count()), "{names}");
    }
    for number in 0..30 {
        assert!(is_admitted(&storage, &format!("s:{number}")).await, "{number}");
    }
    let examined = Options { prefix, ..Options::default() }.open(&urls()).await.unwrap();
    let problems = examined.examine().await.unwrap().problems;
    assert!(problems.iter().all(|problem| !problem.is_fatal()), "{problems:?}");
}

crossauth_testkit::key_store_tests!(empty_site);
crossauth_testkit::session_store_tests!(empty_site);
crossauth_testkit::attempt_store_tests!(empty_site);
