//! What would be published, in dependency order, and the archives that a registry would get.

use crate::metadata::{self, Package};
use crate::report::{Failed, failed};
use crate::run;
use std::path::PathBuf;

/// Packs without compiling, then tells order, versions and sizes. Nothing leaves this machine.
pub(crate) fn dry_run() -> Result<(), Failed> {
    run::succeed(package(&["--no-verify", "--quiet"])?)?;
    let directory = PathBuf::from(metadata::target_directory()?).join("package");
    let ordered = ordered(metadata::read()?);
    for (place, package) in ordered.iter().enumerate() {
        let archive = directory.join(format!("{}-{}.crate", package.name, package.version));
        let size = std::fs::metadata(&archive)
            .map_err(|e| failed(format!("{} was not packed: {e}", package.name)))?
            .len();
        let layer = package.layer.unwrap_or(0);
        println!(
            "{:>2}. {} {} (layer {layer}, {} KiB)",
            place + 1,
            package.name,
            package.version,
            size.div_ceil(1024)
        );
    }
    println!("publish: {} crates in this order; nothing was uploaded", ordered.len());
    Ok(())
}

/// Lowest layer first: each crate finds what it depends on already there.
pub(crate) fn ordered(packages: Vec<Package>) -> Vec<Package> {
    let mut published: Vec<Package> = packages.into_iter().filter(|package| package.published).collect();
    published.sort_by(|a, b| (a.layer, &a.name).cmp(&(b.layer, &b.name)));
    published
}

/// The command that packs what is published.
pub(crate) fn package(extra: &[&str]) -> Result<std::process::Command, Failed> {
    let mut arguments = vec!["package".to_owned(), "--workspace".to_owned(), "--locked".to_owned()];
    for private in metadata::read()?.iter().filter(|package| !package.published) {
        arguments.extend(["--exclude".to_owned(), private.name.clone()]);
    }
    if uncommitted()? {
        println!("note: uncommitted changes are packed too");
        arguments.push("--allow-dirty".to_owned());
    }
    arguments.extend(extra.iter().map(|&word| word.to_owned()));
    Ok(run::cargo(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// CI works on a clean clone, where nothing may be dirty; a developer may look before committing.
fn uncommitted() -> Result<bool, Failed> {
    if run::in_ci() {
        return Ok(false);
    }
    Ok(!run::output(run::command("git", &["status", "--porcelain"]))?.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_goes_up_and_leaves_out_what_is_private() {
        let json = r#"{"packages":[
            {"name":"dwcp","metadata":{"dwcp":{"layer":90}},"dependencies":[]},
            {"name":"dwcp-testkit","publish":[],"metadata":{"dwcp":{"layer":21}},"dependencies":[]},
            {"name":"dwcp-base","metadata":{"dwcp":{"layer":5}},"dependencies":[]},
            {"name":"dwcp-pki","metadata":{"dwcp":{"layer":20}},"dependencies":[]}]}"#;
        let names: Vec<String> =
            ordered(metadata::parse(json).unwrap()).into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["dwcp-base", "dwcp-pki", "dwcp"]);
    }
}
