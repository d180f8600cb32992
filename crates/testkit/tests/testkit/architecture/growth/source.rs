//! Finds the public types in the source.

use std::fs;
use std::path::Path;

use crate::architecture::workspace::{files, relative, root};

/// A public enum, or a public struct all of whose fields are public.
pub(super) struct Type {
    /// Crate and name.
    pub(super) name: String,
    pub(super) attributes: String,
    /// The source of the file.
    pub(super) source: String,
    pub(super) is_struct: bool,
}

/// The types of the crates that others compile against.
pub(super) fn types() -> Vec<Type> {
    let mut found = Vec::new();
    for folder in [
        "axum",
        "core",
        "mail",
        "settings",
        "storage-ldap",
        "storage-redis",
        "storage-sql",
        "testkit",
    ] {
        for path in files(&root().join("crates").join(folder).join("src"), "rs") {
            if !is_test(&path) {
                found.extend(types_in(folder, &fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    let path = relative(path);
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

pub(super) fn types_in(folder: &str, source: &str) -> Vec<Type> {
    let lines: Vec<_> = source.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let declaration = line.trim_start();
        let indent = &line[..line.len() - declaration.len()];
        let item = declaration.strip_prefix("pub enum ").map(|rest| (rest, false));
        let item =
            item.or_else(|| declaration.strip_prefix("pub struct ").map(|rest| (rest, true)));
        let Some((rest, is_struct)) = item else { continue };
        let end = format!("{indent}}}");
        let body = lines[number + 1..].iter().take_while(|line| !line.starts_with(&end));
        if is_struct && !is_open(rest, body.copied()) {
            continue;
        }
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        let above = lines[..number].iter().rev().take_while(|line| !line.trim().is_empty());
        found.push(Type {
            name: format!("{folder}::{name}"),
            attributes: above.map(|line| line.trim()).collect(),
            source: source.to_owned(),
            is_struct,
        });
    }
    found
}

/// Whether a struct has fields and all are public.
fn is_open<'l>(declaration: &str, body: impl Iterator<Item = &'l str>) -> bool {
    if declaration.ends_with(';') {
        return declaration.contains("(pub ");
    }
    let is_field = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with('#') && line.contains(':')
    };
    let fields: Vec<_> = body.filter(is_field).collect();
    !fields.is_empty() && fields.iter().all(|line| line.trim_start().starts_with("pub "))
}

/// Whether the file has `impl Default for name`, or an associated function without `self` that
/// returns it.
pub(super) fn has_constructor(source: &str, name: &str) -> bool {
    let (before_impl, generic) = (format!("impl {name} {{"), format!("{name}<'"));
    let default = format!("impl Default for {name} ");
    let inherent = |line: &str| {
        line.starts_with("impl") && (line.contains(&before_impl) || line.contains(&generic))
    };
    let mut inside = false;
    let is_constructor = |line: &str| {
        inside = inherent(line) || inside && line != "}";
        inside && line.contains("pub fn ") && line.ends_with("-> Self {")
    };
    source.contains(&default) || source.lines().any(is_constructor)
}
