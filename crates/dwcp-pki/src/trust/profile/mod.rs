//! What a certificate must look like, beyond being on a sound path.

mod form;
mod names;
mod role;
mod rule;

pub(super) use form::ANY_POLICY;
pub(crate) use form::Form;
pub(super) use role::{check_anchor, check_crl_signer, check_issuer, check_leaf, check_link};
pub use rule::ProfileRule;

/// How strictly the form of certificates is taken.
///
/// Both profiles stand on the same ground: RFC 5280 §6 as webpki has it, names, purposes, key strength, dates and
/// revocation. Neither accepts what webpki refuses, and [`Interop`](Self::Interop) accepts all that
/// [`Mesh`](Self::Mesh) does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// What RFC 5280 and the baseline of the public web ask of those who issue, asked here as well; every rule is a
    /// [`ProfileRule`]. All that `dwcp` itself issues passes.
    #[default]
    Mesh,
    /// Certificates as private authorities really make them: without key identifiers or extended key usages, with critical
    /// flags where none belong. What would change who is accepted, for what and until when, is asked all the same.
    Interop,
}

impl Profile {
    /// The name in configuration and on the command line: `mesh` or `interop`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Interop => "interop",
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads what [`Profile::name`] writes.
impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        match text {
            "mesh" => Ok(Self::Mesh),
            "interop" => Ok(Self::Interop),
            _ => Err(UnknownProfile),
        }
    }
}

/// There is no profile of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profiles are mesh and interop")]
pub struct UnknownProfile;
