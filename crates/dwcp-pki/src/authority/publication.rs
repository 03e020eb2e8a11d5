//! Signs complete CRLs (RFC 5280 §5).

use super::index::Locked;
use super::issuance::check_signed_by;
use super::list::{self, List, encoding, entries, extension};
use super::{AuthorityError, Line};
use crate::{Crl, CrlNumber};
use der::oid::AssociatedOid;
use dwcp_base::UnixTime;
use dwcp_crypto::Signer;
use std::time::Duration;
use x509_cert::ext::pkix::FreshestCrl;

/// A CRL of all that is revoked; its number, and that it is a base for deltas, are on disk before it is returned.
pub(super) fn publish(
    index: &mut Locked<'_>,
    line: &Line,
    key: &dyn Signer,
    now: UnixTime,
) -> Result<Crl, AuthorityError> {
    let issuer = line.own();
    let revoked: Vec<_> = index.revoked().map(|(serial, ..)| serial).collect();
    let entries = entries(index, revoked, now)?;
    let (number, expected) = (index.next_number(now)?, entries.len());
    let mut marks = list::place(line)?;
    if let Some(point) = line.urls().delta_point().map_err(encoding)? {
        // §5.2.6: relying parties that were not told otherwise look at deltas only then.
        marks.push(extension(FreshestCrl::OID, false, &FreshestCrl(vec![point])).map_err(encoding)?);
    }
    let list = List {
        number,
        this_update: now,
        next_update: now.plus(NEXT_UPDATE),
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        marks,
    };
    let signed = list.sign(issuer, key)?;
    check_signed_by(&signed, issuer)?;
    let crl = Crl::from_der(&signed)
        .map_err(|_| AuthorityError::Defective { rule: "the CRL does not read back" })?;
    let named = issuer.raw().is_ok_and(|raw| raw.subject == crl.raw_issuer());
    if !named || crl.len() != expected || crl.number() != Some(CrlNumber::from(number)) {
        return Err(AuthorityError::Defective { rule: "the CRL does not say what was revoked" });
    }
    index.keep_number(number)?;
    index.keep_base(number, now)?;
    Ok(crl)
}

/// After it a CRL proves nothing, so a relying party that fails closed stops at the latest then.
const NEXT_UPDATE: Duration = Duration::from_secs(24 * 3_600);
/// RFC 5280 §3.3: an entry stays until a CRL was published after the certificate's end. Seven times the life of a CRL.
pub(super) const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3_600);
