//! The stylesheet against WCAG 2.2: 1.4.3 for text, 1.4.11 for controls.

use std::collections::{BTreeMap, BTreeSet};

use crate::page::Asset;

const TEXT: [(&str, &str); 16] = [
    ("ink", "canvas"),
    ("ink", "surface"),
    ("muted", "canvas"),
    ("muted", "surface"),
    ("accent", "canvas"),
    ("accent", "surface"),
    ("accent-strong", "canvas"),
    ("accent-strong", "surface"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-tint", "tint"),
    ("danger", "surface"),
    ("surface", "danger"),
    ("on-danger-tint", "danger-tint"),
    ("on-success-tint", "success-tint"),
    ("success", "surface"),
];

const CONTROLS: [(&str, &str); 3] =
    [("control", "surface"), ("accent", "surface"), ("danger", "surface")];

type Palette = BTreeMap<String, [f64; 3]>;

fn css() -> &'static str {
    std::str::from_utf8(Asset::ALL[0].body).unwrap()
}

/// The colours of the light scheme, then those of the dark one.
fn palettes() -> [Palette; 2] {
    let (light, rest) = css().split_once("@media (prefers-color-scheme: dark)").unwrap();
    [palette(light), palette(rest.split("\n}\n").next().unwrap())]
}

fn palette(block: &str) -> Palette {
    let declarations = block.lines().filter_map(|line| line.trim().strip_prefix("--"));
    declarations
        .filter_map(|line| {
            let (name, value) = line.trim_end_matches(';').split_once(": #")?;
            let number = u32::from_str_radix(value, 16).ok()?;
            let [_, rgb @ ..] = number.to_be_bytes();
            Some((name.to_owned(), rgb.map(|channel| f64::from(channel) / 255.0)))
        })
        .collect()
}

fn luminance(rgb: [f64; 3]) -> f64 {
    let [red, green, blue] = rgb.map(|channel| {
        if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn assert_contrast(pairs: &[(&str, &str)], least: f64) {
    for (scheme, palette) in ["light", "dark"].iter().zip(palettes()) {
        for (front, back) in pairs {
            let ratio = contrast(palette[*front], palette[*back]);
            assert!(ratio >= least, "{scheme}: {front} on {back} is {ratio:.2}");
        }
    }
}

#[test]
fn contrast_of_black_and_white_is_21() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([1.0; 3], [1.0; 3]) - 1.0).abs() < 1e-9);
}

#[test]
fn text_has_contrast_in_both_schemes() {
    assert_contrast(&TEXT, 4.5);
}

#[test]
fn controls_and_focus_have_contrast_in_both_schemes() {
    assert_contrast(&CONTROLS, 3.0);
}

#[test]
fn both_schemes_define_the_same_colours() {
    let [light, dark] = palettes();
    assert!(light.keys().eq(dark.keys()));
}

#[test]
fn rules_use_only_colours_whose_contrast_is_tested() {
    let rules = css().split_once("\n*,\n").unwrap().1;
    assert!(!rules.contains('#'), "a colour outside the palette");
    let fronts: BTreeSet<_> = TEXT.iter().map(|(front, _)| format!("var(--{front})")).collect();
    let backs: BTreeSet<_> = TEXT.iter().map(|(_, back)| format!("var(--{back})")).collect();
    for line in rules.lines().map(str::trim) {
        if let Some(front) = line.strip_prefix("color: ").map(|value| value.trim_end_matches(';')) {
            assert!(front == "inherit" || fronts.contains(front), "{line}");
        }
        if let Some(back) =
            line.strip_prefix("background: ").map(|value| value.trim_end_matches(';'))
        {
            assert!(
                backs.contains(back)
                    || ["none", "var(--success)", "var(--on-accent)"].contains(&back),
                "{line}"
            );
        }
    }
}
