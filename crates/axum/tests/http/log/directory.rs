//! What fails in a directory is in the log, without the password that could not be verified.

use std::sync::Arc;

use crossauth_core::directory::{DirectoryConfig, DirectoryErrorKind, FirstLogin};
use crossauth_testkit::directory::{ScriptedDirectory, entry};

use super::Log;
use crate::site::Site;

const SECRET: &str = "Canary-Directory-7";

#[tokio::test]
async fn line_of_a_directory_that_fails_says_what_failed_and_has_no_password() {
    let log = Log::for_the_whole_process();
    let directory = ScriptedDirectory::default();
    directory.add(entry("canary-entry"), SECRET);
    let config = DirectoryConfig {
        first_login: FirstLogin::CreatesAccount,
        ..DirectoryConfig::new(Arc::new(directory.clone()))
    };
    let site = Site::with(|site| site.directory(config));
    assert_eq!(site.browser().log_in("canary-entry", SECRET).await.status, 200);
    // Other tests cause no failures of these kinds.
    for (kind, expected) in [
        (DirectoryErrorKind::TimedOut, "kind=TimedOut error=the directory is too slow"),
        (
            DirectoryErrorKind::ServiceAccount,
            "kind=ServiceAccount error=the directory refuses the service account",
        ),
        (DirectoryErrorKind::Protocol, "kind=Protocol error=the directory gives an invalid answer"),
        (
            DirectoryErrorKind::Configuration,
            "kind=Configuration error=the settings do not fit the directory",
        ),
        (DirectoryErrorKind::Busy, "kind=Busy error=all connections to the directory are in use"),
    ] {
        directory.fail(kind);
        site.browser().log_in("canary-entry", SECRET).await.assert_failure(503, "Connection");
        let text = log.text();
        let line = text.lines().find(|line| line.contains(expected));
        let line = line.unwrap_or_else(|| panic!("no line has {expected:?}"));
        assert!(line.contains("the directory failed"), "{line}");
    }
    let text = log.text();
    assert!(text.contains("account created at first login"));
    assert!(!text.contains(SECRET));
}
