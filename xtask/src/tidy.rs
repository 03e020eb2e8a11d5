//! The rules that keep the repository readable: each a function from the tree to violations.

mod attacks;
mod card;
mod interop;
mod links;
mod manifests;
mod operators;
mod originals;
mod places;
mod secrets;
mod sources;
mod standards;

use crate::metadata;
use crate::report::{Failed, conclude};
use crate::tree::Tree;

/// Checks this repository.
pub(crate) fn run() -> Result<(), Failed> {
    let tree = Tree::read()?;
    let packages = metadata::read()?;
    let mut violations = sources::violations(&tree);
    violations.extend(manifests::violations(&tree, &packages));
    violations.extend(card::violations(&packages));
    violations.extend(standards::violations(&tree));
    violations.extend(secrets::violations(&tree));
    violations.extend(places::violations(&tree));
    violations.extend(originals::violations(&tree));
    violations.extend(attacks::violations(&tree));
    violations.extend(links::violations(&tree));
    violations.extend(interop::violations(&tree));
    violations.extend(operators::violations(&tree));
    for note in sources::long(&tree).into_iter().chain(card::notes(&packages)) {
        println!("note: {note}");
    }
    println!("{}", originals::summary(&tree));
    println!("{}", attacks::summary(&tree));
    let looked_at = format!("{} files, {} of them Rust", tree.files.len(), tree.rust().count());
    conclude("tidy", &looked_at, violations)
}
