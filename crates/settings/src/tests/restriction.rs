use super::{from_arguments, from_environment, from_file, messages};
use crate::Program;
use crate::kind::{EmptyValue, Secrecy};

#[test]
fn restrictions_that_are_empty_do_not_open_what_they_restrict() {
    let restrictions: Vec<_> = Program::Server
        .settings()
        .filter(|it| it.secrecy == Secrecy::Public && it.empty == EmptyValue::Invalid)
        .collect();
    let keys: Vec<_> = restrictions.iter().map(|setting| setting.key).collect();
    let lists = ["ldap.allowed_groups", "ldap.admin_groups"];
    let others = ["database.ca_file", "sessions.ca_file", "ldap.ca_file", "ldap.filter"];
    assert!(lists.iter().chain(&others).all(|key| keys.contains(key)), "{keys:?}");
    for (setting, key) in restrictions.iter().zip(&keys) {
        let (section, name) = key.split_once('.').unwrap();
        let file = |value: &str| from_file(&format!("[{section}]\n{name} = {value}\n"));
        let mut outcomes = vec![file("''"), file("' '"), from_arguments(&[(key, "")])];
        for value in ["", " ", "null"] {
            outcomes.push(from_environment(&[(&setting.variable(), value)]));
        }
        if lists.contains(key) {
            outcomes.push(file("[]"));
            outcomes.push(from_environment(&[(&setting.variable(), "[]")]));
            outcomes.push(from_arguments(&[(key, "[ ]")]));
        }
        for outcome in outcomes {
            let found = messages(outcome);
            assert!(
                found.starts_with(key) && found.contains("restrict nothing: set it"),
                "{found}"
            );
        }
    }
}
