//! The workspace, from `cargo metadata` and the file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate of this repository.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder, relative to the root of the repository: `crates/core`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) usage: Usage,
    /// The folder of a crate of this repository; `None` for an external crate.
    pub(crate) folder: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Compiled into the crate, or run while building it.
    Product,
    /// Tests and examples only.
    Test,
}

/// Every crate of the workspace with the dependencies its manifest names.
pub(crate) fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(json: &Value) -> Package {
    let manifest = Path::new(json["manifest_path"].as_str().unwrap());
    Package {
        name: json["name"].as_str().unwrap().to_owned(),
        folder: relative(manifest.parent().unwrap()),
        dependencies: json["dependencies"].as_array().unwrap().iter().map(dependency).collect(),
    }
}

fn dependency(json: &Value) -> Dependency {
    Dependency {
        name: json["name"].as_str().unwrap().to_owned(),
        usage: if json["kind"] == "dev" { Usage::Test } else { Usage::Product },
        folder: json["path"].as_str().map(|path| relative(Path::new(path))),
    }
}

/// The files under `folder` whose name ends in `.extension`, without build output.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

/// The root of the repository: Cargo runs a test in the folder of its crate.
pub(crate) fn root() -> PathBuf {
    Path::new("../..").canonicalize().unwrap()
}

/// `path` relative to the root of the repository.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}
