//! The same cases before webpki alone.

use super::Case;
use rustls_pki_types::UnixTime;
use std::time::Duration;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

/// Whether webpki finds a path, without CRLs and whatever the usages.
pub(crate) fn accepts(case: &Case) -> bool {
    let Some((leaf, above)) = case.chain.split_first() else { return false };
    let Ok(leaf) = EndEntityCert::try_from(leaf) else { return false };
    let anchors = case.anchors.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok());
    let anchors: Vec<_> = anchors.collect();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(case.at.secs()).unwrap()));
    leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, above, at, Whatever, None, None).is_ok()
}

struct Whatever;

impl ExtendedKeyUsageValidator for Whatever {
    fn validate(&self, mut found: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        found.try_for_each(|usage| usage.map(|_| ()))
    }
}
