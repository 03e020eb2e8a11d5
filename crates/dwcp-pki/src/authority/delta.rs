//! Signs delta CRLs (RFC 5280 §5.2.4).

use super::index::Locked;
use super::issuance::check_signed_by;
use super::list::{List, encoding, entries, extension};
use super::publication::{self, Expected};
use super::{AuthorityError, CertificateAuthority};
use crate::{Certificate, Crl, CrlNumber, DeltaCrl, Event};
use der::asn1::{Ia5String, Uint};
use der::oid::AssociatedOid;
use dwcp_base::UnixTime;
use dwcp_crypto::SigningKey;
use std::time::Duration;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{BaseCrlNumber, FreshestCrl};

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
        let delta = publish(&mut self.index.settled()?, &self.certificate, &self.key, now)?;
        self.observer.observe(&Event::CrlPublished {
            number: delta.number(),
            revoked: delta.len(),
            next_update: delta.next_update(),
        });
        Ok(delta)
    }
    /// As [`crl`](Self::crl), and says where deltas to it are (RFC 5280 §5.2.6): relying parties that were not told otherwise,
    /// OpenSSL among them, look at deltas only then.
    ///
    /// # Errors
    /// [`AuthorityError::BadParameter`] for an address that is no `http://` or `https://` URL of at most 2048 characters;
    /// otherwise as [`crl`](Self::crl).
    pub fn crl_naming_deltas(&self, address: &str, now: UnixTime) -> Result<Crl, AuthorityError> {
        let mark = freshest(address)?;
        let mut index = self.index.settled()?;
        let revoked: Vec<_> = index.revoked().map(|(serial, ..)| serial).collect();
        let entries = entries(&index, revoked, now)?;
        let expected = Expected { number: index.next_number(now)?, entries: entries.len() };
        let list = List {
            number: expected.number,
            this_update: now,
            next_update: now.plus(publication::NEXT_UPDATE),
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
            mark,
        };
        let signed = list.sign(&self.certificate, &self.key)?;
        let crl = publication::finish(&mut index, &self.certificate, &signed, expected, now)?;
        drop(index);
        self.observer.observe(&Event::CrlPublished {
            number: crl.number().unwrap_or(CrlNumber::from(0)),
            revoked: crl.len(),
            next_update: crl.next_update(),
        });
        Ok(crl)
    }
}

fn publish(
    index: &mut Locked<'_>,
    issuer: &Certificate,
    key: &SigningKey,
    now: UnixTime,
) -> Result<DeltaCrl, AuthorityError> {
    let base = index.base()?;
    let number = index.next_number(now)?;
    let (serials, entries): (Vec<_>, Vec<_>) =
        entries(index, index.revoked_since(&base), now)?.into_iter().unzip();
    let of_base = Uint::new(&base.number.to_be_bytes()).map_err(encoding)?;
    let list = List {
        number,
        this_update: now,
        next_update: now.plus(NEXT_UPDATE),
        entries,
        // Critical, so that nobody takes it for a complete one (§5.2.4).
        mark: extension(BaseCrlNumber::OID, true, &BaseCrlNumber(of_base)).map_err(encoding)?,
    };
    let signed = list.sign(issuer, key)?;
    check_signed_by(&signed, issuer)?;
    let raw = issuer.raw().map_err(|source| AuthorityError::Certificate { source })?;
    let delta = DeltaCrl::read_back(signed, &raw)
        .map_err(|_| AuthorityError::Defective { rule: "the delta CRL does not read back" })?;
    if delta.serials() != serials
        || delta.number() != CrlNumber::from(number)
        || delta.base() != CrlNumber::from(base.number)
        || delta.number() <= delta.base()
    {
        return Err(AuthorityError::Defective { rule: "the delta CRL does not say what was revoked" });
    }
    index.keep_number(number)?;
    Ok(delta)
}

/// Where deltas are: one distribution point with one URL.
fn freshest(address: &str) -> Result<x509_cert::ext::Extension, AuthorityError> {
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| address.len() > scheme.len() && address.starts_with(scheme));
    if !is_url || address.len() > LONGEST_ADDRESS || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = "the address of delta CRLs must be an http or https URL of at most 2048 characters";
        return Err(AuthorityError::BadParameter { what });
    }
    let uri = GeneralName::UniformResourceIdentifier(Ia5String::new(address).map_err(encoding)?);
    let point = DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![uri])),
        reasons: None,
        crl_issuer: None,
    };
    extension(FreshestCrl::OID, false, &FreshestCrl(vec![point])).map_err(encoding)
}

const NEXT_UPDATE: Duration = Duration::from_secs(600);
const LONGEST_ADDRESS: usize = crate::names::LONGEST_URI;
