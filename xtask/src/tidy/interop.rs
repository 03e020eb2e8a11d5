//! The page of handshakes with other stacks says exactly what their tests declare.

use crate::report::Violation;
use crate::tree::Tree;
use std::collections::BTreeSet;

/// `PEER.ROLE: CELL…`, one line each; the tests fail unless they run just these.
const DECLARED: &str = "crates/dwcp-tls/tests/interop/cells.txt";
const PAGE: &str = "docs/interop.md";

/// Cells of the page without a test, and tests without a cell.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let (declared, told) = (declared(tree), told(tree));
    let no_test = told.difference(&declared).map(|id| (PAGE, format!("no test declares the cell {id}")));
    let no_row =
        declared.difference(&told).map(|id| (DECLARED, format!("{PAGE} has no row for the cell {id}")));
    no_test.chain(no_row).map(|(place, what)| Violation::new(place, "interop-cell", what)).collect()
}

fn declared(tree: &Tree) -> BTreeSet<String> {
    let lines = tree.text(DECLARED).unwrap_or("").lines().filter_map(|line| line.split_once(": "));
    let ids = |(peer, cells): (&str, &str)| -> Vec<String> {
        cells.split_whitespace().map(|cell| format!("{peer}.{cell}")).collect()
    };
    lines.flat_map(ids).collect()
}

fn told(tree: &Tree) -> BTreeSet<String> {
    let id = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    tree.text(PAGE).unwrap_or("").lines().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_without_a_test_and_a_test_without_a_cell_are_found() {
        let tree = |page: &str| Tree::of(&[(DECLARED, "a.server: x y\n"), (PAGE, page)]);
        assert_eq!(violations(&tree("| `a.server.x` | agreed |\n| `a.server.y` | agreed |\n")), []);
        assert_eq!(violations(&tree("| `a.server.x` | agreed |\n")).len(), 1);
        assert_eq!(
            violations(&tree("| `a.server.x` | a |\n| `a.server.y` | a |\n| `a.server.z` | a |\n")).len(),
            1
        );
        assert_eq!(violations(&tree("")).len(), 2);
    }
}
