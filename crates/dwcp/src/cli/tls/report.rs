//! All that was learned of a server, on a page and as one object.

use super::answer::Answer;
use super::dial::Acceptance;
use super::dial::Attempt;
use super::early::Early;
use super::phases::millis;
use super::resumption::Resumed;
use super::rules::Rules;
use crate::cli::exit::inert;
use crate::cli::show::{member_json, member_text};
use dwcp_base::UnixTime;
use dwcp_pki::inspect::{InspectError, InspectedCertificate};
use dwcp_pki::{Peer, SubjectName};
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

/// What one handshake, and perhaps a second look, brought to light.
pub(super) struct Look<'a> {
    pub(super) name: &'a SubjectName,
    pub(super) attempt: &'a Attempt,
    pub(super) answer: Answer,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) rules: Option<Rules>,
    pub(super) again: Option<Resumed>,
    pub(super) early: Option<Early>,
    /// Whether a revocation list was given.
    pub(super) crl: bool,
}

impl Look<'_> {
    /// For people and for scripts.
    pub(super) fn told(&self, remote: &str, now: UnixTime) -> (String, Value) {
        let certificates: Vec<_> = self
            .chain
            .iter()
            .take(dwcp_pki::MAX_PRESENTED)
            .map(|der| InspectedCertificate::from_der(der))
            .collect();
        (self.text(remote, &certificates, now), self.json(remote, &certificates))
    }

    fn text(
        &self,
        remote: &str,
        certificates: &[Result<InspectedCertificate, InspectError>],
        now: UnixTime,
    ) -> String {
        let attempt = self.attempt;
        let mut page = Page(vec![match (&attempt.end, &attempt.agreed) {
            (Ok(()), Some(_)) if attempt.acceptance == Some(Acceptance::Silence) => {
                format!("{remote} took the handshake, and said nothing against us")
            }
            (Ok(()), Some(_)) => format!("{remote} accepted us"),
            (Ok(()), None) => format!("{remote} was looked at, and not verified"),
            (Err(_), Some(_)) => format!("{remote} did not accept us"),
            (Err(_), None) => format!("{remote} gave no session"),
        }]);
        if let Some(address) = attempt.address {
            page.row("address", address.to_string());
        }
        self.agreed(&mut page);
        if let Some((_, Peer::Identified(peer))) = &attempt.agreed {
            page.row("server", inert(peer.label()));
        }
        for (at, row) in attempt.phases.rows().enumerate() {
            page.row(if at == 0 { "phases" } else { "" }, row);
        }
        page.row("bytes", format!("{} in, {} out", attempt.noted.bytes_in, attempt.noted.bytes_out));
        if let Some(again) = &self.again {
            page.row("resumption", again.text());
        }
        if let Some(early) = &self.early {
            page.row("early data", early.text());
        }
        let count = certificates.len();
        for (at, certificate) in certificates.iter().enumerate() {
            page.0.push(member_text(format!("certificate {} of {count}", at + 1), certificate, now));
        }
        if self.chain.len() > count {
            page.0.push(format!("and {} more", self.chain.len() - count));
        }
        page.0.extend(self.rules.iter().flat_map(Rules::rows));
        page.0.join("\n")
    }

    /// Version, suite and group: as agreed, else as the server chose them in the clear.
    fn agreed(&self, page: &mut Page) {
        match (&self.attempt.agreed, self.answer) {
            (Some((facts, _)), _) => {
                page.row("version", format!("TLS {}", facts.version()));
                page.row("suite", facts.suite.to_string());
                let holds =
                    if facts.post_quantum() { " (holds against quantum computers)" } else { " (classical)" };
                page.row("group", format!("{}{holds}", facts.group));
                let retried = if facts.retried { ", after a HelloRetryRequest" } else { "" };
                page.row("handshake", format!("{}, {:.1} ms{retried}", facts.resumed, millis(facts.elapsed)));
                let alpn = facts.alpn.as_deref().map(String::from_utf8_lossy);
                page.row("alpn", alpn.map_or_else(|| "none".to_owned(), |alpn| inert(&*alpn)));
            }
            (None, Answer::Hello { chosen, retried }) => {
                page.row("version", format!("{} (chosen by the server)", chosen.version()));
                page.row("suite", chosen.suite().to_string());
                if let Some(group) = chosen.group() {
                    let retried = if retried { " (asked for with a HelloRetryRequest)" } else { "" };
                    page.row("group", format!("{group}{retried}"));
                }
            }
            (None, Answer::Alert(alert)) => {
                page.row("answer", format!("the alert {alert} ({})", alert.number()))
            }
            (None, Answer::Foreign(protocol)) => page.row("answer", protocol.to_string()),
            (None, Answer::Silence) => page.row("answer", "not a byte".to_owned()),
            (None, Answer::Unclear) => page.row("answer", "TLS records, and no ServerHello".to_owned()),
        }
    }

    fn json(&self, remote: &str, certificates: &[Result<InspectedCertificate, InspectError>]) -> Value {
        let attempt = self.attempt;
        let mut json = json!({
            "remote": remote,
            "expected": self.name.to_string(),
            "address": attempt.address.map(|address| address.to_string()),
            "accepted": attempt.end.is_ok() && attempt.agreed.is_some(),
            "acceptance": attempt.acceptance.map(Acceptance::name),
            "verified": attempt.agreed.is_some(),
            "answer": answer_json(self.answer),
            "phases": attempt.phases.to_json(),
            "bytes_in": attempt.noted.bytes_in,
            "bytes_out": attempt.noted.bytes_out,
            "chain": certificates.iter().map(member_json).collect::<Vec<_>>(),
            "chain_length": self.chain.len(),
            "rules": self.rules.as_ref().map(Rules::to_json),
            "revocation": if self.crl { "checked" } else { "not checked" },
            "resumption": self.again.as_ref().map(Resumed::to_json),
            "early_data": self.early.as_ref().map(Early::to_json),
        });
        if let Some((facts, peer)) = &attempt.agreed {
            json["version"] = facts.version().into();
            json["suite"] = facts.suite.to_string().into();
            json["group"] = facts.group.to_string().into();
            json["post_quantum"] = facts.post_quantum().into();
            json["retried"] = facts.retried.into();
            json["handshake"] = facts.resumed.to_string().into();
            json["elapsed_ms"] = millis(facts.elapsed).into();
            json["alpn"] = facts.alpn.as_deref().map(|alpn| inert(&*String::from_utf8_lossy(alpn))).into();
            json["peer"] = inert(peer.label()).into();
            if let Peer::Identified(peer) = peer {
                let names: Vec<String> = peer.names().iter().map(|name| inert(name.to_string())).collect();
                json["names"] = names.into();
                json["serial"] = peer.serial().to_string().into();
                json["not_after"] = peer.not_after().to_string().into();
                json["pin"] = peer.key_pin().to_string().into();
            }
        } else if let Answer::Hello { chosen, retried } = self.answer {
            json["version"] = chosen.version().to_string().trim_start_matches("TLS ").into();
            json["suite"] = chosen.suite().to_string().into();
            json["group"] = chosen.group().map(|group| group.to_string()).into();
            json["retried"] = retried.into();
        }
        json
    }
}

fn answer_json(answer: Answer) -> Value {
    match answer {
        Answer::Silence => json!({ "kind": "silence" }),
        Answer::Hello { .. } => json!({ "kind": "server_hello" }),
        Answer::Alert(alert) => {
            json!({ "kind": "alert", "name": alert.to_string(), "number": alert.number() })
        }
        Answer::Foreign(protocol) => json!({ "kind": "no_tls", "protocol": protocol.to_string() }),
        Answer::Unclear => json!({ "kind": "unclear" }),
    }
}

/// Rows with their labels in a column.
struct Page(Vec<String>);

impl Page {
    fn row(&mut self, label: &str, value: String) {
        self.0.push(format!("{label:<12} {value}"));
    }
}
