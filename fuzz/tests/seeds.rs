//! Runs every seed through its target, as regression tests of past findings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crossauth_fuzz::{TARGETS, run};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds"))
}

#[test]
fn every_seed_passes_its_target() {
    let mut failed = Vec::new();
    for (name, _) in TARGETS {
        let mut seeds = 0;
        for seed in fs::read_dir(folder().join(name)).unwrap() {
            let seed = seed.unwrap().path();
            let input = fs::read(&seed).unwrap();
            if std::panic::catch_unwind(|| run(name, &input)).is_err() {
                failed.push(seed);
            }
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_folder_of_seeds_belongs_to_a_target() {
    let folders: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, TARGETS.map(|(name, _)| name.to_owned()).into());
}

#[test]
#[should_panic(expected = "there is no target \"nothing\"")]
fn unknown_target_is_refused() {
    run("nothing", b"");
}
