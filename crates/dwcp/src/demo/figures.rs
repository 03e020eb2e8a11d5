//! What the tour measured, and whether everything held.

use serde_json::{Value, json};

/// The figures of a tour.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Bytes of data that the listeners' nodes carried, from `/metrics`.
    pub bytes: u64,
    /// Bytes of the blocks whose hash came back right, as the clients counted them: what `bytes` is held against.
    pub bytes_checked: u64,
    /// Certificates replaced while traffic was flowing, from `/metrics`.
    pub rotations: u64,
    /// Handshakes that failed and connections that ended otherwise than in order while traffic was flowing, from `/metrics`.
    pub failed_connections: u64,
    /// Handshakes that the honest traffic made, from `/metrics`.
    pub connections: u64,
    /// How often the revoked identity was refused, from `/metrics`.
    pub revoked_refused: u64,
    /// From the revocation in the authority's index to the cut in the audit log; `None` where nothing was cut.
    pub revoked_cut_ms: Option<i64>,
    /// How often a client without a certificate was refused, from `/metrics`.
    pub stranger_refused: u64,
    /// How many connections of the flood were refused before a byte was read, from `/metrics`.
    pub throttled: u64,
    /// Median of full and resumed handshakes, milliseconds, from `/metrics`.
    pub handshake_ms_p50: f64,
    /// 99th percentile of the same.
    pub handshake_ms_p99: f64,
    /// Whether both nodes' logs verify.
    pub audit_ok: bool,
    /// Whether a copy with one flipped byte does not.
    pub tamper_detected: bool,
    /// Entries in the first node's log.
    pub audit_entries: u64,
    /// Bytes of data that the flooded node's peer carried while the flood went on, from its `/metrics`.
    pub bytes_during_flood: u64,
    /// Handshakes whose key exchange was the post-quantum hybrid, from `/metrics`.
    pub hybrid_handshakes: u64,
    /// Configurations that a node refused, from `/metrics`; none unless somebody hands it a bad one.
    pub reloads_refused: u64,
    /// The first error an honest client saw, if any.
    pub client_error: Option<String>,
}

impl Figures {
    /// The figures as the object that `--json` prints.
    pub fn to_json(&self) -> Value {
        json!({
            "bytes": self.bytes,
            "bytes_checked": self.bytes_checked,
            "rotations": self.rotations,
            "connections": self.connections,
            "failed_connections": self.failed_connections,
            "revoked_refused": self.revoked_refused,
            "revoked_cut_ms": self.revoked_cut_ms,
            "stranger_refused": self.stranger_refused,
            "throttled": self.throttled,
            "handshake_ms_p50": micros(self.handshake_ms_p50),
            "handshake_ms_p99": micros(self.handshake_ms_p99),
            "audit_ok": self.audit_ok,
            "audit_entries": self.audit_entries,
            "tamper_detected": self.tamper_detected,
            "bytes_during_flood": self.bytes_during_flood,
            "hybrid_handshakes": self.hybrid_handshakes,
            "reloads_refused": self.reloads_refused,
            "held": self.complaints().is_empty(),
        })
    }

    /// What did not hold, one sentence each; empty when everything did.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut expect = |held: bool, complaint: String| {
            if !held {
                complaints.push(complaint);
            }
        };
        // Every checked byte was carried once, with 4 bytes before a block and 32 back; blocks under way are not checked.
        let plausible =
            self.bytes >= self.bytes_checked && self.bytes / 50 * 49 <= self.bytes_checked + SLACK;
        expect(
            self.bytes > 0 && plausible,
            format!("{} bytes were carried, {} were checked", self.bytes, self.bytes_checked),
        );
        expect(self.rotations >= 4, format!("{} rotations instead of at least 4", self.rotations));
        expect(
            self.failed_connections == 0,
            format!("{} connections failed or were cut", self.failed_connections),
        );
        expect(self.revoked_refused > 0, "the revoked identity was not refused".to_owned());
        match self.revoked_cut_ms {
            None => expect(false, "the revoked identity's live connection was not cut".to_owned()),
            Some(ms) => {
                expect(ms <= 1_000, format!("the revoked identity's connection lived on for {ms} ms"))
            }
        }
        expect(self.stranger_refused > 0, "the stranger was not refused".to_owned());
        expect(self.throttled > 0, "the flood was not throttled".to_owned());
        expect(self.bytes_during_flood > 0, "the honest streams stood still during the flood".to_owned());
        expect(self.audit_ok, "the audit log does not verify".to_owned());
        expect(self.tamper_detected, "the flipped byte was not found".to_owned());
        if let Some(error) = &self.client_error {
            expect(false, format!("an honest client saw an error: {error}"));
        }
        complaints
    }
}

/// Milliseconds to the microsecond: no figure here is known any better.
fn micros(millis: f64) -> f64 {
    (millis * 1_000.0).round() / 1_000.0
}

/// What else passes over the links: the third identity's blocks, and what was under way.
const SLACK: u64 = 64 * 1_024 * 1_024;
