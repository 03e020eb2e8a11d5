//! What a member is to trust: the roots of its own trust domain, and the lists that cover them.

use dwcp_crypto::digest::sha256;
use dwcp_pki::{Certificate, Generation, TrustDomain};
use hyper::body::Bytes;
use serde_json::json;
use std::collections::HashSet;

/// Roots and lists of one generation, as they are told.
pub(in crate::node) struct Bundle {
    /// Of which generation.
    pub(super) number: u64,
    /// PEM.
    pub(super) roots: String,
    /// PEM; empty where there is none.
    pub(super) lists: String,
    /// The answer of `/enroll/bundle`.
    pub(super) body: Bytes,
    /// Its entity tag, quotes included.
    pub(super) tag: String,
}

impl Bundle {
    /// A list of a million entries takes a moment: not for an event loop.
    pub(super) fn of(generation: &Generation, domain: Option<&TrustDomain>) -> Self {
        let trust = generation.trust();
        let roots: String = trust.own_anchors().map(Certificate::to_pem).collect();
        // Lists that the anchors of other trust domains sign are of no use to whoever trusts none of them.
        let own: HashSet<&str> = trust.own_anchors().map(Certificate::subject).collect();
        let others: HashSet<&str> =
            trust.anchors().map(Certificate::subject).filter(|subject| !own.contains(subject)).collect();
        let lists = trust.crls().filter(|list| !others.contains(list.issuer())).map(dwcp_pki::Crl::to_pem);
        let lists: String = lists.collect();
        let domain = domain.map(TrustDomain::as_str);
        let body = format!("{}\n", json!({ "roots": roots, "crls": lists, "trust_domain": domain }));
        let digits: String = sha256(body.as_bytes()).iter().take(16).map(|o| format!("{o:02x}")).collect();
        Self { number: generation.number(), roots, lists, body: body.into(), tag: format!("\"{digits}\"") }
    }
}
