//! Signs delta CRLs (RFC 5280 §5.2.4).

use super::index::Locked;
use super::issuance::check_signed_by;
use super::list::{self, List, encoding, entries, extension};
use super::{AuthorityError, CertificateAuthority, Line};
use crate::{CrlNumber, DeltaCrl, Event};
use der::asn1::Uint;
use der::oid::AssociatedOid;
use dwcp_base::UnixTime;
use dwcp_crypto::Signer;
use std::time::Duration;
use x509_cert::ext::pkix::BaseCrlNumber;

impl CertificateAuthority {
    /// Signs a delta CRL: what was revoked, or for a graver reason, since a complete CRL that was published. Its number is from
    /// the sequence of complete CRLs, its nextUpdate ten minutes from `now`, twice the five minutes at which it is to be made.
    ///
    /// The complete CRL that it refers to is at least an hour old once there is such a one, and kept in the index: whoever
    /// fetches complete CRLs every hour can put each delta on top of its own. Nothing that was revoked is taken back here, so
    /// no entry says removeFromCRL.
    ///
    /// # Errors
    /// [`AuthorityError::NoCompleteCrl`] when none was published yet by [`crl`](Self::crl);
    /// [`AuthorityError::BadParameter`] for a time outside the years 1970 to 9999; [`AuthorityError::Storage`] when the number
    /// could not be kept, and then nothing was published.
    pub fn delta_crl(&self, now: UnixTime) -> Result<DeltaCrl, AuthorityError> {
        let delta = publish(&mut self.index.settled()?, &self.line, &*self.key, now)?;
        self.observer.observe(&Event::CrlPublished {
            number: delta.number(),
            revoked: delta.len(),
            next_update: delta.next_update(),
        });
        Ok(delta)
    }
}

fn publish(
    index: &mut Locked<'_>,
    line: &Line,
    key: &dyn Signer,
    now: UnixTime,
) -> Result<DeltaCrl, AuthorityError> {
    let issuer = line.own();
    let base = index.base()?;
    let number = index.next_number(now)?;
    let (serials, entries): (Vec<_>, Vec<_>) =
        entries(index, index.revoked_since(&base), now)?.into_iter().unzip();
    let of_base = Uint::new(&base.number.to_be_bytes()).map_err(encoding)?;
    let mut marks = list::place(line)?;
    // Critical, so that nobody takes it for a complete one (§5.2.4).
    marks.push(extension(BaseCrlNumber::OID, true, &BaseCrlNumber(of_base)).map_err(encoding)?);
    let list = List { number, this_update: now, next_update: now.plus(NEXT_UPDATE), entries, marks };
    let signed = list.sign(issuer, key)?;
    check_signed_by(&signed, issuer)?;
    let raw = issuer.raw().map_err(|source| AuthorityError::Certificate { source })?;
    let delta = DeltaCrl::from_der(&signed)
        .map_err(|_| AuthorityError::Defective { rule: "the delta CRL does not read back" })?;
    if delta.raw_issuer() != raw.subject
        || !delta.serials().eq(serials)
        || delta.number() != CrlNumber::from(number)
        || delta.base() != CrlNumber::from(base.number)
        || delta.number() <= delta.base()
    {
        return Err(AuthorityError::Defective { rule: "the delta CRL does not say what was revoked" });
    }
    index.keep_number(number)?;
    Ok(delta)
}

const NEXT_UPDATE: Duration = Duration::from_secs(600);
