//! `docs/how-to/ldap.md`, followed with OpenLDAP's server.

use std::fs;
use std::path::Path;

use crossauth_testkit::authority::Authority;
use crossauth_testkit::ldap::{ActiveDirectory, Encryption, Person};
use crossauth_testkit::server::{Program, Server, wait_until};
use crossauth_testkit::slapd::Server as Slapd;
use crossauth_testkit::slapd::directory::{PASSWORD as THEIRS, SERVICE, dn_of};
use serde_json::{Value, json};

use super::{replace, snippet, snippets};
use crate::process::crossauth;
use crate::visitor::Visitor;

/// The settings of the guide for OpenLDAP, whose steps add to one section; and those for Active
/// Directory.
fn settings(directory: &Path) -> (String, String) {
    let snippets = snippets("ldap.md", "toml");
    let [first, groups, password, active] = &snippets[..] else { panic!("{snippets:?}") };
    let more = [groups, password].map(|settings| settings.strip_prefix("[ldap]\n").unwrap());
    let secrets = |settings: &str| {
        fs::write(directory.join("ldap-password"), PASSWORD_OF_SERVICE).unwrap();
        replace(settings, "/run/secrets", directory.to_str().unwrap())
    };
    (secrets(&format!("{first}{}", more.concat())), secrets(active))
}

/// A password that the directory does not have.
const OURS: &str = "Battery-staple-9";

/// As the guide has it.
const PASSWORD_OF_SERVICE: &str = "change-this-to-a-long-random-password";

/// A directory of its own, prepared as the guide says, and the settings for it.
struct Site {
    slapd: Slapd,
    directory: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let slapd = Slapd::start();
        slapd.delete(SERVICE);
        slapd.add(&snippet("ldap.md", "ldif"));
        let directory = tempfile::tempdir().unwrap();
        let (settings, _) = settings(directory.path());
        let settings = replace(&settings, "ldaps://ldap.example.org", &slapd.tls_url());
        let authority = slapd.authority().certificate();
        let settings = format!("{settings}ca_file = {:?}\n", authority.to_str().unwrap());
        fs::write(directory.path().join("crossauth.toml"), settings).unwrap();
        Self { slapd, directory }
    }

    fn program(&self) -> Program {
        let settings = self.directory.path().join("crossauth.toml");
        crossauth().variable("CROSSAUTH_CONFIG", settings.to_str().unwrap())
    }

    fn serve(&self) -> Server {
        self.program().start()
    }

    /// Runs a command beside a server. Returns whether it succeeded, and what it printed.
    fn run(&self, server: &Server, command: &str, input: &str) -> (bool, String) {
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let output = self.program().arguments(&arguments).input(input).run_in(server.directory());
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!printed.contains(PASSWORD_OF_SERVICE), "{printed}");
        (output.status.success(), printed)
    }

    fn succeed(&self, server: &Server, command: &str) -> String {
        let (success, printed) = self.run(server, command, "");
        assert!(success, "{command}: {printed}");
        printed
    }
}

/// The commands of the guide that begin with this, in order.
fn commands(beginning: &str) -> Vec<String> {
    let lines = snippets("ldap.md", "sh").concat();
    let lines = lines.lines().filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn users_of_openldap_log_in_as_the_guide_says() {
    let site = Site::new();
    let server = site.serve();
    for command in commands("crossauth config check") {
        let found = site.succeed(&server, &command);
        assert!(found.contains("ldap: ") && !found.contains("PROBLEM"), "{found}");
    }
    let [test] = &commands("crossauth ldap test")[..] else { panic!() };
    let found = site.succeed(&server, test);
    for told in ["uid=alice,ou=people,dc=example,dc=org", "alice@example.org", "engineer"] {
        assert!(found.contains(told), "{told}: {found}");
    }
    let alice = Visitor::new(&server);
    assert_eq!(alice.log_in("alice", "wrong").await.0, 401);
    assert_eq!(alice.log_in("alice@example.org", THEIRS).await.0, 200);
    let user = alice.get("/api/userforsessionkey").await.1["user"].clone();
    assert_eq!((&user["username"], &user["email"]), (&json!("alice"), &json!("alice@example.org")));
    let shown = site.succeed(&server, "crossauth user show alice");
    for told in ["factor1: ldap\n", "phone: +1 555 0100\n", r#"roles: [\"engineer\"]"#] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    // In none of the groups that may log in, though an administrator by her group.
    assert_eq!(Visitor::new(&server).log_in("carol", THEIRS).await.0, 403);
    assert_eq!(alice.post("/api/changepassword", &new_password()).await.0, 200);
    assert_eq!(Visitor::new(&server).log_in("alice", THEIRS).await.0, 401);
    assert_eq!(Visitor::new(&server).log_in("alice", OURS).await.0, 200);
}

#[tokio::test]
async fn local_account_becomes_one_of_the_directory_by_the_link_of_the_guide_only() {
    let site = Site::new();
    let server = site.serve();
    let add = "crossauth user add alice --password-stdin";
    let (added, printed) = site.run(&server, add, &format!("{OURS}\n"));
    assert!(added, "{printed}");
    assert_eq!(Visitor::new(&server).log_in("alice", OURS).await.0, 200);
    assert_eq!(Visitor::new(&server).log_in("alice", THEIRS).await.0, 401);
    let [test] = &commands("crossauth ldap test")[..] else { panic!() };
    let (_, found) = site.run(&server, test, "");
    assert!(found.contains("crossauth ldap link alice"), "{found}");
    let [link] = &commands("crossauth ldap link")[..] else { panic!() };
    site.succeed(&server, link);
    assert_eq!(Visitor::new(&server).log_in("alice", OURS).await.0, 401);
    assert_eq!(Visitor::new(&server).log_in("alice", THEIRS).await.0, 200);
    let [unlink] = &commands("crossauth ldap unlink")[..] else { panic!() };
    site.succeed(&server, unlink);
    for password in [OURS, THEIRS] {
        assert_eq!(Visitor::new(&server).log_in("alice", password).await.0, 401);
    }
}

#[tokio::test]
async fn user_who_left_is_disabled_by_the_sync_of_the_guide() {
    let site = Site::new();
    let server = site.serve();
    let visitors = ["alice", "bob"].map(|name| (name, Visitor::new(&server)));
    for (name, visitor) in &visitors {
        assert_eq!(visitor.log_in(name, THEIRS).await.0, 200);
    }
    let [dry_run, sync] = &commands("crossauth ldap sync")[..] else { panic!() };
    site.slapd.delete(&dn_of("bob"));
    let planned = site.succeed(&server, dry_run);
    assert!(planned.contains("bob") && !planned.contains("alice"), "{planned}");
    assert_eq!(visitors[1].1.user().await, "bob", "nothing is changed");
    site.succeed(&server, sync);
    assert!(visitors[1].1.user().await.is_null());
    assert_eq!(visitors[0].1.user().await, "alice");
    let repeated = site.succeed(&server, sync);
    assert!(!repeated.contains("bob"), "{repeated}");
}

#[tokio::test]
async fn directory_that_is_down_is_said_in_the_log_and_local_accounts_log_in() {
    let site = Site::new();
    let server = site.serve();
    let add = "crossauth user add local --password-stdin";
    assert!(site.run(&server, add, &format!("{OURS}\n")).0);
    let alice = Visitor::new(&server);
    assert_eq!(alice.log_in("alice", THEIRS).await.0, 200);
    site.slapd.kill();
    assert_eq!(Visitor::new(&server).log_in("alice", THEIRS).await.0, 503);
    assert_eq!(Visitor::new(&server).log_in("local", OURS).await.0, 200);
    assert_eq!(alice.user().await, "alice", "sessions go on");
    let log = server.log();
    assert!(log.contains("kind=Unreachable") && !log.contains(THEIRS), "{log}");
    let (success, found) = site.run(&server, "crossauth config check --connect", "");
    assert!(!success && found.contains("PROBLEM  ldap: "), "{found}");
    site.slapd.resume();
    wait_until("the directory is used again", || {
        site.run(&server, "crossauth ldap test alice", "").0
    });
    assert_eq!(Visitor::new(&server).log_in("alice", THEIRS).await.0, 200);
}

#[tokio::test]
async fn users_of_active_directory_log_in_as_the_guide_says() {
    let authority = Authority::new();
    let staff = "cn=Staff,ou=Groups,dc=example,dc=org";
    let nested = "cn=Engineers,ou=Groups,dc=example,dc=org";
    let ada = Person::new("ada", THEIRS);
    let disabled = Person::new("gone", THEIRS).with_code("533");
    let mut service = Person::new("Crossauth", PASSWORD_OF_SERVICE);
    service.dn = "cn=Crossauth,ou=Service Accounts,dc=example,dc=org".to_owned();
    let people = [ada.clone(), disabled.clone(), service, Person::new("guest", THEIRS)];
    let groups = [(staff, &[nested][..]), (nested, &[ada.dn.as_str(), disabled.dn.as_str()][..])];
    let domain = ActiveDirectory::start(Encryption::Implicit(&authority), &people, &groups);
    let directory = tempfile::tempdir().unwrap();
    let (_, settings) = settings(directory.path());
    let settings = replace(&settings, "ldaps://dc1.example.org", &domain.server().url());
    // The other domain controller is down.
    let settings = replace(&settings, "ldaps://dc2.example.org", "ldaps://127.0.0.1:1");
    let certificate = authority.certificate();
    let ca = "/etc/crossauth/domain-ca.pem";
    let settings = replace(&settings, ca, certificate.to_str().unwrap());
    let file = directory.path().join("crossauth.toml");
    fs::write(&file, settings).unwrap();
    let program = || crossauth().variable("CROSSAUTH_CONFIG", file.to_str().unwrap());
    let server = program().start();
    let run = |arguments: &[&str]| {
        let output = program().arguments(arguments).run_in(server.directory());
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), printed)
    };
    let (success, found) = run(&["config", "check", "--connect"]);
    assert!(success && found.contains("warning  ldap: "), "{found}");
    let (success, found) = run(&["ldap", "test", "ada@example.org"]);
    assert!(success && found.contains("username: ada") && found.contains(staff), "{found}");
    let (success, found) = run(&["ldap", "test", "gone"]);
    assert!(!success && found.contains("PROBLEM  refused: "), "{found}");
    for name in ["ada", "ada@example.org"] {
        assert_eq!(Visitor::new(&server).log_in(name, THEIRS).await.0, 200, "{}", server.log());
    }
    for name in ["gone", "guest"] {
        assert_eq!(Visitor::new(&server).log_in(name, "wrong").await.0, 401, "{name}");
        assert_ne!(Visitor::new(&server).log_in(name, THEIRS).await.0, 200, "{name}");
    }
    let visitor = Visitor::new(&server);
    assert_eq!(visitor.log_in("ada", THEIRS).await.0, 200);
    assert_eq!(visitor.post("/api/changepassword", &new_password()).await.0, 200);
    assert_eq!(Visitor::new(&server).log_in("ada", THEIRS).await.0, 401);
    assert_eq!(Visitor::new(&server).log_in("ada", OURS).await.0, 200);
}

fn new_password() -> Value {
    json!({ "old_password": THEIRS, "new_password": OURS, "repeat_password": OURS })
}
