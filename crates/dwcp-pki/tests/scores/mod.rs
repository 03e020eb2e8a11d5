//! The suites of others, read into cases of one shape.

pub(crate) mod bare;
mod boringssl;
pub(crate) mod judge;
mod limbo;
mod pkits;
pub(crate) mod reasons;
pub(crate) mod score;
pub(crate) mod table;

use base64ct::{Base64, Encoding};
use dwcp_base::UnixTime;
use dwcp_pki::{PolicyRequirements, RevocationMode, SubjectName};
use rustls_pki_types::CertificateDer;

/// The cases of one source.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) cases: Vec<Case>,
}

/// One chain, what it is judged against, and what the suite says about it.
pub(crate) struct Case {
    /// The suite's own name for it, without spaces.
    pub(crate) id: String,
    pub(crate) expected: Expected,
    /// What of the case the validator has no word for.
    pub(crate) inexpressible: Option<&'static str>,
    pub(crate) anchors: Vec<CertificateDer<'static>>,
    /// Certificates whose keys are on the block list.
    pub(crate) blocked: Vec<CertificateDer<'static>>,
    /// The leaf first, without an anchor.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) crls: Vec<Vec<u8>>,
    pub(crate) mode: RevocationMode,
    pub(crate) asked: Asked,
    pub(crate) names: Names,
    pub(crate) at: UnixTime,
    /// How many authorities may stand between anchor and leaf.
    pub(crate) max_depth: Option<usize>,
    /// What is asked of certificate policies.
    pub(crate) policies: PolicyRequirements,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    Refused,
}

/// What the certificate is to be used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Server,
    Client,
    /// The suite asks for no extended key usage.
    NoUsage,
}

/// Which names are looked for once the chain is accepted.
pub(crate) enum Names {
    NotAsked,
    /// The server that was dialled.
    Server(SubjectName),
    /// Names that the identity has to have, each of them.
    Each(Vec<SubjectName>),
}

pub(crate) fn all() -> Vec<Suite> {
    vec![limbo::read(), pkits::read(), boringssl::chains(), boringssl::crls()]
}

/// Lines of base64, found by the number of the line, from 0.
struct Blobs(Vec<Vec<u8>>);

impl Blobs {
    fn read(text: &str) -> Self {
        Self(text.lines().map(decode).collect())
    }

    /// What a list of numbers stands for; `-` for none.
    fn list(&self, numbers: &str) -> Vec<Vec<u8>> {
        entries(numbers).map(|number| self.0[number.parse::<usize>().unwrap()].clone()).collect()
    }

    fn certificates(&self, numbers: &str) -> Vec<CertificateDer<'static>> {
        self.list(numbers).into_iter().map(CertificateDer::from).collect()
    }
}

fn decode(text: &str) -> Vec<u8> {
    Base64::decode_vec(text).unwrap()
}

/// The entries of a list with commas; `-` for none.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|entry| *entry != "-")
}

/// Exactly `N` words with one space between them; the last takes what is left.
fn words<const N: usize>(line: &str) -> [&str; N] {
    let words: Vec<&str> = line.splitn(N, ' ').collect();
    words.try_into().unwrap_or_else(|_| panic!("not {N} words: {line}"))
}
