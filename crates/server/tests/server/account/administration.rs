//! Search, states, second factors and devices from the command line.

use crossauth_testkit::mail::{SmtpOptions, SmtpServer};

use super::{PASSWORD, add, log_in, post_json, text, user};
use crate::process::{crossauth, run};

#[test]
fn accounts_are_found_by_name_address_state_and_role() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for (name, address) in
        [("bob", "robert@example.com"), ("bobby", "b@example.com"), ("zoe", "bo@example.com")]
    {
        assert!(add(path, &[name, "--email", address]).status.success());
    }
    assert!(add(path, &["root", "--admin"]).status.success());
    user(path, &["disable", "bobby"]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let listed = user(path, &[&["list"], arguments].concat());
        let names = listed.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect()
    };
    assert_eq!(names(&["bo"]), ["bob", "bobby", "zoe"]);
    assert_eq!(names(&["ROBERT@"]), ["bob"]);
    assert_eq!(names(&["--state", "disabled"]), ["bobby"]);
    assert_eq!(names(&["bo", "--state", "active"]), ["bob", "zoe"]);
    assert_eq!(names(&["--admin"]), ["root"]);
    assert_eq!(names(&["--last", "--limit", "2"]), ["root", "zoe"]);
    assert_eq!(names(&["--before", "root"]), ["bob", "bobby"]);
    let before = run(path, &["user", "list", "--last", "--limit", "2"]);
    assert!(text(&before.stderr).contains("--before 'root'"), "{}", text(&before.stderr));
    let none = run(path, &["user", "list", "unknown"]);
    assert_eq!(text(&none.stderr), "there are no such accounts\n");
}

#[test]
fn states_and_factors_are_administered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let factors = ["--set", "factor2.allowed=none,totp"];
    assert!(add(path, &["alice"]).status.success());
    assert_eq!(
        user(path, &["set-state", "alice", "passwordchangeneeded"]),
        "alice is passwordchangeneeded\n"
    );
    assert_eq!(user(path, &["set-state", "alice", "active"]), "alice is active\n");
    assert_eq!(user(path, &["set-state", "alice", "active"]), "alice is active already\n");
    let refused = run(path, &["user", "set-state", "alice", "awaitingemailverification"]);
    let stderr = text(&refused.stderr);
    assert!(stderr.contains("possible are passwordchangeneeded, "), "{stderr}");
    let no_mail = run(path, &["user", "set-state", "alice", "passwordresetneeded"]);
    assert!(text(&no_mail.stderr).contains("cannot be reset"), "{}", text(&no_mail.stderr));
    assert!(text(&run(path, &["user", "send-reset", "alice"]).stderr).contains("cannot be reset"));
    assert_eq!(
        user(path, &["reset-factor", "alice"]),
        "alice must set up a second factor at the next login\n"
    );
    assert!(user(path, &["show", "alice"]).contains("state: factor2resetneeded\n"));
    assert_eq!(
        user(path, &["reset-factor", "alice", "--remove"]),
        "alice has no second factor any more\n"
    );
    assert!(
        user(path, &["show", "alice"])
            .contains("state: active\nrole: user\nfactor1: localpassword\nfactor2: -\n")
    );
    user(path, &["disable", "alice"]);
    let disabled = run(path, &["user", "reset-factor", "alice"]);
    assert!(text(&disabled.stderr).contains("--remove"), "{}", text(&disabled.stderr));
    assert!(add(path, &[&["bob", "--factor", "totp"], &factors[..]].concat()).status.success());
    assert!(user(path, &["show", "bob"]).contains("state: factor2resetneeded\n"));
    let unknown = add(path, &["carol", "--factor", "palm"]);
    assert!(text(&unknown.stderr).contains("not available"), "{}", text(&unknown.stderr));
}

#[test]
fn no_account_has_to_set_up_a_factor_where_none_is_offered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(add(path, &["root", "--admin", "--email", "root@example.com"]).status.success());
    let offers_none = ["--set", "factor2.allowed=none"];
    for arguments in [
        &["set-state", "root", "factor2resetneeded"][..],
        &["set-state", "root", "passwordandfactor2resetneeded"],
        &["reset-factor", "root"],
    ] {
        let refused = run(path, &[&["user"], arguments, &offers_none].concat());
        let stderr = text(&refused.stderr);
        assert!(
            !refused.status.success() && stderr.contains("is offered"),
            "{arguments:?} {stderr}"
        );
    }
    assert!(user(path, &["show", "root"]).contains("state: active\n"));
    let unknown =
        run(path, &[&["user", "set-state", "root", "onholiday"], &offers_none[..]].concat());
    let stderr = text(&unknown.stderr);
    assert!(stderr.contains("passwordchangeneeded") && !stderr.contains("factor2"), "{stderr}");
}

#[test]
fn devices_are_listed_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(add(path, &["alice"]).status.success());
    let none = run(path, &["user", "devices", "alice"]);
    assert_eq!(text(&none.stderr), "alice has no known devices\n");
    let database = rusqlite::Connection::open(path.join("crossauth-data/crossauth.db")).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let insert = |value: &str| {
        let insert = format!(
            "INSERT INTO crossauth_keys (value, userid, created, expires, data)
             SELECT '{value}', id, {now}, {now} + 3600000, '{{\"name\":\"Firefox\"}}'
             FROM crossauth_users"
        );
        database.execute_batch(&insert).unwrap();
    };
    insert("kd:1");
    insert("kd:2");
    insert("kd:3");
    let listed = user(path, &["devices", "alice"]);
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let id = listed.lines().nth(1).unwrap().split_whitespace().rev().nth(1).unwrap().to_owned();
    user(path, &["forget-device", "alice", &id]);
    assert_eq!(user(path, &["devices", "alice"]).lines().count(), 3);
    let again = run(path, &["user", "forget-device", "alice", &id]);
    assert!(text(&again.stderr).contains("no device with this id"), "{}", text(&again.stderr));
    user(path, &["forget-devices", "alice"]);
    assert_eq!(user(path, &["devices", "alice"]), "");
}

#[test]
fn api_keys_are_listed_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(add(path, &["alice"]).status.success());
    assert!(add(path, &["bob"]).status.success());
    let none = run(path, &["user", "keys", "alice"]);
    assert_eq!(text(&none.stderr), "alice has no API keys\n");
    let database = rusqlite::Connection::open(path.join("crossauth-data/crossauth.db")).unwrap();
    let insert = "INSERT INTO crossauth_keys (value, userid, created, data, extra)
                  SELECT 'api:1', id, 1700000000000, '{}', '{\"name\":\"backup\"}'
                  FROM crossauth_users WHERE username = 'alice'";
    database.execute_batch(insert).unwrap();
    let listed = user(path, &["keys", "alice"]);
    let row: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[4], "backup", "{listed}");
    assert!(!listed.contains("api:1"), "{listed}");
    let others = run(path, &["user", "delete-key", "bob", row[3]]);
    assert!(text(&others.stderr).contains("no API key with this id"), "{}", text(&others.stderr));
    assert_eq!(user(path, &["delete-key", "alice", row[3]]), "alice has one API key less\n");
    assert_eq!(user(path, &["keys", "alice"]), "");
}

#[test]
fn user_without_a_password_gets_a_link_that_the_running_server_mails() {
    let smtp = SmtpServer::start(SmtpOptions::default());
    let port = smtp.port().to_string();
    let settings = [
        "mail.smtp_host=localhost",
        &format!("mail.smtp_port={port}"),
        "mail.smtp_tls=false",
        "mail.from=noreply@northwind.example",
    ];
    let with_mail = |arguments: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = arguments.iter().copied().chain(settings).collect();
        crossauth().arguments(&arguments)
    };
    let server = with_mail(&[]).start();
    let directory = server.directory();
    let invite = ["user", "add", "bob", "--email", "bob@example.com", "--invite"];
    let invited = with_mail(&invite).run_in(directory);
    let expected = "bob is added; a link to choose a password is sent\n";
    assert_eq!(text(&invited.stdout), expected, "{}", text(&invited.stderr));
    assert!(user(directory, &["show", "bob"]).contains("state: passwordresetneeded\n"));
    let received = smtp.next();
    assert_eq!(received.to, ["bob@example.com"]);
    let token = received.data.split("resetpassword/").nth(1).unwrap();
    let token: String =
        token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let body = format!(
        r#"{{"token":"{token}","new_password":"{PASSWORD}","repeat_password":"{PASSWORD}"}}"#
    );
    let reset = post_json(&server, "/api/resetpassword", &body);
    assert!(reset.contains("\"ok\":true"), "{reset}");
    assert_eq!(log_in(&server, "bob", PASSWORD), 200);

    let sent = with_mail(&["user", "send-reset", "bob"]).run_in(directory);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    while !smtp.next().data.contains("resetpassword/") {}
    let without = run(directory, &["user", "add", "carol", "--email", "c@example.com", "--invite"]);
    assert!(text(&without.stderr).contains("cannot be reset"), "{}", text(&without.stderr));
}
