//! The suites of all ports, over a server of Redis and SQLite.

use crossauth_testkit::redis::server;

use crate::site::Site;

async fn empty_site() -> Site {
    Site::open(&server().url(), &server().empty_prefix()).await
}

crossauth_testkit::store_tests!(empty_site);
