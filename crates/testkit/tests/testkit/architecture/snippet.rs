//! Rust code in the documentation: every page is compiled as a documentation test.

use std::fs;

use super::workspace::{files, relative, root};

#[test]
fn every_page_that_shows_rust_is_compiled() {
    let including: String = files(&root().join("crates"), "rs")
        .into_iter()
        .filter(|source| source.ends_with("src/lib.rs"))
        .map(|source| fs::read_to_string(source).unwrap())
        .collect();
    let mut pages = files(&root().join("docs"), "md");
    pages.push(root().join("README.md"));
    let shown: Vec<_> = pages
        .iter()
        .filter(|page| !fences(&fs::read_to_string(page).unwrap()).is_empty())
        .collect();
    assert!(!shown.is_empty());
    for page in shown {
        let page = relative(page);
        let include = format!("include_str!(\"../../../{page}\")");
        assert!(including.contains(&include), "{page}: no crate has {include} for its doctests");
    }
}

#[test]
fn no_snippet_is_exempt_from_compilation() {
    for page in files(&root(), "md") {
        let text = fs::read_to_string(&page).unwrap();
        for fence in fences(&text) {
            let compiled = ["rust", "rust,no_run"].contains(&fence);
            assert!(compiled, "{}: ```{fence}", relative(&page));
        }
    }
}

/// The first program of the tutorial is replaced by the second, to which the test is added.
#[test]
fn tutorial_shows_its_example() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let tutorial = read("docs/tutorial/first-application.md");
    let blocks = tutorial.split("```rust").skip(1).map(|block| {
        let (_, code) = block.split_once('\n').unwrap();
        code.split("```").next().unwrap()
    });
    let blocks: Vec<&str> = blocks.collect();
    let [_, program, test] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    let example = read("examples/guestbook/src/main.rs");
    assert!(
        example == format!("{program}\n{test}"),
        "examples/guestbook differs from the tutorial"
    );
}

#[test]
fn fences_of_rust_are_found() {
    let page =
        "```rust\nfn a() {}\n```\n```sh\nls\n```\n  ```rust,ignore\n  ```\n```\n```toml\n```";
    assert_eq!(fences(page), ["rust", "rust,ignore"]);
}

/// The text after the opening fences of Rust code.
fn fences(text: &str) -> Vec<&str> {
    let fences = text.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
    fences.filter(|info| info.split(',').any(|word| word.trim() == "rust")).collect()
}
