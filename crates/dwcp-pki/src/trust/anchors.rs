//! The anchors of a store, found by name, so that a search costs the same however many there are.

use super::anchor::Anchor;
use super::trust_error::TrustError;
use rustls_pki_types::{CertificateDer, Der, TrustAnchor};
use std::collections::HashMap;

/// At least one anchor, each certificate once.
pub(super) struct Anchors {
    all: Vec<Anchor>,
    by_name: HashMap<Box<[u8]>, Vec<usize>>,
}

impl Anchors {
    pub(super) fn new(ders: &[CertificateDer<'static>]) -> Result<Self, TrustError> {
        let mut anchors = Self { all: Vec::with_capacity(ders.len()), by_name: HashMap::new() };
        for der in ders {
            let anchor = Anchor::new(der)?;
            if anchors.named(anchor.name()).all(|known| known.certificate.der() != &**der) {
                anchors.by_name.entry(anchor.name().into()).or_default().push(anchors.all.len());
                anchors.all.push(anchor);
            }
        }
        if anchors.all.is_empty() { Err(TrustError::NoAnchor) } else { Ok(anchors) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Anchor> {
        self.all.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Those of one name, given as the content of its DER.
    pub(super) fn named<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = &'a Anchor> + use<'a> {
        self.by_name.get(name).into_iter().flatten().filter_map(|at| self.all.get(*at))
    }

    /// Those of any of these names, for webpki, which looks through all it is given once for each certificate it tries.
    pub(super) fn roots<'a, 'n>(&'a self, names: impl Iterator<Item = &'n [u8]>) -> Vec<TrustAnchor<'a>> {
        names.flat_map(|name| self.named(name)).map(|anchor| borrowed(&anchor.trust)).collect()
    }
}

pub(super) fn borrowed<'a>(anchor: &'a TrustAnchor<'static>) -> TrustAnchor<'a> {
    TrustAnchor {
        subject: Der::from(anchor.subject.as_ref()),
        subject_public_key_info: Der::from(anchor.subject_public_key_info.as_ref()),
        name_constraints: anchor.name_constraints.as_ref().map(|der| Der::from(der.as_ref())),
    }
}
