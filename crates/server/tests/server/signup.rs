//! Sign-up with fields from the settings.

use serde_json::{Value, json};

use crate::account::{PASSWORD, post_json};
use crate::process::{crossauth, run};

const SETTINGS: &str = r#"
[[signup.fields]]
name = "email"
required = true

[[signup.fields]]
name = "region"
label = "Where you work"
choices = ["south", { value = "north", label = "The <north>" }]
autocomplete = "off"
"#;

#[test]
fn configured_signup_fields_are_requested_and_stored() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("settings.toml"), SETTINGS).unwrap();
    let mut server = crossauth().arguments(&["--config", "settings.toml"]).start_in(directory);
    let form =
        server.exchange(b"GET /signup HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for part in ["name=\"user_email\"", "Where you work", "The &lt;north&gt;"] {
        assert!(form.contains(part), "no {part} in {form}");
    }
    let sign_up = |fields: Value| {
        let mut body = json!({
            "username": "ada", "password": PASSWORD, "repeat_password": PASSWORD,
        });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let response = post_json(&server, "/api/signup", &body.to_string());
        let body = response.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap_or_else(|_| panic!("{response}"))
    };
    let refused = sign_up(json!({"user_region": "west"}));
    assert_eq!(refused["ok"], false);
    let fields: Vec<&String> = refused["fieldErrors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["user_email", "user_region"], "{refused}");
    let entered = json!({"user_email": "ada@example.com", "user_region": "north"});
    let accepted = sign_up(entered);
    assert_eq!(accepted["ok"], true, "{accepted}");
    assert_eq!(accepted["user"]["region"], "north", "{accepted}");
    let shown = run(server.directory(), &["user", "show", "ada"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("email: ada@example.com\n") && shown.contains("region: north\n"));
    server.stop();
}
