use crossauth_axum::{Config, FieldKind, SignupField};
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;

use super::{from_environment, from_file, messages};
use crate::Configuration;

fn config(configuration: &Configuration) -> Config {
    let storage = MemoryStorage::new(Normalization::default()).storage();
    let builder = configuration.settings.builder().secret("sixteen bytes !!").storage(storage);
    builder.base_url("http://localhost").build().unwrap().config().clone()
}

#[test]
fn fields_of_the_form_are_tables_of_the_file() {
    let found = from_file(
        "[signup]\neditable_fields = ['nickname', 'email']\n\
         [[signup.fields]]\nname = 'email'\nrequired = true\n\
         [[signup.fields]]\nname = 'region'\nlabel = 'Your region'\nhint = 'Where you work.'\n\
         choices = ['south', { value = 'north', label = 'The north' }]\n\
         [[signup.fields]]\nname = 'mobile'\ntype = 'phone'\nautocomplete = 'tel-national'\n",
    )
    .unwrap();
    let described = [
        SignupField::new("email").required(),
        SignupField::new("region")
            .label("Your region")
            .hint("Where you work.")
            .choices([("south", "south"), ("north", "The north")]),
        SignupField::new("mobile").kind(FieldKind::Phone).autocomplete("tel-national"),
    ];
    assert_eq!(found.settings.signup.fields, described);
    let config = config(&found);
    assert_eq!(config.signup_fields[..3], described);
    assert_eq!(config.signup_fields[3..], [SignupField::new("nickname")]);
    assert_eq!(config.visible_fields, ["email", "region", "mobile", "nickname"]);
    let lines: Vec<String> = found.lines().collect();
    let line = lines.iter().find(|line| line.starts_with("signup.fields = ")).unwrap();
    assert!(line.contains(r#"{ name = "email", required = true }"#), "{line}");
}

#[test]
fn fields_of_the_form_are_json_in_the_environment() {
    let json = r#"[{"name": "email", "required": true}, {"name": "age", "type": "number"}]"#;
    let found = from_environment(&[("CROSSAUTH_SIGNUP_FIELDS", json)]).unwrap();
    let age = SignupField::new("age").kind(FieldKind::Number);
    assert_eq!(found.settings.signup.fields, [SignupField::new("email").required(), age]);
    for wrong in ["email", "{}", "[1]", r#"["email"]"#] {
        let messages = messages(from_environment(&[("CROSSAUTH_SIGNUP_FIELDS", wrong)]));
        assert!(messages.contains("expected tables `[[signup.fields]]`"), "{messages}");
    }
}

#[test]
fn invalid_field_members_are_reported_with_their_path() {
    for (members, reason) in [
        ("lable = 'x'", "no such member: \"lable\"; there are name, label, type,"),
        ("pattern = 'x'", "no such member: \"pattern\"; there are name, label, type,"),
        ("type = 'colour'", "type: expected `text`, `email`, `phone`,"),
        ("type = 1", "type: expected a text"),
        ("required = 'yes'", "required: expected `true` or `false`"),
        ("label = ''", "label: expected a text"),
        ("choices = 'a'", "choices: expected a list"),
        ("choices = []", "choices: expected a list"),
        ("choices = ['']", "choices: expected a list"),
        ("choices = [{ value = 'a' }]", "choices: expected a list"),
        ("choices = [{ value = 'a', label = 'A', lable = 'B' }]", "choices: expected a list"),
    ] {
        let before = "[[signup.fields]]\nname = 'email'\n";
        let text = format!("{before}[[signup.fields]]\nname = 'team'\n{members}");
        let messages = messages(from_file(&text));
        let start = format!("signup.fields: field 2 (\"team\"): {reason}");
        assert!(messages.starts_with(&start), "{members}: {messages}");
    }
}

#[test]
fn field_names_are_unique_and_not_reserved() {
    for (fields, reason) in [
        ("[{ label = 'x' }]", "field 1 (\"\"): expected `name`"),
        ("[{ name = 'a b' }]", "field 1 (\"a b\"): `name` may contain"),
        ("[{ name = 'state' }]", "field 1 (\"state\"): is a field of Crossauth"),
        ("[{ name = 'a' }, { name = 'a' }]", "field 2 (\"a\"): there is a field of this name"),
        ("{ name = 'a' }", "expected tables `[[signup.fields]]`"),
        ("['email']", "expected tables `[[signup.fields]]`"),
    ] {
        let messages = messages(from_file(&format!("signup.fields = {fields}")));
        assert!(messages.contains(reason), "{fields}: {messages}");
    }
}
