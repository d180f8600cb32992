//! The template engine, which escapes all variables.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior, escape_formatter,
};
use minijinja_contrib::pycompat;

use super::asset;
use super::source::Source;

/// How much work rendering a page may take, in units of the engine: roughly the instructions of the
/// template and the items of its loops. Our pages take fewer than a thousandth of it.
const FUEL: u64 = 1_000_000;

/// An engine that loads its templates from `source`.
pub(super) fn environment(source: &Arc<Source>) -> Environment<'static> {
    let mut environment = Environment::new();
    let loader = Arc::clone(source);
    environment.set_loader(move |name| loader.load(name));
    environment.set_auto_reload(false);
    // By default, the engine decides by the extension, and would not escape in `login.njk`.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(write_value);
    // A loop in an override that does not end must not occupy a thread.
    environment.set_fuel(Some(FUEL));
    // Templates of the Python Crossauth call methods of Python, such as `upper` and `items`.
    environment.set_unknown_method_callback(pycompat::unknown_method_callback);
    // Debug reports would write variables, including tokens, to the log.
    environment.set_debug(false);
    environment.add_global("assetVersion", asset::version());
    environment
}

/// Formats a value: nothing for null, and escaped text without the engine's unnecessary `&#x2f;`
/// for a slash.
fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    match value.as_str() {
        Some(text) if !value.is_safe() && *state.auto_escape() == AutoEscape::Html => {
            Ok(write_escaped(out, text)?)
        }
        _ => escape_formatter(out, state, value),
    }
}

fn write_escaped(out: &mut Output<'_>, mut text: &str) -> std::fmt::Result {
    while let Some(at) = text.find(['&', '<', '>', '"', '\'']) {
        let (plain, rest) = text.split_at(at);
        out.write_str(plain)?;
        out.write_str(match rest.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            _ => "&#39;",
        })?;
        text = &rest[1..];
    }
    out.write_str(text)
}
