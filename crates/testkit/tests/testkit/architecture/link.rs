//! Links between the repository's own pages.

use std::fs;
use std::path::Path;

use super::workspace::{files, relative, root};

#[test]
fn relative_links_resolve() {
    let pages = files(&root(), "md");
    assert!(!pages.is_empty());
    let dead: Vec<String> = pages.iter().flat_map(|page| dead_links(page)).collect();
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn index_links_to_every_page() {
    let docs = root().join("docs");
    let index = fs::read_to_string(docs.join("README.md")).unwrap();
    let named = links(&index);
    for page in files(&docs, "md") {
        let path = page.strip_prefix(&docs).unwrap().to_string_lossy();
        assert!(path == "README.md" || named.contains(&&*path), "docs/README.md lacks {path}");
    }
}

#[test]
fn links_in_code_are_ignored() {
    let page = "See [a](x.md \"title\") and [`b`](<y.md#z>).\n[c]: z.md\n```\n[d](no.md)\n```\n`[e](no.md)`";
    assert_eq!(links(page), ["x.md", "y.md#z", "z.md"]);
}

#[test]
fn heading_slugs_are_derived_from_their_text() {
    assert!(has_heading("# Where to put, say, `a` thing\n", "where-to-put-say-a-thing"));
    assert!(!has_heading("```\n# not a heading\n```\n", "not-a-heading"));
}

fn dead_links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let relative_links = links(&text).into_iter().filter(|link| !is_absolute(link));
    let dead = relative_links.filter(|link| !resolves(page, link));
    dead.map(|link| format!("{}: {link}", relative(page))).collect()
}

fn is_absolute(link: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme))
}

fn resolves(page: &Path, link: &str) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { page.to_owned() } else { page.with_file_name(path) };
    if heading.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return target.exists();
    }
    fs::read_to_string(target).is_ok_and(|text| has_heading(&text, heading))
}

fn has_heading(text: &str, slug: &str) -> bool {
    let titles = prose(text).filter(|line| line.starts_with('#'));
    titles.map(|line| line.trim_start_matches('#').trim()).any(|title| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let kept: String = kept.collect();
        kept.to_lowercase().replace(' ', "-") == slug
    })
}

/// The targets of all links, those of `[name]: target` lines included.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in prose(text) {
        if let Some((_, target)) = line.split_once("]: ").filter(|_| line.starts_with('[')) {
            found.push(target.trim());
        }
        for (at, _) in line.match_indices("](") {
            let in_code = line[..at].matches('`').count() % 2 == 1;
            let target = line[at + 2..].split([')', ' ']).next();
            found.extend(target.filter(|_| !in_code).map(|link| link.trim_matches(['<', '>'])));
        }
    }
    found
}

/// The lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}
