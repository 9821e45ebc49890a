//! Finds the published package of tokio through cargo: its test files and its dependencies.

use crate::env;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub struct Tokio {
    pub version: String,
    pub tests: Vec<TestFile>,
    pub features: Vec<String>,
    pub dependencies: Vec<Dependency>,
}

pub struct TestFile {
    pub name: String,
    pub path: PathBuf,
}

/// A dependency as tokio's manifest states it.
pub struct Dependency {
    pub name: String,
    pub req: String,
    pub target: Option<String>,
    pub features: Vec<String>,
    pub default_features: bool,
}

/// Asks cargo for the version that `asked` allows.
pub fn fetch(dir: &Path, asked: &str) -> Result<Tokio, Box<dyn std::error::Error>> {
    let package = dir.join("fetch");
    let manifest = package.join("Cargo.toml");
    env::write_if_changed(
        &manifest,
        &format!(
            "[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[dependencies]\n\
             tokio = \"{asked}\"\n\n[workspace]\n"
        ),
    )?;
    env::write_if_changed(&package.join("src/lib.rs"), "")?;
    let output = env::cargo()
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let tokio = list(&metadata["packages"])
        .iter()
        .find(|p| p["name"] == "tokio")
        .ok_or("cargo did not resolve tokio")?;
    Ok(Tokio {
        version: text(&tokio["version"]),
        tests: tests(tokio),
        features: tokio["features"]
            .as_object()
            .into_iter()
            .flatten()
            // A feature that only names an optional dependency is not meant for users.
            .filter(|(name, members)| {
                *name == "parking_lot" || list(members) != [format!("dep:{name}")]
            })
            .map(|(name, _)| name.clone())
            .collect(),
        dependencies: list(&tokio["dependencies"])
            .iter()
            .map(dependency)
            .collect(),
    })
}

fn tests(package: &Value) -> Vec<TestFile> {
    let mut tests: Vec<_> = list(&package["targets"])
        .iter()
        .filter(|t| list(&t["kind"]).iter().any(|k| k == "test"))
        .map(|t| TestFile {
            name: text(&t["name"]),
            path: text(&t["src_path"]).into(),
        })
        .collect();
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    tests
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(&value["name"]),
        req: text(&value["req"]),
        target: value["target"].as_str().map(str::to_owned),
        features: list(&value["features"]).iter().map(text).collect(),
        default_features: value["uses_default_features"].as_bool().unwrap_or(true),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
