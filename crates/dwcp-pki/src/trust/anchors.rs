//! The anchors of a store, found by name, so that a search costs the same however many there are.

use super::anchor::Anchor;
use super::bundle::TrustBundle;
use super::trust_error::TrustError;
use super::vouching::Vouches;
use rustls_pki_types::{CertificateDer, Der, TrustAnchor};
use std::collections::HashMap;
use std::sync::Arc;

/// Anchors, each certificate once, whoever it is for.
#[derive(Clone, Default)]
pub(super) struct Anchors {
    all: Vec<Anchor>,
    by_name: HashMap<Box<[u8]>, Vec<usize>>,
}

impl Anchors {
    /// A store's own.
    pub(super) fn new(ders: &[CertificateDer<'static>]) -> Result<Self, TrustError> {
        let mut anchors = Self::default();
        for der in ders {
            anchors.add(Anchor::new(der)?, |vouches| vouches.own = true);
        }
        if anchors.all.is_empty() { Err(TrustError::NoAnchor) } else { Ok(anchors) }
    }

    /// Those of a bundle besides.
    pub(super) fn add_bundle(&mut self, bundle: &TrustBundle) {
        for anchor in &bundle.anchors {
            self.add(anchor.clone(), |vouches| {
                vouches.bundles.insert(bundle.trust_domain().clone());
            });
        }
    }

    /// Takes an anchor in, or lets one that is here already vouch for somebody more.
    fn add(&mut self, mut anchor: Anchor, bind: impl FnOnce(&mut Vouches)) {
        let mut alike = self.by_name.get(anchor.name()).into_iter().flatten().copied();
        let is_it =
            |at: &usize| self.all.get(*at).is_some_and(|known| known.certificate == anchor.certificate);
        let known = alike.find(is_it);
        match known.and_then(|at| self.all.get_mut(at)) {
            Some(known) => bind(Arc::make_mut(&mut known.vouches)),
            None => {
                bind(Arc::make_mut(&mut anchor.vouches));
                self.by_name.entry(anchor.name().into()).or_default().push(self.all.len());
                self.all.push(anchor);
            }
        }
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
