//! Bad configuration, and looking at it.

use crate::process::{crossauth, run};

#[test]
fn every_problem_is_named_and_the_exit_code_is_2() {
    let directory = tempfile::tempdir().unwrap();
    let text = "lissten = 'x'\n[session]\nidle_timeout = 'soon'\n";
    std::fs::write(directory.path().join("crossauth.toml"), text).unwrap();
    for command in ["serve", "migrate"] {
        let output = crossauth()
            .arguments(&[command, "--config", "crossauth.toml"])
            .variable("CROSSAUTH_SECRET", "canary")
            .variable("CROSSAUTH_LISTEM", "canary")
            .run_in(directory.path());
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 4, "{stderr}");
        assert!(stderr.contains("lissten: no such setting; did you mean listen? (crossauth.toml)"));
        assert!(stderr.contains("session.idle_timeout = \"soon\": expected a duration"));
        assert!(stderr.contains("did you mean CROSSAUTH_LISTEN? (environment)"));
        assert!(stderr.contains("secret: expected at least 16 bytes"));
        assert!(!stderr.contains("canary"), "{stderr}");
    }
    assert!(!directory.path().join("crossauth-data").exists());
}

#[test]
fn a_missing_file_is_bad_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["config", "check", "--config", "none.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("none.toml"));
}

#[test]
fn settings_are_checked_and_shown_without_starting_anything() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(0));
    let output = crossauth()
        .arguments(&["config", "show", "--set", "log.level=debug"])
        .variable("CROSSAUTH_SECRET", "canary canary canary")
        .run_in(directory.path());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("log.level = \"debug\"  # command line\n"), "{stdout}");
    assert!(stdout.contains("secret = (hidden)  # CROSSAUTH_SECRET\n"), "{stdout}");
    assert!(!stdout.contains("canary"), "{stdout}");
    assert!(!directory.path().join("crossauth-data").exists());
}

#[test]
fn bad_usage_exits_with_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in
        [&["srve"][..], &["--listen", "nowhere"], &["--set", "secret=sixteen bytes !!"]]
    {
        assert_eq!(run(directory.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}
