//! A crate depends only on floors below its own (ARCHITECTURE.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FLOORS: [(&str, &[&str]); 7] = [
    ("0", &["fixed", "knapsack", "schedule", "search", "data"]),
    ("1", &["graph"]),
    ("2", &["objective", "prune", "formats", "emulate"]),
    ("3", &["optimize"]),
    ("4", &["train", "report"]),
    ("5", &["handaxe"]),
    ("6", &["cli"]),
];

fn floor(folder: &str) -> usize {
    let found = FLOORS.iter().position(|(_, folders)| folders.contains(&folder));
    found.unwrap_or_else(|| {
        panic!("crates/{folder} stands on no floor: add it to ARCHITECTURE.md and here")
    })
}

/// The folders in `crates/`, each with its manifest.
fn manifests() -> BTreeMap<String, toml::Table> {
    let crates: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let folders = std::fs::read_dir(crates).unwrap().map(|entry| entry.unwrap());
    folders
        .map(|folder| {
            let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
            (folder.file_name().into_string().unwrap(), manifest.parse().unwrap())
        })
        .collect()
}

/// The folders of the workspace's own crates that a manifest names in its tables of dependencies.
fn own_dependencies(manifest: &toml::Table) -> Vec<String> {
    let tables = ["dependencies", "build-dependencies"]
        .into_iter()
        .filter_map(|kind| manifest.get(kind)?.as_table());
    let names = tables.flat_map(|table| table.keys());
    let own = names.filter_map(|name| {
        if name == "handaxe" { Some("handaxe") } else { name.strip_prefix("handaxe-") }
    });
    own.map(str::to_owned).collect()
}

#[test]
fn every_crate_depends_only_on_floors_below_its_own() {
    let manifests = manifests();
    let mut edges = 0;
    for (folder, manifest) in &manifests {
        for dependency in own_dependencies(manifest) {
            assert!(
                floor(&dependency) < floor(folder),
                "crates/{folder} (floor {}) must not depend on crates/{dependency} (floor {})",
                floor(folder),
                floor(&dependency)
            );
            edges += 1;
        }
    }
    let listed: usize = FLOORS.iter().map(|(_, folders)| folders.len()).sum();
    assert_eq!(
        manifests.len(),
        listed,
        "every listed crate stands in crates/ and the other way round"
    );
    assert!(edges > 15, "only {edges} dependencies were seen: the manifests are not being read");
}

/// candle may be named by `train` alone, so that everything else builds and tests without it.
#[test]
fn only_train_knows_candle() {
    for (folder, manifest) in manifests() {
        let dependencies = manifest.get("dependencies").and_then(|table| table.as_table());
        let candle =
            dependencies.is_some_and(|table| table.keys().any(|name| name.starts_with("candle")));
        assert_eq!(candle, folder == "train", "crates/{folder}");
    }
}

/// The map in ARCHITECTURE.md is the one that is tested here.
#[test]
fn the_map_is_true() {
    let map =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md"))
            .unwrap();
    for (number, folders) in FLOORS {
        for folder in folders {
            let row = format!("| {number} | `{folder}` |");
            assert!(map.contains(&row), "ARCHITECTURE.md lacks the row `{row}`");
        }
    }
}
