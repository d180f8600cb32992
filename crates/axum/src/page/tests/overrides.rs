use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::{ACCOUNT, LOGIN, SIGNUP, html_of, try_html};
use crate::page::{Overrides, PageError, Pages};
use crate::routes::PAGES;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn open(directory: &Path) -> Result<Pages, PageError> {
    Pages::new(PAGES, Some(directory.to_owned()))
}

fn login(pages: &Pages) -> String {
    html_of(pages, LOGIN, json!({"username": "<ada>"}))
}

fn problem(files: &[(&str, &str)]) -> String {
    open(directory(files).path()).unwrap_err().to_string()
}

#[test]
fn file_of_the_same_name_replaces_a_default() {
    let directory = directory(&[("login.html", "Hello {{ username }}")]);
    let pages = open(directory.path()).unwrap();
    assert_eq!(login(&pages), "Hello &lt;ada&gt;");
    assert!(html_of(&pages, SIGNUP, ()).contains("Create an account"));
}

#[test]
fn a_page_may_have_a_file_of_another_name() {
    let directory = directory(&[("login.html", "not this one"), ("enter.njk", "{{ username }}")]);
    let named = |page: &str, file: &str| {
        let files = BTreeMap::from([(page.to_owned(), file.to_owned())]);
        Pages::new(PAGES, Overrides { directory: Some(directory.path().to_owned()), files })
    };
    assert_eq!(login(&named("login", "enter.njk").unwrap()), "&lt;ada&gt;");
    for (page, file) in [("login", "absent.njk"), ("lgoin", "enter.njk"), ("login", "../x.njk")] {
        let error = named(page, file).unwrap_err().to_string();
        assert!(error.contains(page) && error.contains(file), "{error}");
    }
}

#[test]
fn methods_of_python_work_in_templates_of_upstream() {
    let text = "{{ username.upper() }} {{ siteName.replace('N', 'M') }} \
                {% for name, value in {'a': '<b>'}.items() %}{{ name }}={{ value }}{% endfor %}";
    let directory = directory(&[("login.jinja2", text)]);
    let pages = open(directory.path()).unwrap();
    let html = html_of(&pages, LOGIN, json!({"username": "<ada>", "siteName": "North"}));
    assert_eq!(html, "&lt;ADA&gt; Morth a=&lt;b&gt;");
    let wrong = problem(&[("login.jinja2", "{{ username.nonsense() }}")]);
    assert!(wrong.contains("nonsense"), "{wrong}");
}

#[test]
fn a_loop_that_does_not_end_is_refused_at_the_start() {
    let many =
        "{% for a in range(90000) %}{% for b in range(90000) %}{{ a }}{% endfor %}{% endfor %}";
    for (text, line) in [(many.to_owned(), 1), (format!("\n{many}"), 2)] {
        let problem = problem(&[("login.html", &text)]);
        assert!(problem.contains(&format!("login.html:{line}: takes too many steps")), "{problem}");
    }
    // A long list is not one.
    let long = "{% for a in range(5000) %}<option>{{ a }}</option>{% endfor %}";
    let directory = directory(&[("login.html", long)]);
    assert!(login(&open(directory.path()).unwrap()).ends_with("<option>4999</option>"));
}

#[test]
fn override_may_extend_defaults_and_other_files() {
    let directory = directory(&[
        ("base.html", "<main>{% block content %}{% endblock %}{% include 'part.njk' %}</main>"),
        ("part.njk", "{{ username }}"),
    ]);
    let html = login(&open(directory.path()).unwrap());
    assert!(html.starts_with("<main>") && html.contains("action=\"login\""), "{html}");
    assert!(html.ends_with("&lt;ada&gt;</main>"), "escaped whatever the name: {html}");
}

#[test]
fn override_can_extend_the_default_it_replaces() {
    let directory = directory(&[
        ("base.html", "{% extends 'default/base.html' %}{% block brand %}Acme{% endblock %}"),
        ("account.html", "{% extends 'default/account.html' %}{% block title %}Me{% endblock %}"),
    ]);
    let pages = open(directory.path()).unwrap();
    let user = json!({"username": "ada", "state": "disabled"});
    let html = html_of(&pages, ACCOUNT, json!({"user": user}));
    for expected in ["<title>Me ·", "Acme", "<dd>Disabled</dd>", "Log out"] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(!html.contains("brand-name"));
}

#[test]
fn examples_of_the_guide_render() {
    let guide = include_str!("../../../../../docs/how-to/customise-pages.md");
    let examples: Vec<_> =
        guide.split("```html\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [colours, logo, words] = examples[..] else { panic!("{} examples", examples.len()) };
    for (frame, expected) in [(colours, "<style nonce=\"nonce\">"), (logo, ">Acme</span>")] {
        let directory = directory(&[("base.html", frame), ("login.html", words)]);
        let pages = open(directory.path()).unwrap();
        let html = html_of(&pages, LOGIN, json!({"cspNonce": "nonce"}));
        assert!(html.contains(expected) && html.contains("Staff number"), "{html}");
        assert!(html.contains("name=\"csrfToken\""));
    }
}

#[test]
fn broken_override_is_reported_with_file_and_line() {
    let message = problem(&[("setup.html", "<p>\n{% if %}\n")]);
    assert!(message.contains("setup.html:2: syntax error"), "{message}");
    let own = problem(&[("own.html", "{{ }")]);
    assert!(own.contains("own.html:1"), "{own}");
}

#[test]
fn unknown_filters_and_templates_are_reported_at_start() {
    let filter = problem(&[("login.html", "\n\n{{ username|shout }}")]);
    assert!(filter.contains("login.html:3: unknown filter"), "{filter}");
    let parent = problem(&[("error.html", "{% extends 'nothing.html' %}")]);
    assert!(parent.contains("\"nothing.html\" does not exist"), "{parent}");
    let nested = problem(&[("login.html", "{% include 'a.njk' %}"), ("a.njk", "{{ x|shout }}")]);
    assert!(nested.contains("a.njk:1: unknown filter"), "{nested}");
}

/// Every kind of error that occurs only when a page is rendered.
#[test]
fn override_that_cannot_be_rendered_is_reported_at_start() {
    let base = "{% block content %}{% endblock %}";
    for (files, expected) in [
        ([("login.html", "{% extends 'login.html' %}"), ("x.html", "")], "cycle"),
        ([("login.html", ""), ("base.html", "{% extends 'base.html' %}")], "cycle"),
        ([("login.html", "\n{% include 'login.html' %}"), ("x.html", "")], "login.html:2: "),
        (
            [("login.html", "{% include 'x.html' %}"), ("x.html", "{% include 'login.html' %}")],
            "recursion",
        ),
        ([("login.html", "\n\n{{ 1 // 0 }}"), ("x.html", "")], "login.html:3: "),
        (
            [("login.html", "{% for i in range(10000000) %}{% endfor %}"), ("x.html", "")],
            "login.html:1: ",
        ),
        (
            [
                (
                    "login.html",
                    "{% extends 'base.html' %}{% block content %}\n{{ 'a' / 2 }}{% endblock %}",
                ),
                ("base.html", base),
            ],
            "login.html:2: ",
        ),
        (
            [
                ("login.html", "{% import 'components.html' as ui %}\n{{ ui.submt('Log in') }}"),
                ("x.html", ""),
            ],
            "login.html:2: unknown method",
        ),
        (
            [("login.html", "{{ username.shout() }}"), ("x.html", "")],
            "login.html:1: unknown method",
        ),
        (
            [("login.html", "{% if errorMessage %}\n{{ 1 // 0 }}{% endif %}"), ("x.html", "")],
            "login.html:2: ",
        ),
        (
            [("error.html", "{% if not user %}\n{{ 1 // 0 }}{% endif %}"), ("x.html", "")],
            "error.html:2: ",
        ),
        (
            [("account.html", "{% if user %}\n{{ 1 // 0 }}{% endif %}"), ("x.html", "")],
            "account.html:2: ",
        ),
    ] {
        let message = problem(&files);
        assert!(message.contains(expected), "{files:?}: {message}");
    }
}

#[test]
fn paths_outside_the_directory_are_rejected() {
    let outer = directory(&[("secret.html", "secret")]);
    let inner = outer.path().join("templates");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join(".hidden"), "secret").unwrap();
    let absolute = outer.path().join("secret.html");
    for name in [
        "../secret.html",
        "a/../../secret.html",
        "./secret.html",
        absolute.to_str().unwrap(),
        ".hidden",
        "a//b",
        "a:b",
        "",
    ] {
        fs::write(inner.join("login.html"), format!("{{% include '{name}' ignore missing %}}"))
            .unwrap();
        let refusal = open(&inner).unwrap_err().to_string();
        assert!(refusal.contains("is not the plain name of a template"), "{name}: {refusal}");
    }
}

#[cfg(unix)]
#[test]
fn symlinks_must_stay_in_the_directory() {
    let outer = directory(&[("secret.html", "secret")]);
    let inner = outer.path().join("templates");
    fs::create_dir_all(inner.join("..data")).unwrap();
    fs::write(inner.join("..data/login.html"), "mounted").unwrap();
    std::os::unix::fs::symlink("..data/login.html", inner.join("login.html")).unwrap();
    assert_eq!(login(&open(&inner).unwrap()), "mounted");

    std::os::unix::fs::symlink("../secret.html", inner.join("signup.html")).unwrap();
    let refusal = open(&inner).unwrap_err().to_string();
    assert!(refusal.contains("signup.html") && refusal.contains("leaves"), "{refusal}");

    fs::remove_file(inner.join("signup.html")).unwrap();
    std::os::unix::fs::symlink("missing.html", inner.join("signup.html")).unwrap();
    let refusal = open(&inner).unwrap_err().to_string();
    assert!(refusal.contains("broken symbolic link"), "{refusal}");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let directory = directory(&[]);
    let file = directory.path().join("login.html");
    fs::create_dir(&file).unwrap();
    let refusal = open(directory.path()).unwrap_err().to_string();
    assert!(refusal.starts_with(file.to_str().unwrap()), "{refusal}");
    assert!(refusal.contains("not a regular file"), "{refusal}");
    // Reading a pipe waits for its writer.
    fs::remove_dir(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let refusal = open(directory.path()).unwrap_err().to_string();
    assert!(refusal.contains("not a regular file"), "{refusal}");
}

#[test]
fn error_names_a_missing_directory() {
    let directory = directory(&[]);
    let missing = directory.path().join("nowhere");
    let message = open(&missing).unwrap_err().to_string();
    assert!(message.ends_with(missing.to_str().unwrap()), "{message}");
}

#[test]
fn changed_templates_are_read_again_only_in_development() {
    let directory = directory(&[("login.html", "one")]);
    let fixed = open(directory.path()).unwrap();
    let reloading = open(directory.path()).unwrap().reloading();
    assert!(login(&reloading).starts_with("one"));

    fs::write(directory.path().join("login.html"), "second").unwrap();
    assert_eq!(login(&fixed), "one");
    assert_eq!(login(&reloading), "second");

    fs::remove_file(directory.path().join("login.html")).unwrap();
    assert!(login(&reloading).contains("action=\"login\""));

    fs::write(directory.path().join("login.html"), "{% if %}").unwrap();
    let broken = try_html(&reloading, LOGIN, ()).unwrap_err().to_string();
    assert!(broken.contains("login.html:1"), "{broken}");
}

fn warnings(files: &[(&str, &str)]) -> Vec<String> {
    let directory = directory(files);
    let pages = Pages::open(PAGES, Some(directory.path().to_owned())).unwrap();
    let directory = format!("{}/", directory.path().canonicalize().unwrap().display());
    let warnings = pages.check(PAGES).unwrap();
    warnings.iter().map(|warning| warning.to_string().replace(&directory, "")).collect()
}

#[test]
fn unused_files_are_reported() {
    let unused = warnings(&[
        ("lgoin.html", "Welcome"),
        ("emailverification.njk", "{{ token }"),
        ("base.html", "{% if false %}{% include 'part.html' %}{% endif %}"),
        ("part.html", ""),
        ("README.md", "{{ }"),
        ("login.html~", "{{ }"),
    ]);
    let reported: Vec<_> = unused.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(reported, ["emailverification.njk", "lgoin.html"], "{unused:?}");
}

#[test]
fn unknown_variables_are_reported() {
    let unknown = warnings(&[
        ("login.html", "{% set own = 1 %}{{ own }}{{ usrname }}{{ user_email }}{{ range(2) }}"),
        ("setup.html", "{{ user_email }}{% include 'part.html' %}{{ super }}"),
        ("part.html", "{{ user_email }}{{ status }}{{ nowhere }}"),
    ]);
    let expected = [
        "login.html: unknown variable `user_email`",
        "login.html: unknown variable `usrname`",
        "part.html: unknown variable `nowhere`",
    ];
    assert_eq!(unknown, expected);
}

#[test]
fn override_may_have_an_extension_of_upstream() {
    for name in ["login.njk", "login.jinja2"] {
        let directory = directory(&[(name, "Hello {{ username }}")]);
        let pages = open(directory.path()).unwrap();
        assert_eq!(login(&pages), "Hello &lt;ada&gt;", "{name}");
    }
    let all = [("login.html", "one"), ("login.njk", "two"), ("login.jinja2", "three")];
    for first in 0..all.len() {
        let directory = directory(&all[first..]);
        assert_eq!(login(&open(directory.path()).unwrap()), all[first].1);
    }
    let message = problem(&[("login.njk", "\n{{ username|shout }}")]);
    assert!(message.contains("login.njk:2: unknown filter"), "{message}");
}

#[test]
fn new_override_with_precedence_is_loaded() {
    let directory = directory(&[("login.njk", "one")]);
    let pages = open(directory.path()).unwrap().reloading();
    assert_eq!(login(&pages), "one");
    fs::write(directory.path().join("login.html"), "two").unwrap();
    assert_eq!(login(&pages), "two");
}
