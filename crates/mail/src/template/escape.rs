//! Removes control characters from variables: line breaks, and those that change the direction of
//! text.

use serde_json::{Map, Value};

/// The variables, with a space for each control character in a text.
pub(super) fn without_controls(variables: &Map<String, Value>) -> Map<String, Value> {
    variables.iter().map(|(name, value)| (name.clone(), cleaned(value))).collect()
}

fn cleaned(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.chars().map(printable).collect()),
        Value::Array(values) => values.iter().map(cleaned).collect(),
        Value::Object(fields) => Value::Object(without_controls(fields)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn printable(c: char) -> char {
    if is_unprintable(c) { ' ' } else { c }
}

/// Control characters, also bidirectional ones, and line and paragraph separators.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A text as one line of at most `max` characters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let words = text.split(|c: char| c == ' ' || is_unprintable(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(max).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn r15_variables_begin_no_line() {
        let variables = json!({"a": "x\r\nBcc: eve@x", "b": [{"c": "\u{2028}\u{202E}y"}], "d": 5});
        let Value::Object(variables) = variables else { panic!() };
        let expected = json!({"a": "x  Bcc: eve@x", "b": [{"c": "  y"}], "d": 5});
        assert_eq!(Value::Object(without_controls(&variables)), expected);
        assert_eq!(one_line(" a\r\n b\t", 9), "a b");
        assert_eq!(one_line("äöü", 2), "äö");
    }
}
