//! What the side that holds the authority answers, and what of it can be read. Nothing here is believed yet.

use crate::node::lists_of;
use dwcp_pki::{Certificate, CertificateChain, Crl, ParseError};
use serde::Deserialize;
use thiserror::Error;

/// A certificate and what goes with it.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) chain: CertificateChain,
    pub(crate) roots: Vec<Certificate>,
    pub(crate) lists: Vec<Crl>,
    /// The SPIFFE ID that was granted.
    pub(crate) identity: String,
}

/// The roots and the revocation lists of a mesh.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// 1 to 256.
    pub(crate) roots: Vec<Certificate>,
    pub(crate) lists: Vec<Crl>,
    pub(crate) trust_domain: String,
}

/// An answer that can not be read.
#[derive(Debug, Error)]
pub(crate) enum BadAnswer {
    #[error("it is not the JSON that was expected")]
    Json(#[source] serde_json::Error),
    #[error("its {part} can not be read")]
    Part {
        part: &'static str,
        #[source]
        source: ParseError,
    },
    #[error("it names no root, or more than 256")]
    Roots,
}

#[derive(Deserialize)]
struct GrantedText {
    chain: String,
    roots: String,
    crl: String,
    identity: String,
}

#[derive(Deserialize)]
struct BundleText {
    roots: String,
    crls: String,
    trust_domain: String,
}

/// Why the other side said no, in its own words.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) fix: String,
}

#[derive(Deserialize)]
struct RefusalText {
    error: Refusal,
}

impl Granted {
    pub(super) fn read(body: &[u8]) -> Result<Self, BadAnswer> {
        let text: GrantedText = serde_json::from_slice(body).map_err(BadAnswer::Json)?;
        Ok(Self {
            chain: CertificateChain::from_pem(text.chain.as_bytes()).map_err(part("chain"))?,
            roots: roots(&text.roots)?,
            lists: lists(&text.crl)?,
            identity: text.identity,
        })
    }
}

impl Bundle {
    pub(super) fn read(body: &[u8]) -> Result<Self, BadAnswer> {
        let text: BundleText = serde_json::from_slice(body).map_err(BadAnswer::Json)?;
        Ok(Self { roots: roots(&text.roots)?, lists: lists(&text.crls)?, trust_domain: text.trust_domain })
    }
}

impl Refusal {
    /// What an answer that is no yes says; empty where it says nothing of the kind. Each text is of at most 512 characters that print.
    pub(super) fn read(body: &[u8]) -> Self {
        let Ok(RefusalText { error }) = serde_json::from_slice(body) else { return Self::default() };
        let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(512).collect();
        Self { code: plain(error.code), message: plain(error.message), fix: plain(error.fix) }
    }
}

fn roots(text: &str) -> Result<Vec<Certificate>, BadAnswer> {
    let roots = Certificate::bundle_from_pem(text.as_bytes()).map_err(part("roots"))?;
    if roots.is_empty() || roots.len() > MOST_ROOTS { Err(BadAnswer::Roots) } else { Ok(roots) }
}

fn lists(text: &str) -> Result<Vec<Crl>, BadAnswer> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    lists_of(text.as_bytes()).map_err(part("revocation lists"))
}

fn part(part: &'static str) -> impl Fn(ParseError) -> BadAnswer {
    move |source| BadAnswer::Part { part, source }
}

const MOST_ROOTS: usize = 256;
