//! `pins`: the keys that servers of dialers, or clients of a listener, must have.

use super::check::Checked;
use super::problem::ConfigProblem;
use dwcp_pki::{KeyPin, Peer};
use dwcp_tls::MOST_PINS;
use std::collections::BTreeSet;

/// The pins of a list, written `sha256/BASE64` or `pin:sha256/BASE64`.
pub(super) fn parse(key: &str, written: &[String]) -> Checked<BTreeSet<KeyPin>> {
    let fix = "write sha256/BASE64 as `dwcp cert show` prints it (pin), or remove the key";
    if written.is_empty() {
        return Err(ConfigProblem::new(key, "names no key, and would let nobody in", fix));
    }
    if written.len() > MOST_PINS {
        return Err(ConfigProblem::new(
            key,
            format!("has more than {MOST_PINS} pins"),
            "pin the keys of today and their successors",
        ));
    }
    let one = |text: &String| {
        text.strip_prefix("pin:").unwrap_or(text).parse().map_err(|error| {
            // It may be anything that YAML can say.
            let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
            ConfigProblem::new(key, format!("`{shown}`: {error}"), fix)
        })
    };
    written.iter().map(one).collect()
}

/// Whether the key of a live peer is one of these, where there are any.
pub(super) fn admit(pins: Option<&BTreeSet<KeyPin>>, peer: &Peer) -> bool {
    pins.is_none_or(|pins| matches!(peer, Peer::Identified(peer) if pins.contains(&peer.key_pin())))
}
