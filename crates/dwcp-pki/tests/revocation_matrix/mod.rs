//! The rows, and how one is tried.

mod documents;
mod rows;
mod status;

use crate::lab::{NOW, Party};
use dwcp_base::Coded;
use dwcp_pki::{Crl, DeltaCrl, Evidence, Purpose, RevocationChecked, RevocationMode, TrustStore};
use rustls_pki_types::CertificateDer;
use std::sync::OnceLock;

/// What a trust store is given; a list that is not read is the code of the refusal.
#[derive(Clone)]
pub(crate) enum Given {
    Complete(Result<Crl, &'static str>),
    Delta(Result<DeltaCrl, &'static str>),
    /// What the trust store before it was given.
    Known(Vec<Self>),
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) anchor: CertificateDer<'static>,
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) given: Vec<Given>,
    pub(crate) responses: Vec<Vec<u8>>,
}

/// All rows, made once: some of their lists have a million entries.
pub(crate) fn all() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| [rows::all(), documents::all(), status::all()].into_iter().flatten().collect())
}

impl Given {
    fn complete(der: &[u8]) -> Self {
        Self::Complete(Crl::from_der(der).map_err(|error| error.code()))
    }

    fn delta(der: &[u8]) -> Self {
        Self::Delta(DeltaCrl::from_der(der).map_err(|error| error.code()))
    }
}

impl Row {
    pub(crate) fn new(name: &'static str, root: &Party, leaf: &Party, given: Vec<Given>) -> Self {
        Self { name, anchor: root.der.clone(), leaf: leaf.der.clone(), given, responses: Vec::new() }
    }

    /// Required, WhereKnown, Off.
    pub(crate) fn outcomes(&self) -> [String; 3] {
        [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off]
            .map(|mode| self.outcome(mode).to_owned())
    }

    fn outcome(&self, mode: RevocationMode) -> &'static str {
        let store = match store(&self.anchor, &self.given, mode) {
            Ok(store) => store,
            Err(code) => return code,
        };
        let responses: Vec<&[u8]> = self.responses.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::of_responses(&responses);
        match store.validate_with(std::slice::from_ref(&self.leaf), Purpose::Client, NOW, &evidence) {
            Ok(identity) => match identity.revocation() {
                RevocationChecked::Covered => "covered",
                RevocationChecked::NotCovered => "not covered",
                RevocationChecked::NotChecked => "not checked",
                other => panic!("{other:?}"),
            },
            Err(error) => error.code(),
        }
    }
}

fn store(
    anchor: &CertificateDer<'static>,
    given: &[Given],
    mode: RevocationMode,
) -> Result<TrustStore, &'static str> {
    let (mut crls, mut deltas, mut known) = (Vec::new(), Vec::new(), None);
    for given in given {
        match given {
            Given::Complete(crl) => crls.push(crl.clone()?),
            Given::Delta(delta) => deltas.push(delta.clone()?),
            Given::Known(before) => known = Some(store(anchor, before, mode)?),
        }
    }
    let made = TrustStore::new(vec![anchor.clone()], crls, mode).map_err(|error| error.code())?;
    let made = made.with_deltas(deltas).map_err(|error| error.code())?;
    Ok(known.iter().fold(made, |made, known| made.adopting_newer_crls(known)))
}
