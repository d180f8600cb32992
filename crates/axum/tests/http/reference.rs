//! The table of `docs/reference/http.md` matches the route table.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use tower::ServiceExt;

use crate::site::Site;

const REFERENCE: &str = include_str!("../../../../docs/reference/http.md");
const HEADER: &str = "| request | takes | returns |";

#[tokio::test]
async fn documented_endpoints_are_those_of_the_router() {
    // Mail and administration are all features of the router.
    let site = Site::with_every_feature();
    let built = site.crossauth.endpoints().into_iter();
    let built: BTreeSet<_> =
        built.map(|it| format!("{} {}", it.method, it.path.trim_start_matches('/'))).collect();
    let (assets, documented): (BTreeSet<_>, BTreeSet<_>) =
        documented(REFERENCE).into_iter().partition(|it| it.contains(" crossauth."));
    assert_eq!(documented, built, "left: docs/reference/http.md, right: routes.rs");
    assert_eq!(assets.len(), 4, "{assets:?}");
    for asset in assets {
        let path = asset.replace("GET ", "/");
        let request = Request::get(&path).body(Body::empty()).unwrap();
        assert_eq!(site.router.clone().oneshot(request).await.unwrap().status(), 200, "{path}");
    }
}

#[test]
fn cell_names_methods_and_paths() {
    let page = format!(
        "# T\n\n{HEADER}\n|---|---|---|\n| `GET a`, `POST` with a token | `x` | `y` |\n\
         | `GET b.css`, `b.js` | | |\n\n| `GET z` |\n\n{HEADER}\n|---|\n| `GET d` | |"
    );
    let expected = ["GET a", "GET b.css", "GET b.js", "GET d", "POST a"];
    assert_eq!(documented(&page), BTreeSet::from(expected.map(str::to_owned)));
}

/// The requests in the first column of each table, as `GET login`. A method alone is of the path before it, a
/// path alone of the method before it.
fn documented(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let tables = page.split(HEADER).skip(1).map(|table| table.lines().skip(2));
    for row in tables.flat_map(|table| table.take_while(|line| line.starts_with('|'))) {
        let (mut method, mut path) = ("", "");
        for code in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            match code.split_once(' ') {
                Some(both) => (method, path) = both,
                None if code.chars().all(|c| c.is_ascii_uppercase()) => method = code,
                None => path = code,
            }
            found.insert(format!("{method} {path}"));
        }
    }
    found
}
