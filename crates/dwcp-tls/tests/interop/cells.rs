//! The cells of one peer in one role: each runs by itself, and what became of all of them is told at the end.

use crate::page;
use crate::trouble::{Outcome, Trouble};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The cells that have to be there: `PEER.ROLE: CELL…`, one line each.
const DECLARED: &str = include_str!("cells.txt");

pub(crate) struct Cells {
    peer: String,
    rows: Vec<(String, String)>,
    wrong: Vec<String>,
}

impl Cells {
    /// For `PEER.ROLE`, where the role is the peer's.
    pub(crate) fn of(peer: &str, role: &str) -> Self {
        Self { peer: format!("{peer}.{role}"), rows: Vec::new(), wrong: Vec::new() }
    }

    /// Whether the cell is one of this peer's.
    pub(crate) fn has(&self, cell: &str) -> bool {
        declared(&self.peer).contains(&cell)
    }

    /// Runs one cell, when it is one of this peer's.
    pub(crate) fn run(&mut self, cell: &str, what: impl FnOnce() -> Outcome) {
        let id = format!("{}.{cell}", self.peer);
        if !self.has(cell) {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(what));
        let text = match outcome {
            Ok(Ok(text)) => text,
            Ok(Err(Trouble::Lacks(what))) => format!("{}{what}", page::LACKS),
            Ok(Err(Trouble::Failed(why))) => {
                self.wrong.push(format!("{id}: {why}"));
                "failed".to_owned()
            }
            Err(_) => {
                self.wrong.push(format!("{id}: it panicked"));
                "failed".to_owned()
            }
        };
        println!("cell {id}: {text}");
        self.rows.push((id, text));
    }

    /// Fails for any cell that failed, that is declared and did not run, or that ended otherwise than the page says.
    pub(crate) fn finish(self, version: &str) {
        assert!(self.wrong.is_empty(), "{} cells failed:\n{}", self.wrong.len(), self.wrong.join("\n"));
        let mut ran: Vec<String> = self.rows.iter().map(|(id, _)| id.clone()).collect();
        let mut expected: Vec<String> =
            declared(&self.peer).iter().map(|cell| format!("{}.{cell}", self.peer)).collect();
        ran.sort();
        expected.sort();
        assert_eq!(ran, expected, "tests/interop/cells.txt declares other cells than ran");
        page::settle(&self.peer, version, &self.rows);
    }
}

fn declared(peer: &str) -> Vec<&'static str> {
    let line = DECLARED.lines().find_map(|line| line.strip_prefix(peer)?.strip_prefix(": "));
    line.map(|cells| cells.split_whitespace().collect()).unwrap_or_default()
}
