//! A path that webpki found sound, and what its authorities must be besides.

use super::anchor::Anchor;
use super::leaf::Usages;
use super::policies;
use super::presented::{Other, Presented};
use super::profile::{self, Form, Profile, ProfileRule};
use super::store::TrustStore;
use crate::{Certificate, ChainFault, ChainMember, ChainPlace, ValidationError};

/// Leaf, authorities from its issuer up, and anchor: signatures, dates, names and basic constraints hold.
pub(super) struct SoundPath<'a> {
    pub(super) presented: &'a Presented<'a>,
    pub(super) issuers: Vec<&'a Other>,
    pub(super) anchor: &'a Anchor,
}

impl SoundPath<'_> {
    /// The certificate at this place, counted from the leaf; the number after the last issuer is the anchor's.
    fn certificate(&self, at: usize) -> &Certificate {
        match at.checked_sub(1) {
            None => &self.presented.leaf,
            Some(above) => {
                self.issuers.get(above).map_or(&self.anchor.certificate, |other| &other.certificate)
            }
        }
    }

    /// The refusal of the certificate at this place.
    pub(super) fn refusal(&self, at: usize, fault: ChainFault) -> ValidationError {
        let place = match at {
            0 => ChainPlace::Leaf,
            _ if at > self.issuers.len() => ChainPlace::Anchor,
            _ => ChainPlace::Intermediate(at),
        };
        ValidationError::from(fault).of(ChainMember::new(place, self.certificate(at)))
    }

    /// Each certificate below the anchor with the one that issued it, from the leaf up.
    pub(super) fn pairs(&self) -> Vec<(&Certificate, &Certificate)> {
        (0..=self.issuers.len()).map(|at| (self.certificate(at), self.certificate(at + 1))).collect()
    }

    /// What the authorities of a path must be.
    ///
    /// webpki looks at the extensions of an issuer but not at its keyCertSign (RFC 5280 §6.1.4 (n)), and at nothing of an
    /// anchor beyond its name, key and name constraints: that is done here.
    pub(super) fn check(&self, store: &TrustStore, usages: Usages) -> Result<(), ValidationError> {
        for (at, other) in (1..).zip(&self.issuers) {
            if !other.certificate.is_authority() {
                let why = "its key usage leaves out keyCertSign";
                return Err(self.refusal(at, ChainFault::Authority { why }));
            }
        }
        self.check_anchor(store, usages)?;
        let forms = self.forms()?;
        // RFC 5280 §6.1 goes from the anchor down.
        let downwards: Vec<&Form> = forms.iter().rev().copied().collect();
        policies::check(&downwards, store.policies()).map_err(|rule| ChainFault::Profile { rule })?;
        if store.profile() == Profile::Mesh { self.check_mesh(&forms) } else { Ok(()) }
    }

    /// The path length and the purposes of the anchor, and the store's own bound on the depth.
    fn check_anchor(&self, store: &TrustStore, usages: Usages) -> Result<(), ValidationError> {
        let at_anchor = |why| self.refusal(self.issuers.len() + 1, ChainFault::Authority { why });
        let authorities = self.issuers.iter().filter(|other| !other.is_self_issued()).count();
        if let Some(limit) = store.max_depth().filter(|limit| authorities > *limit) {
            return Err(ChainFault::TooDeep { authorities, limit }.into());
        }
        if self.anchor.certificate.path_length().is_some_and(|limit| authorities > usize::from(limit)) {
            return Err(at_anchor("more authorities stand below it than it allows"));
        }
        if !usages.pass_through(&self.anchor.certificate) {
            return Err(at_anchor("its extended key usage leaves the purpose out"));
        }
        Ok(())
    }

    /// The rules of the mesh profile for each authority, and between each certificate and its issuer.
    fn check_mesh(&self, forms: &[&Form]) -> Result<(), ValidationError> {
        let refused = |at| move |rule: ProfileRule| self.refusal(at, ChainFault::Profile { rule });
        self.anchor.suits(Profile::Mesh).map_err(refused(forms.len()))?;
        let above = forms.iter().copied().skip(1).chain([self.anchor.form.as_ref()]);
        for (at, (form, above)) in forms.iter().zip(above).enumerate() {
            if at > 0 {
                profile::check_issuer(form).map_err(refused(at))?;
            }
            profile::check_link(form, above).map_err(refused(at))?;
        }
        Ok(())
    }

    /// The form of each certificate below the anchor, from the leaf up.
    fn forms(&self) -> Result<Vec<&Form>, ValidationError> {
        let mut forms: Vec<&Form> = Vec::with_capacity(self.issuers.len() + 1);
        forms.push(self.presented.leaf_form().map_err(|fault| self.refusal(0, fault))?);
        for (at, other) in (1..).zip(&self.issuers) {
            forms.push(other.form().map_err(|fault| self.refusal(at, fault))?);
        }
        Ok(forms)
    }
}
