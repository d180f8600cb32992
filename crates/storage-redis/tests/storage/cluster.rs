//! Every rule on a cluster, which refuses scripts over names of several slots.

use std::sync::OnceLock;

use crossauth_testkit::redis::Server;
use crossauth_testkit::server::wait_until;

use crate::site::Site;

/// A cluster of one node that has all slots.
fn cluster() -> &'static Server {
    static CLUSTER: OnceLock<Server> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let server = Server::start(&["--save", "", "--cluster-enabled", "yes"]);
        server.execute(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        wait_until("the cluster is ready", || {
            server.execute(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        });
        server
    })
}

async fn empty_site() -> Site {
    let nodes = format!("{0},{0}", cluster().url());
    Site::open(&nodes, &cluster().empty_prefix()).await
}

crossauth_testkit::key_store_tests!(empty_site);
crossauth_testkit::session_store_tests!(empty_site);
crossauth_testkit::attempt_store_tests!(empty_site);
