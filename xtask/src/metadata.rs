//! `cargo metadata`, as far as the tasks need it.

use crate::report::{Failed, failed};
use crate::run;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its directory.
    pub(crate) root: PathBuf,
    pub(crate) version: String,
    /// `package.metadata.dwcp.layer`.
    pub(crate) layer: Option<u64>,
    /// Whether cargo may publish it.
    pub(crate) published: bool,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) examples: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) description: Option<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) has_readme: bool,
    pub(crate) has_docs_rs: bool,
    pub(crate) has_license: bool,
}

/// One dependency as the manifest declares it.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// The package's own name, whatever it is renamed to.
    pub(crate) name: String,
    /// `normal`, `dev` or `build`.
    pub(crate) kind: String,
    /// `*` where only a path is given.
    pub(crate) requirement: String,
    /// In words: renamed, optional, for one target.
    pub(crate) manner: String,
    pub(crate) by_path: bool,
}

/// The packages of this workspace.
pub(crate) fn read() -> Result<Vec<Package>, Failed> {
    let text = run::output(run::cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    parse(&text)
}

/// The target directory cargo uses.
pub(crate) fn target_directory() -> Result<String, Failed> {
    let text = run::output(run::cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| failed(format!("cargo metadata: {e}")))?;
    string(&value["target_directory"]).ok_or_else(|| failed("cargo metadata names no target directory"))
}

/// Reads the JSON that `cargo metadata` prints.
pub(crate) fn parse(text: &str) -> Result<Vec<Package>, Failed> {
    let value: Value = serde_json::from_str(text).map_err(|e| failed(format!("cargo metadata: {e}")))?;
    let packages = value["packages"].as_array().ok_or_else(|| failed("cargo metadata lists no packages"))?;
    packages.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package, Failed> {
    let name = string(&value["name"]).ok_or_else(|| failed("cargo metadata: a package without a name"))?;
    let example = |target: &Value| {
        let kinds = strings(&target["kind"]);
        if kinds.iter().any(|kind| kind == "example") { string(&target["name"]) } else { None }
    };
    Ok(Package {
        name,
        root: value["manifest_path"]
            .as_str()
            .and_then(|p| Path::new(p).parent())
            .map(Path::to_owned)
            .unwrap_or_default(),
        version: string(&value["version"]).unwrap_or_default(),
        layer: value["metadata"]["dwcp"]["layer"].as_u64(),
        published: value["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
        dependencies: list(&value["dependencies"]).iter().filter_map(dependency).collect(),
        examples: list(&value["targets"]).iter().filter_map(example).collect(),
        features: value["features"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default(),
        description: string(&value["description"]),
        keywords: strings(&value["keywords"]),
        categories: strings(&value["categories"]),
        has_readme: value["readme"].is_string(),
        has_docs_rs: value["metadata"]["docs"]["rs"].is_object(),
        has_license: value["license"].is_string(),
    })
}

fn dependency(value: &Value) -> Option<Dependency> {
    let mut manner = Vec::new();
    if let Some(rename) = value["rename"].as_str() {
        manner.push(format!("renamed to {rename}"));
    }
    if value["optional"].as_bool() == Some(true) {
        manner.push("optional".to_owned());
    }
    if let Some(target) = value["target"].as_str() {
        manner.push(format!("for {target}"));
    }
    Some(Dependency {
        name: string(&value["name"])?,
        kind: value["kind"].as_str().unwrap_or("normal").to_owned(),
        requirement: value["req"].as_str().unwrap_or("*").to_owned(),
        manner: manner.join(", "),
        by_path: value["path"].is_string(),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(string).collect()
}
