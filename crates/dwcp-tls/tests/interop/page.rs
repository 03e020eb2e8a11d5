//! `docs/interop.md`: one section for each peer and role, written on request and compared otherwise.

use std::fmt::Write;
use std::fs;
use std::sync::{Mutex, PoisonError};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/interop.md");
/// Set to anything, it has the page written instead of compared.
const WRITE: &str = "DWCP_WRITE_INTEROP";
/// How the text of a cell begins that the peer has nothing for.
pub(crate) const LACKS: &str = "peer has none: ";
/// One test writes at a time.
static WRITING: Mutex<()> = Mutex::new(());

/// The page says what `rows` say, or is made to say it.
pub(crate) fn settle(peer: &str, version: &str, rows: &[(String, String)]) {
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let page = fs::read_to_string(PAGE).unwrap_or_default();
    if std::env::var_os(WRITE).is_some() {
        fs::write(PAGE, with(&page, peer, version, rows)).unwrap();
        return;
    }
    let kept = sections(&page).into_iter().find(|(name, _)| name == peer).map(|(_, text)| text);
    let kept = cells(kept.as_deref().unwrap_or_default());
    let differs = |(id, text): &&(String, String)| match kept.iter().find(|(known, _)| known == id) {
        // A newer or an older version may have it, or not: what it then does was judged by its cell.
        Some((_, said)) => said != text && !said.starts_with(LACKS) && !text.starts_with(LACKS),
        None => true,
    };
    let differences: Vec<_> = rows.iter().filter(differs).collect();
    assert!(
        differences.is_empty() && kept.len() == rows.len(),
        "docs/interop.md has {} cells for {peer} and the run {}; it says something else of {differences:#?}\nlook at the \
         difference after `{WRITE}=1 cargo test -p dwcp-tls --test interop`",
        kept.len(),
        rows.len()
    );
}

/// The page with this section in its place.
fn with(page: &str, peer: &str, version: &str, rows: &[(String, String)]) -> String {
    let mut section = format!("Last written with {version}.\n\n| cell | outcome |\n|---|---|\n");
    for (id, text) in rows {
        writeln!(section, "| `{id}` | {text} |").unwrap();
    }
    let mut all = sections(page);
    all.retain(|(name, _)| name != peer);
    all.push((peer.to_owned(), section));
    all.sort();
    let count = |text: &str, lacking: bool| {
        cells(text).iter().filter(|(_, said)| said.starts_with(LACKS) == lacking).count()
    };
    let mut written = HEAD.to_owned();
    let (mut ran, mut lacking) = (0, 0);
    for (name, text) in &all {
        let (with, without) = (count(text, false), count(text, true));
        (ran, lacking) = (ran + with, lacking + without);
        let (peer, role) = name.split_once('.').unwrap_or((name, ""));
        writeln!(written, "| {peer} | {role} | {with} | {without} |").unwrap();
    }
    writeln!(written, "| all | | {ran} | {lacking} |").unwrap();
    for (name, text) in &all {
        write!(written, "\n## {name}\n\n{}\n", text.trim_end()).unwrap();
    }
    written
}

fn sections(page: &str) -> Vec<(String, String)> {
    let parts = page.split("\n## ").skip(1);
    parts
        .filter_map(|part| part.split_once("\n\n").map(|(name, text)| (name.to_owned(), text.to_owned())))
        .collect()
}

fn cells(section: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let (id, text) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((id.to_owned(), text.strip_suffix(" |")?.to_owned()))
    };
    section.lines().filter_map(row).collect()
}

const HEAD: &str = "\
# Handshakes with stacks that nobody here wrote

Each cell is a connection, or several, between `dwcp-tls` in the process of the test and a program of another stack over loopback. The
role is the peer's. `crates/dwcp-tls/tests/interop` runs them and fails where a cell ends otherwise than this page says;
`DWCP_WRITE_INTEROP=1 cargo test -p dwcp-tls --test interop` writes the page. The cells are declared in
`crates/dwcp-tls/tests/interop/cells.txt`, and `cargo xtask tidy` compares that list with this page.

\"Refused\" names the code of our error and the alert that the peer says it was sent; where the peer refuses, our error's code has the alert's
name. Where the peer or its tool lacks something the cell says so, and is counted by itself. Versions are those of the last writing; another
version of a peer is no difference.

Servers that speak a protocol of certificates are no cells here; the suites of their providers talk to them:

| server | version | who talks to it |
|---|---|---|
| OpenBao (the API of Vault) | 2.7.2 | `crates/dwcp-pki-vault/tests` |
| Pebble (ACME), with its name server | 2.10.0; an older one lacks renewal information and profiles | `crates/dwcp-pki-acme/tests` |

| peer | its role | cells | peer has none |
|---|---|---|---|
";

#[test]
fn a_section_goes_where_it_belongs_and_comes_back() {
    let rows = |text: &str| vec![("b.server.x".to_owned(), text.to_owned())];
    let page = with("", "b.server", "B 1", &rows("agreed"));
    let page = with(&page, "a.client", "A 1", &[("a.client.y".to_owned(), format!("{LACKS}it"))]);
    let page = with(&page, "b.server", "B 2", &rows("agreed again"));
    assert_eq!(page.matches("\n## ").count(), 2);
    let found = sections(&page);
    assert_eq!(cells(&found[1].1), rows("agreed again"));
    assert!(page.contains("| all | | 1 | 1 |") && page.contains("B 2") && !page.contains("B 1"));
    assert_eq!(with(&page, "b.server", "B 2", &rows("agreed again")), page);
}
