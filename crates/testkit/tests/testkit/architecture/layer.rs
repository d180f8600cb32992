//! Forbidden dependencies between crates.

use std::fs;

use super::workspace::{Dependency, Package, Usage, files, packages, root};

/// A rule for every dependency of every crate.
struct Rule {
    says: &'static str,
    forbids: fn(&Package, &Dependency) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        says: "core, jose and oauth are leaves",
        forbids: |from, to| {
            ["crates/core", "crates/jose", "crates/oauth"].contains(&from.folder.as_str())
                && ours(to)
                && to.usage == Usage::Product
        },
    },
    Rule {
        says: "only axum and applications name a web framework",
        forbids: |from, to| {
            to.usage == Usage::Product
                && from.folder != "crates/axum"
                && !is_application(&from.folder)
                && WEB_FRAMEWORKS.contains(&to.name.as_str())
        },
    },
    Rule {
        says: "a store knows core alone",
        forbids: |from, to| {
            is_store(from) && ours(to) && to.name != "crossauth-core" && to.usage == Usage::Product
        },
    },
    Rule {
        says: "settings know core, axum, mail and LDAP, whose options they are",
        forbids: |from, to| {
            from.folder == "crates/settings"
                && ours(to)
                && !OPTIONS.contains(&to.name.as_str())
                && to.usage == Usage::Product
        },
    },
    Rule {
        says: "mail knows core alone",
        forbids: |from, to| {
            from.folder == "crates/mail"
                && ours(to)
                && to.name != "crossauth-core"
                && to.usage == Usage::Product
        },
    },
    Rule {
        says: "only mail names a mail library",
        forbids: |from, to| {
            to.usage == Usage::Product
                && from.folder != "crates/mail"
                && MAIL_LIBRARIES.contains(&to.name.as_str())
        },
    },
    Rule {
        says: "only mail, stores and the testkit name TLS",
        forbids: |from, to| {
            to.usage == Usage::Product
                && !["crates/mail", "crates/testkit"].contains(&from.folder.as_str())
                && !is_store(from)
                && TLS_LIBRARIES.contains(&to.name.as_str())
        },
    },
    Rule {
        says: "only stores and the benchmark name a database driver",
        forbids: |from, to| {
            to.usage == Usage::Product
                && !is_store(from)
                && from.folder != "bench"
                && DATABASE_DRIVERS.contains(&to.name.as_str())
        },
    },
    Rule {
        says: "the testkit is for tests and the benchmark",
        forbids: |from, to| {
            to.name == "crossauth-testkit" && to.usage == Usage::Product && from.folder != "bench"
        },
    },
    Rule {
        says: "the facade needs nothing but our crates",
        forbids: |from, to| {
            from.folder == FACADE && to.folder.is_none() && to.usage == Usage::Product
        },
    },
    Rule {
        says: "nothing depends on an application",
        forbids: |_, to| to.folder.as_deref().is_some_and(is_application),
    },
];

/// The crates whose options are settings.
const OPTIONS: &[&str] =
    &["crossauth-axum", "crossauth-core", "crossauth-mail", "crossauth-storage-ldap"];
const FACADE: &str = "crates/crossauth";
const WEB_FRAMEWORKS: &[&str] =
    &["actix-web", "axum", "axum-core", "axum-extra", "axum-server", "poem", "rocket", "warp"];
const MAIL_LIBRARIES: &[&str] = &["lettre"];
const TLS_LIBRARIES: &[&str] = &["rustls", "rustls-native-certs", "tokio-rustls"];
const DATABASE_DRIVERS: &[&str] =
    &["ldap3", "mysql_async", "redis", "rusqlite", "sqlx", "tokio-postgres"];

fn ours(to: &Dependency) -> bool {
    to.folder.is_some()
}

fn is_store(package: &Package) -> bool {
    package.folder.starts_with("crates/storage-")
}

fn is_application(folder: &str) -> bool {
    folder == "crates/server"
        || folder == "bench"
        || folder == "fuzz"
        || folder.starts_with("examples/")
}

fn broken_rules(packages: &[Package]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            for rule in RULES.iter().filter(|rule| (rule.forbids)(package, dependency)) {
                broken.push(format!("{}: {} -> {}", rule.says, package.name, dependency.name));
            }
        }
    }
    broken
}

/// The first keyword in `source` that defines something instead of re-exporting it.
fn definition(source: &str) -> Option<&str> {
    let keywords = ["const", "enum", "fn", "impl", "macro_rules", "static", "struct", "trait"];
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .find(|word| keywords.contains(word))
}

#[test]
fn no_crate_has_a_forbidden_dependency() {
    assert_eq!(broken_rules(&packages()), Vec::<String>::new());
}

#[test]
fn each_rule_forbids_its_dependency() {
    let arrows = [
        ("crates/core", "crossauth-axum", Some("crates/axum"), Usage::Product),
        ("crates/oauth-server", "axum", None, Usage::Product),
        ("crates/storage-redis", "crossauth-oauth", Some("crates/oauth"), Usage::Product),
        ("crates/settings", "crossauth-storage-sql", Some("crates/storage-sql"), Usage::Product),
        ("crates/mail", "crossauth-axum", Some("crates/axum"), Usage::Product),
        ("crates/axum", "lettre", None, Usage::Product),
        ("crates/axum", "rustls", None, Usage::Product),
        ("crates/axum", "rusqlite", None, Usage::Product),
        ("crates/server", "crossauth-testkit", Some("crates/testkit"), Usage::Product),
        ("crates/crossauth", "serde", None, Usage::Product),
        ("crates/axum", "crossauth-server", Some("crates/server"), Usage::Product),
    ];
    assert_eq!(arrows.len(), RULES.len());
    for ((from, to, folder, usage), rule) in arrows.into_iter().zip(RULES) {
        let broken = broken_rules(&[arrow(from, to, folder, usage)]);
        assert_eq!(broken, [format!("{}: {from} -> {to}", rule.says)]);
    }
}

#[test]
fn tests_and_applications_may_depend_on_more() {
    let arrows = [
        arrow("crates/core", "crossauth-testkit", Some("crates/testkit"), Usage::Test),
        arrow("crates/server", "axum", None, Usage::Product),
        arrow("crates/crossauth", "axum", None, Usage::Test),
        arrow("crates/server", "rusqlite", None, Usage::Test),
        arrow("bench", "rusqlite", None, Usage::Product),
        arrow("bench", "crossauth-testkit", Some("crates/testkit"), Usage::Product),
        arrow("crates/storage-sql", "rusqlite", None, Usage::Product),
        arrow("crates/storage-sql", "rustls-native-certs", None, Usage::Product),
    ];
    assert_eq!(broken_rules(&arrows), Vec::<String>::new());
}

fn arrow(from: &str, to: &str, folder: Option<&str>, usage: Usage) -> Package {
    let folder = folder.map(str::to_owned);
    Package {
        name: from.to_owned(),
        folder: from.to_owned(),
        dependencies: vec![Dependency { name: to.to_owned(), usage, folder }],
    }
}

#[test]
fn facade_defines_nothing_of_its_own() {
    let sources = files(&root().join(FACADE).join("src"), "rs");
    assert!(!sources.is_empty());
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        assert_eq!(definition(&text), None, "in {}", source.display());
    }
    assert_eq!(definition("/// fn\npub use a::b;"), None);
    assert_eq!(definition("pub use a::b;\npub(crate) fn c() {}"), Some("fn"));
}

#[test]
fn facade_has_every_module_of_the_core() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let (core, facade) = (read("crates/core/src/lib.rs"), read("crates/crossauth/src/lib.rs"));
    let (_, domain) = facade.split_once("pub mod domain {").unwrap();
    let (domain, _) = domain.split_once("\n}").unwrap();
    let names = domain.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    let names: Vec<&str> = names.collect();
    let modules = core.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing: Vec<&str> = modules.filter(|module| !names.contains(module)).collect();
    assert_eq!(missing, [""; 0], "add them to `crossauth::domain`");
}
