//! The HTML: requirements of assistive technology, browsers and the content security policy.

use std::collections::BTreeSet;

use super::*;

/// Every page, rendered with each of its samples.
fn every_rendering() -> impl Iterator<Item = (&'static str, String)> {
    every_page().flat_map(|page| {
        [sample(page), sample_with_errors(page), json!({})]
            .map(|context| (page, html(page, context)))
    })
}

#[test]
fn all_content_is_in_a_landmark() {
    for (page, html) in every_rendering() {
        for landmark in ["<header", "<main", "<footer", "<h1"] {
            assert_eq!(html.matches(landmark).count(), 1, "{page}: {landmark}");
        }
        for (end, start) in [("</header>", "<main"), ("</main>", "<footer")] {
            let between = html.split(end).nth(1).unwrap().split(start).next().unwrap();
            assert!(between.trim().is_empty(), "{page}: {between}");
        }
        let main = html.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
        assert!(main.contains("<h1"), "{page}");
        assert!(html.contains("<nav") == html.contains("<nav aria-label="), "{page}");
    }
    let login = html(LOGIN, sample(LOGIN));
    let main = login.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
    assert!(main.contains("Create an account"), "the way to sign up is part of the content");
}

#[test]
fn ids_are_unique_and_references_resolve() {
    for (page, html) in every_rendering() {
        let tags = tags(&html);
        let ids: Vec<_> = tags.iter().filter_map(|tag| tag.attribute("id")).collect();
        let unique: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{page}: {ids:?}");
        for tag in &tags {
            for name in ["for", "aria-describedby", "aria-controls", "data-repeats"] {
                for id in tag.attribute(name).unwrap_or_default().split(' ') {
                    assert!(id.is_empty() || unique.contains(id), "{page}: {name}={id}");
                }
            }
        }
    }
}

#[test]
fn every_control_has_a_name() {
    for (page, html) in every_rendering() {
        let tags = tags(&html);
        let labelled: BTreeSet<_> = tags.iter().filter_map(|tag| tag.attribute("for")).collect();
        for tag in &tags {
            let kind = tag.attribute("type").unwrap_or_default();
            let wrapped = matches!(kind, "checkbox" | "radio");
            if matches!(&*tag.name, "input" | "select" | "textarea") && kind != "hidden" && !wrapped
            {
                let id = tag.attribute("id").unwrap();
                assert!(labelled.contains(id), "{page}: {id}");
            }
            if tag.is("img") {
                assert!(tag.attribute("alt").is_some(), "{page}");
            }
            if tag.is("svg") {
                assert_eq!(tag.attribute("aria-hidden"), Some("true"), "{page}");
            }
        }
        for choice in html.split("<label class=\"choice\">").skip(1) {
            assert!(choice.split("</label>").next().unwrap().contains("<span>"), "{page}");
        }
    }
}

#[test]
fn html_has_no_empty_lines_or_trailing_blanks() {
    for (page, html) in every_rendering() {
        let empty = html.lines().position(|line| line.trim().is_empty());
        assert_eq!(empty.map(|at| at + 1), None, "{page}:\n{html}");
        assert!(!html.contains("&#x2f;"), "{page}");
        let trailing = html.lines().find(|line| line.ends_with(' '));
        assert_eq!(trailing, None, "{page}");
    }
}

#[test]
fn pages_have_one_script_with_a_nonce_no_inline_styles_and_no_external_resources() {
    for (page, html) in every_rendering() {
        let scripts: Vec<_> = tags(&html).into_iter().filter(|tag| tag.is("script")).collect();
        for script in &scripts {
            assert_eq!(script.attribute("nonce"), Some("nonce"), "{page}");
            assert!(script.attribute("src").unwrap().starts_with("/auth/crossauth.js"), "{page}");
        }
        assert_eq!(scripts.len(), usize::from(html.contains("/auth/")), "{page}");
        for tag in tags(&html) {
            let forbidden = |name: &&String| name.starts_with("on") || *name == "style";
            assert_eq!(tag.attributes.keys().find(forbidden), None, "{page}: {tag:?}");
            let loaded = ["src", "href"].into_iter().filter_map(|name| tag.attribute(name));
            // The image of a secret, and the link to the authenticator application.
            let is_known = |address: &&str| {
                !address.starts_with("data:image/png;base64,") && !address.starts_with("otpauth:")
            };
            for address in loaded.filter(is_known) {
                assert!(!address.contains("//") && !address.contains(':'), "{page}: {address}");
            }
        }
        assert!(!html.contains("<style"), "{page}");
    }
    for asset in Asset::ALL.iter().filter(|asset| !asset.content_type.starts_with("image/")) {
        let text = std::str::from_utf8(asset.body).unwrap();
        for forbidden in ["url(", "@import", "http", "fetch", "innerHTML"] {
            assert!(!text.contains(forbidden), "{} holds {forbidden}", asset.name);
        }
    }
}

#[test]
fn pages_load_only_existing_assets_of_the_current_version() {
    for page in every_page() {
        let html = html(page, sample(page));
        for asset in Asset::ALL {
            let link = format!("\"/auth/{}?v={}\"", asset.name, asset_version());
            assert!(html.contains(&link), "{page}: {}", asset.name);
        }
        assert_eq!(html.matches("?v=").count(), html.matches(asset_version()).count());
    }
}

#[test]
fn every_page_has_title_and_metadata() {
    for (page, html) in every_rendering() {
        assert!(html.contains("<html lang=\"en\">"), "{page}");
        assert!(html.contains("<meta name=\"robots\" content=\"noindex\">"), "{page}");
        assert!(html.contains("<link rel=\"apple-touch-icon\""), "{page}");
    }
    // `theme-color` is the background of the page.
    let css = std::str::from_utf8(Asset::ALL[0].body).unwrap();
    let html = html(LOGIN, sample(LOGIN));
    let themes: Vec<_> = tags(&html)
        .iter()
        .filter(|tag| tag.attribute("name") == Some("theme-color"))
        .map(|tag| tag.attribute("content").unwrap().to_owned())
        .collect();
    let surfaces: Vec<_> = css
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--surface: "))
        .map(|value| value.trim_end_matches(';').to_owned())
        .collect();
    assert_eq!(themes, surfaces);
}
