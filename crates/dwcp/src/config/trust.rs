//! Whom the node trusts besides its own authority: trust domains, their bundles, and how strictly certificates are read.

use super::check::Checked;
use super::model::TrustBundle;
use super::plan::BundlePlan;
use super::problem::ConfigProblem;
use dwcp_pki::{Profile, TrustDomain};
use std::path::Path;

/// The node's own trust domain, where it is written.
pub(super) fn domain(written: Option<&str>) -> Checked<Option<TrustDomain>> {
    written.map(|text| parse("node.trust_domain", text)).transpose()
}

/// `security.tls.profile`.
pub(super) fn profile(written: Option<&str>) -> Checked<Profile> {
    let Some(text) = written else { return Ok(Profile::Mesh) };
    text.parse().map_err(|_| {
        ConfigProblem::new("security.tls.profile", format!("`{text}` is no profile"), "write mesh or interop")
    })
}

/// `node.trust_bundles`, for a node whose own trust domain is `own`, where that is written.
pub(super) fn bundles(
    written: &[TrustBundle],
    base: &Path,
    own: Option<&TrustDomain>,
) -> Checked<Vec<BundlePlan>> {
    let mut bundles: Vec<BundlePlan> = Vec::with_capacity(written.len());
    for bundle in written {
        let domain = parse("node.trust_bundles[].trust_domain", &bundle.trust_domain)?;
        let key = format!("node.trust_bundles[{domain}]");
        if own == Some(&domain) {
            return Err(own_domain(&domain));
        }
        if bundles.iter().any(|known| known.trust_domain == domain) {
            return Err(ConfigProblem::new(
                key,
                "is there twice",
                "put all roots of the trust domain into one ca_file, and their lists into one crl_file",
            ));
        }
        bundles.push(BundlePlan {
            trust_domain: domain,
            roots: base.join(&bundle.ca_file),
            crl: bundle.crl_file.as_ref().map(|path| base.join(path)),
        });
    }
    Ok(bundles)
}

/// A bundle of the node's own trust domain, whether that was written or is the certificate's.
pub(crate) fn own_domain(domain: &TrustDomain) -> ConfigProblem {
    ConfigProblem::new(
        format!("node.trust_bundles[{domain}]"),
        "is of this node's own trust domain",
        "put these roots into security.tls.ca_file and their lists into security.tls.crl_file",
    )
}

fn parse(key: &str, text: &str) -> Checked<TrustDomain> {
    text.parse().map_err(|_| {
        // It may be anything that YAML can say.
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        ConfigProblem::new(
            key,
            format!("`{shown}` is no trust domain"),
            "write lower-case letters, digits, dots, dashes and underscores, for example example.org",
        )
    })
}
