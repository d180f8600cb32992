//! `crossauth ldap`, and what the checks say about a directory.

use std::path::Path;

use crossauth_testkit::authority::Authority;
use crossauth_testkit::ldap::{Answer, Encryption, Request, Server as Script};
use crossauth_testkit::server::{Program, Server, wait_until};
use crossauth_testkit::slapd::directory::{
    AWKWARD, BASE, GROUPS, PASSWORD, PEOPLE, SERVICE, SERVICE_PASSWORD, dn_of, person,
};
use crossauth_testkit::slapd::{self, Server as Slapd};
use serde_json::{Value, json};

use crate::process::crossauth;
use crate::visitor::Visitor;

/// The program with the directory of all tests and an account in it, which are given first, so that
/// further variables of the same name count.
fn program(slapd: &Slapd) -> Program {
    with_service(with_servers(crossauth(), &slapd.tls_url(), slapd.authority()))
        .variable("CROSSAUTH_LDAP_LOOKUP", "search")
        .variable("CROSSAUTH_LDAP_USER_SEARCH_BASE", PEOPLE)
}

fn with_servers(program: Program, url: &str, authority: &Authority) -> Program {
    program
        .variable("CROSSAUTH_LDAP_URL", url)
        .variable("CROSSAUTH_LDAP_CA_FILE", authority.certificate().to_str().unwrap())
}

fn with_service(program: Program) -> Program {
    program
        .variable("CROSSAUTH_LDAP_BIND_DN", SERVICE)
        .variable("CROSSAUTH_LDAP_BIND_PASSWORD", SERVICE_PASSWORD)
}

/// Runs a command. Returns whether it succeeded, and what it printed.
fn run(program: Program, directory: &Path, arguments: &[&str]) -> (bool, String) {
    let output = program.arguments(arguments).run_in(directory);
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!printed.contains(SERVICE_PASSWORD) && !printed.contains(PASSWORD), "{printed}");
    (output.status.success(), printed)
}

/// A directory with a database, in which no server runs.
fn database() -> Server {
    let mut server = crossauth().start();
    server.stop();
    server
}

#[tokio::test]
async fn settings_of_upstream_alone_let_users_log_in() {
    let slapd = slapd::server();
    let url = json!([slapd.url()]).to_string();
    let upstream = || {
        with_servers(crossauth(), &url, slapd.authority())
            .variable("CROSSAUTH_LDAP_USER_SEARCH_BASE", PEOPLE)
            .variable("CROSSAUTH_LDAP_USENAME_ATTRIBUTE", "uid")
            .variable("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true")
            .variable("CROSSAUTH_LDAP_AUTO_CREATE_FACTOR1", "ldap")
    };
    let server = upstream().start();
    let visitor = Visitor::new(&server);
    assert_eq!(visitor.log_in("judy", "wrong").await.0, 401);
    assert_eq!(visitor.log_in("judy", PASSWORD).await.0, 200, "{}", server.log());
    assert_eq!(visitor.user().await, "judy");
    assert_eq!(Visitor::new(&server).log_in("unknown", PASSWORD).await.0, 401);
    // Entries cannot be read without their password, so nothing is concluded from that.
    let (success, printed) = run(upstream(), server.directory(), &["ldap", "sync"]);
    assert!(!success && printed.contains("the settings do not fit"), "{printed}");
    assert_eq!(visitor.user().await, "judy");
    let warning = "ldap.bind_dn: is missing: accounts are not compared";
    assert_eq!(server.log().matches(warning).count(), 1, "{}", server.log());
    for command in [&["config", "check"][..], &["doctor", "--no-login"]] {
        let (_, printed) = run(upstream(), server.directory(), command);
        assert_eq!(printed.matches(warning).count(), 1, "{printed}");
    }
    let (success, printed) = run(upstream(), server.directory(), &["ldap", "test", "judy"]);
    assert!(success && printed.contains("without ldap.bind_dn"), "{printed}");
    let test = upstream().input(&format!("{PASSWORD}\n"));
    let arguments = ["ldap", "test", "judy", "--password-stdin"];
    let (success, printed) = run(test, server.directory(), &arguments);
    assert!(success && printed.contains("judy@example.org"), "{printed}");
    assert!(printed.contains("account: judy, linked to it"), "{printed}");
}

#[test]
fn test_says_why_a_user_could_not_log_in() {
    let slapd = slapd::server();
    let server = database();
    let everywhere = [("CROSSAUTH_LDAP_USER_SEARCH_BASE", BASE)];
    let staff = format!("cn=staff,{GROUPS}");
    let of_staff = [
        ("CROSSAUTH_LDAP_ALLOWED_GROUPS", staff.as_str()),
        ("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true"),
    ];
    for (name, variables, expected) in [
        ("unknown", &[][..], "PROBLEM  entry: none has the name \"unknown\""),
        ("twin", &everywhere[..], "PROBLEM  entry: several have the name \"twin\""),
        ("alice", &[][..], "PROBLEM  refused: there is no account alice; crossauth ldap add"),
        ("gina", &of_staff[..], "PROBLEM  refused: the entry is in none of the groups"),
        ("", &[][..], "PROBLEM  entry: none has the name \"\""),
    ] {
        let set = |program: Program, (name, value): &(&str, &str)| program.variable(name, value);
        let program = variables.iter().fold(program(slapd), set);
        let (success, printed) = run(program, server.directory(), &["ldap", "test", name]);
        assert!(!success && printed.contains(expected), "{name}: {printed}");
    }
}

#[test]
fn test_and_the_login_agree_about_awkward_names() {
    let slapd = slapd::server();
    let program = program(slapd).variable("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true");
    let server = database();
    let mut possible = 0;
    for (name, _) in AWKWARD {
        let run =
            |command: &str| run(program.clone(), server.directory(), &["ldap", command, name]);
        let (success, printed) = run("test");
        assert!(printed.contains("ok       entry: "), "{name}: {printed}");
        assert_eq!(printed.contains("account: created at the first login"), success, "{printed}");
        assert_eq!(run("add").0, success, "{name}: {printed}");
        if success {
            possible += 1;
            let (_, printed) = run("test");
            assert!(printed.contains(", linked to it"), "{printed}");
        } else {
            assert!(printed.contains("refused: no account can be created: "), "{printed}");
        }
    }
    assert!(possible >= 3 && possible < AWKWARD.len(), "{possible}");
}

#[test]
fn password_is_verified_on_request_only_and_never_sent_empty() {
    let slapd = slapd::server();
    let server = database();
    let dn = dn_of("ivan");
    let test = |input: &str, arguments: &[&str]| {
        let program = program(slapd).variable("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true");
        let arguments = [&["ldap", "test", "ivan"], arguments].concat();
        run(program.input(input), server.directory(), &arguments)
    };
    assert!(test(&format!("{PASSWORD}\n"), &[]).0);
    for empty in ["", "\n", "   \n"] {
        let (success, printed) = test(empty, &["--password-stdin"]);
        assert!(!success && printed.contains("PROBLEM  password: wrong"), "{printed}");
    }
    assert_eq!(slapd.count_binds(&dn), 0);
    let (success, printed) = test("wrong\n", &["--password-stdin"]);
    assert!(!success && printed.contains("PROBLEM  password: wrong"), "{printed}");
    let (success, printed) = test(&format!("{PASSWORD}\n"), &["--password-stdin"]);
    assert!(success && printed.contains("ok       password: correct"), "{printed}");
    assert_eq!(slapd.count_binds(&dn), 2);
}

#[tokio::test]
async fn account_of_an_entry_is_added_once_and_its_user_logs_in() {
    let slapd = slapd::server();
    let server = program(slapd).start();
    assert_eq!(Visitor::new(&server).log_in("heidi", PASSWORD).await.0, 401);
    let add = |name: &str| run(program(slapd), server.directory(), &["ldap", "add", name]);
    let (success, printed) = add("heidi");
    assert!(success, "{printed}");
    let (_, shown) = run(program(slapd), server.directory(), &["user", "show", "heidi"]);
    assert!(shown.contains("email: heidi@example.org\n"), "{shown}");
    assert!(shown.contains("factor1: ldap\n"), "{shown}");
    let visitor = Visitor::new(&server);
    assert_eq!(visitor.log_in("heidi", PASSWORD).await.0, 200);
    for (name, reason) in [("heidi", "another account"), ("unknown", "has no such entry")] {
        let (success, printed) = add(name);
        assert!(!success && printed.contains(reason), "{printed}");
    }
    // The password of the directory is not set here.
    let set = program(slapd).input("Battery-staple-9\n");
    let arguments = ["user", "set-password", "heidi", "--password-stdin"];
    let (success, printed) = run(set, server.directory(), &arguments);
    assert!(!success && printed.contains("changed there"), "{printed}");
    assert_eq!(visitor.user().await, "heidi");
}

#[tokio::test]
async fn link_does_not_take_the_entry_of_another_user_who_has_the_name_as_an_address() {
    let slapd = slapd::server();
    let program = || program(slapd).variable("CROSSAUTH_LDAP_USERNAME_ATTRIBUTE", "uid,mail");
    let server = program().start();
    let add = program().input("Battery-staple-9\n");
    let arguments = ["user", "add", "boss", "--admin", "--password-stdin"];
    let (success, printed) = run(add, server.directory(), &arguments);
    assert!(success, "{printed}");
    slapd.add(&person(&dn_of("mallory"), "mallory", "mail: boss\n"));
    let link = |name: &str| run(program(), server.directory(), &["ldap", "link", name]);
    let (success, printed) = link("boss");
    assert!(!success && printed.contains("has the username mallory"), "{printed}");
    assert!(printed.contains("--entry ID"), "{printed}");
    assert_eq!(Visitor::new(&server).log_in("boss", PASSWORD).await.0, 401);
    assert_eq!(Visitor::new(&server).log_in("boss", "Battery-staple-9").await.0, 200);
    let add = program().input("Battery-staple-9\n");
    let arguments = ["user", "add", "judy", "--password-stdin"];
    assert!(run(add, server.directory(), &arguments).0);
    let (success, printed) = link("judy");
    assert!(success, "{printed}");
    assert_eq!(Visitor::new(&server).log_in("judy", PASSWORD).await.0, 200);
}

#[test]
fn sync_that_would_disable_most_accounts_is_refused_unless_forced() {
    let slapd = slapd::server();
    let server = database();
    let names = [
        "alice", "bob", "carol", "dave", "erin", "frank", "gina", "heidi", "ivan", "judy", "warned",
    ];
    for name in names {
        let (success, printed) = run(program(slapd), server.directory(), &["ldap", "add", name]);
        assert!(success, "{printed}");
    }
    let guests = format!("ou=guests,{BASE}");
    let sync = |base: &str, arguments: &[&str]| {
        let program = program(slapd).variable("CROSSAUTH_LDAP_USER_SEARCH_BASE", base);
        run(program, server.directory(), &[&["ldap", "sync"], arguments].concat())
    };
    let (success, printed) = sync(PEOPLE, &[]);
    assert!(success && printed.contains("accounts compared: 11"), "{printed}");
    let (success, printed) = sync(&guests, &[]);
    assert!(!success && printed.contains("11 of 11 accounts would be disabled"), "{printed}");
    let (success, printed) = sync(&guests, &["--dry-run", "--json"]);
    let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let disabled = lines.filter(|line| line["action"] == "disable").count();
    assert!(success && disabled == 11, "{printed}");
    let state = |name: &str| run(program(slapd), server.directory(), &["user", "show", name]).1;
    assert!(state("alice").contains("active"), "{}", state("alice"));
    let (success, printed) = sync(&guests, &["--force"]);
    assert!(success && printed.contains("disable        alice\n"), "{printed}");
    assert!(state("alice").contains("disabled"), "{}", state("alice"));
    let user = |arguments: &[&str]| {
        run(program(slapd), server.directory(), &[&["user"], arguments].concat())
    };
    for disable in [&["disable", "bob"][..], &["set-state", "carol", "disabled"]] {
        let (success, printed) = user(disable);
        assert!(success && printed.contains("stays disabled until"), "{printed}");
        let (success, printed) = user(disable);
        assert!(success && printed.contains("is disabled already"), "{printed}");
    }
    let (success, printed) = sync(PEOPLE, &[]);
    assert!(success && printed.contains("enable         alice"), "{printed}");
    assert!(!printed.contains("bob") && !printed.contains("carol"), "{printed}");
    assert!(state("alice").contains("active"), "{}", state("alice"));
    assert!(state("bob").contains("disabled"), "{}", state("bob"));
}

#[test]
fn servers_that_cannot_be_used_are_named_with_the_reason_and_without_secrets() {
    let slapd = slapd::server();
    let directory = tempfile::tempdir().unwrap();
    let other = Authority::new();
    let [plain, tls] = slapd.other_urls();
    let url = "CROSSAUTH_LDAP_URL";
    let certificate = other.certificate();
    let nowhere = format!("ou=nowhere,{BASE}");
    for (variable, value, reason) in [
        (url, tls.as_str(), "set ldap.ca_file"),
        (url, plain.as_str(), "set ldap.ca_file"),
        (url, "ldaps://127.0.0.1:1", "does the server run"),
        ("CROSSAUTH_LDAP_CA_FILE", certificate.to_str().unwrap(), "set ldap.ca_file"),
        ("CROSSAUTH_LDAP_BIND_PASSWORD", "canary-canary", "check ldap.bind_dn"),
        ("CROSSAUTH_LDAP_USER_SEARCH_BASE", nowhere.as_str(), "check ldap.user_search_base"),
    ] {
        let program = program(slapd).variable(variable, value);
        let check = ["config", "check", "--connect"];
        let (success, printed) = run(program.clone(), directory.path(), &check);
        let mut problems = printed.lines().filter(|line| line.starts_with("PROBLEM  ldap: "));
        assert!(!success && problems.any(|line| line.contains(reason)), "{value}: {printed}");
        let (_, shown) = run(program, directory.path(), &["config", "show"]);
        assert!(shown.contains("ldap.bind_password = (hidden)"), "{shown}");
        assert!(!printed.contains("canary") && !shown.contains("canary"), "{printed}");
    }
}

/// A server that has a clock, as Active Directory does.
fn with_clock(authority: &Authority, time: &'static str) -> Script {
    Script::start(Encryption::Implicit(authority), move |request: &Request| {
        let result = Answer::result(request, 0, "").into();
        if !request.is_search() {
            return vec![result];
        }
        let attributes: [(&str, &[&str]); 1] = [("currentTime", &[time])];
        vec![Answer::entry(request, "", &attributes).into(), result]
    })
}

#[test]
fn doctor_looks_at_certificates_and_clocks() {
    let server = crossauth().start();
    let authority = Authority::new();
    let script = with_clock(&authority, "20200101000000.0Z");
    let program = with_servers(crossauth(), &script.url(), &authority);
    let base = format!("base_url={}", server.url("").trim_end_matches('/'));
    let program = with_service(program).variable("CROSSAUTH_LDAP_USER_SEARCH_BASE", BASE);
    let arguments = ["doctor", "--no-login", "--set", &base];
    let (success, printed) = run(program, server.directory(), &arguments);
    // The certificates of tests are valid for two days.
    assert!(printed.contains("warning  ldap: the certificate of ldaps://"), "{printed}");
    let clock = "PROBLEM  ldap: the clock of this machine and that of ldaps://";
    assert!(!success && printed.contains(clock), "{printed}");
}

#[tokio::test]
async fn user_who_is_gone_is_logged_out_by_the_running_server() {
    let slapd = Slapd::start();
    let server = program(&slapd)
        .variable("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true")
        .variable("CROSSAUTH_LDAP_CHECK_INTERVAL", "1s")
        .start();
    let visitors = ["alice", "bob"].map(|name| (name, Visitor::new(&server)));
    for (name, visitor) in &visitors {
        assert_eq!(visitor.log_in(name, PASSWORD).await.0, 200);
    }
    slapd.delete(&dn_of("bob"));
    wait_until("an account is disabled", || {
        server.log().contains("the directory disabled an account")
    });
    assert!(visitors[1].1.user().await.is_null());
    assert_eq!(visitors[0].1.user().await, "alice");
    assert_eq!(Visitor::new(&server).log_in("bob", PASSWORD).await.0, 401);
}

#[tokio::test]
async fn server_starts_while_the_directory_is_away_and_asks_it_for_unknown_names() {
    let slapd = slapd::server();
    let away = || {
        program(slapd)
            .variable("CROSSAUTH_LDAP_URL", "ldaps://127.0.0.1:1")
            .variable("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true")
    };
    let server = away().start();
    assert_eq!(server.status("/ready"), 200);
    let add = away().input("Battery-staple-9\n");
    let arguments = ["user", "add", "local", "--password-stdin"];
    assert!(run(add, server.directory(), &arguments).0);
    assert_eq!(Visitor::new(&server).log_in("local", "Battery-staple-9").await.0, 200);
    assert_eq!(Visitor::new(&server).log_in("local", "wrong").await.0, 401);
    assert_eq!(Visitor::new(&server).log_in("alice", PASSWORD).await.0, 503);
    wait_until("the log says what failed", || server.log().contains("kind=Unreachable"));
}
