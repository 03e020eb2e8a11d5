//! The certificates a peer presented, read once.

use super::anchor::{Anchor, signs_crls};
use super::link::Link;
use super::profile::Form;
use super::scope::Role;
use crate::fields::Fields;
use crate::{Certificate, ChainFault, KeyPin, MAX_PRESENTED, ParseError};
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateDer;
use std::cell::OnceCell;
use std::sync::Arc;
use webpki::VerifiedPath;

/// A presented chain: the leaf, which must be readable, and the others, of which those that are not are ignored.
pub(super) struct Presented<'a> {
    pub(super) leaf: Certificate,
    pub(super) leaf_der: &'a CertificateDer<'a>,
    leaf_issuer: Arc<[u8]>,
    /// What is readable after the leaf, as it came, each once.
    pub(super) rest: Vec<CertificateDer<'a>>,
    others: Vec<Other>,
    leaf_form: OnceCell<Result<Arc<Form>, ChainFault>>,
}

/// A certificate after the leaf.
pub(super) struct Other {
    pub(super) certificate: Certificate,
    /// The content of its subject's and its issuer's DER `Name`.
    pub(super) subject: Arc<[u8]>,
    pub(super) issuer: Arc<[u8]>,
    pub(super) key: Arc<[u8]>,
    pub(super) pin: KeyPin,
    form: OnceCell<Result<Arc<Form>, ChainFault>>,
}

impl<'a> Presented<'a> {
    pub(super) fn read(chain: &'a [CertificateDer<'a>]) -> Result<Self, ChainFault> {
        if chain.len() > MAX_PRESENTED {
            return Err(ChainFault::TooMany { presented: chain.len(), limit: MAX_PRESENTED });
        }
        let (first, after) = chain.split_first().ok_or(ChainFault::Empty)?;
        let malformed = |error: &dyn std::error::Error| ChainFault::Malformed { what: error.to_string() };
        let leaf = Certificate::from_der(first).map_err(|e| malformed(&e))?;
        let leaf_issuer = name(leaf.raw().map_err(|e| malformed(&e))?.issuer).map_err(|e| malformed(&e))?;
        let (mut others, mut rest): (Vec<Other>, Vec<_>) = Default::default();
        for der in after {
            let Some(other) = Other::read(der) else { continue };
            if others.iter().any(|known| known.certificate == other.certificate) {
                continue;
            }
            // Paths branch only where several certificates bear the name that is looked for, and webpki walks 200 000
            // steps before it gives up: far too many for somebody who is not known yet.
            if others.iter().filter(|known| known.subject == other.subject).count() == MOST_OF_ONE_NAME {
                return Err(ChainFault::TooComplex);
            }
            rest.push(CertificateDer::from(&**der));
            others.push(other);
        }
        Ok(Self { leaf, leaf_der: first, leaf_issuer, rest, others, leaf_form: OnceCell::new() })
    }

    /// The names of the issuers, leaf first, each once.
    pub(super) fn issuers(&self) -> impl Iterator<Item = &[u8]> {
        let all =
            || std::iter::once(&*self.leaf_issuer).chain(self.others.iter().map(|other| &*other.issuer));
        all()
            .enumerate()
            .filter(move |(at, name)| !all().take(*at).any(|earlier| earlier == *name))
            .map(|(_, n)| n)
    }

    /// A moment at which all of them were valid, if there is one: the latest start, but no later than the leaf's end.
    pub(super) fn common_moment(&self) -> UnixTime {
        let starts = self.others.iter().map(|other| other.certificate.not_before());
        starts.fold(self.leaf.not_before(), Ord::max).min(self.leaf.not_after())
    }

    /// The authorities of a path that webpki found, from the leaf's issuer up, without the anchor.
    pub(super) fn issuers_of(&self, path: &VerifiedPath<'_>) -> Result<Vec<&Other>, ChainFault> {
        let unreadable =
            || ChainFault::Malformed { what: "an issuing certificate is not readable".to_owned() };
        let other = |certificate: &webpki::Cert<'_>| {
            let found = self.others.iter().find(|other| other.certificate.der() == &*certificate.der());
            found.ok_or_else(unreadable)
        };
        path.intermediate_certificates().map(other).collect()
    }

    /// The certificates of a path, leaf first, each with its issuer.
    pub(super) fn links(&self, issuers: &[&Other], anchor: &Anchor) -> Vec<Link> {
        let subjects = std::iter::once(&self.leaf).chain(issuers.iter().map(|other| &other.certificate));
        let link = |(at, certificate): (usize, &Certificate)| {
            let role = if at == 0 { Role::Leaf } else { Role::Authority };
            match issuers.get(at) {
                Some(other) => other.link_to(certificate, role),
                None => link_to_anchor(certificate, role, anchor),
            }
        };
        subjects.enumerate().map(link).collect()
    }

    /// The leaf's issuer's name, as the content of its DER.
    pub(super) fn leaf_issuer(&self) -> &[u8] {
        &self.leaf_issuer
    }

    /// What was presented after the leaf and is readable, in order.
    pub(super) fn others(&self) -> &[Other] {
        &self.others
    }

    /// The form of the leaf, read when first asked for.
    pub(super) fn leaf_form(&self) -> Result<&Arc<Form>, ChainFault> {
        form_of(&self.leaf_form, &self.leaf)
    }
}

/// A certificate below an anchor.
fn link_to_anchor(certificate: &Certificate, role: Role, anchor: &Anchor) -> Link {
    let issuer = (anchor.name().into(), Arc::clone(&anchor.key), anchor.pin);
    Link::new(certificate, role, issuer, signs_crls(&anchor.certificate))
}

fn form_of<'a>(
    cell: &'a OnceCell<Result<Arc<Form>, ChainFault>>,
    certificate: &Certificate,
) -> Result<&'a Arc<Form>, ChainFault> {
    let malformed = |error: ParseError| ChainFault::Malformed { what: error.to_string() };
    let read = || Form::read(certificate).map(Arc::new).map_err(malformed);
    cell.get_or_init(read).as_ref().map_err(Clone::clone)
}

impl Other {
    fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let raw = certificate.raw().ok()?;
        let (subject, issuer) = (name(raw.subject).ok()?, name(raw.issuer).ok()?);
        let (key, pin) = (raw.key_info.into(), certificate.key_pin());
        Some(Self { certificate, subject, issuer, key, pin, form: OnceCell::new() })
    }

    /// Its form, read when first asked for.
    pub(super) fn form(&self) -> Result<&Arc<Form>, ChainFault> {
        form_of(&self.form, &self.certificate)
    }

    /// RFC 5280 §3.2.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// A certificate that this one issued.
    pub(super) fn link_to(&self, certificate: &Certificate, role: Role) -> Link {
        let issuer = (Arc::clone(&self.subject), Arc::clone(&self.key), self.pin);
        Link::new(certificate, role, issuer, signs_crls(&self.certificate))
    }
}

/// The content of a DER `Name`, the form in which webpki compares names.
pub(super) fn name(whole: &[u8]) -> der::Result<Arc<[u8]>> {
    Ok(Fields::of_content(whole)?.sequence()?.content.into())
}

/// An authority that is certified by several others shows one certificate of each; more than two are rare.
const MOST_OF_ONE_NAME: usize = 4;
