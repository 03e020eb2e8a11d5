//! Of many certificates those that a path may need: a store looks at few, and a pool may hold all that an organisation has.

use dwcp_pki::Certificate;
use rustls_pki_types::CertificateDer;
use std::collections::{HashMap, HashSet};

/// The chain, and of `pool` those that bear the name of an issuer of what is there already, each once. Names are compared as they
/// are shown, which keeps at least those that are equal; what can not be read leads nowhere.
pub(super) fn with_issuers(
    chain: &[CertificateDer<'static>],
    pool: &[CertificateDer<'static>],
) -> Vec<CertificateDer<'static>> {
    let mut all = chain.to_vec();
    if pool.is_empty() {
        return all;
    }
    let read = |ders: &[CertificateDer<'_>]| -> Vec<Certificate> {
        ders.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
    };
    let (presented, pool) = (read(chain), read(pool));
    let mut known: HashSet<&[u8]> = presented.iter().map(Certificate::der).collect();
    let mut by_subject: HashMap<&str, Vec<&Certificate>> = HashMap::new();
    for one in &pool {
        if known.insert(one.der()) {
            by_subject.entry(one.subject()).or_default().push(one);
        }
    }
    let mut wanted: Vec<&str> = presented.iter().map(Certificate::issuer).collect();
    while let Some(name) = wanted.pop() {
        // Taken out, so that no name is followed twice.
        for found in by_subject.remove(name).unwrap_or_default() {
            all.push(found.certificate_der().clone());
            wanted.push(found.issuer());
        }
    }
    all
}
