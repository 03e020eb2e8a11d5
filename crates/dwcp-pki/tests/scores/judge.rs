//! The one place that asks the validator.

use super::{Asked, Case, Names};
use dwcp_base::Coded;
use dwcp_pki::{
    Certificate, Crl, KeyPin, PeerIdentity, Purpose, PurposeFault, TrustStore, ValidationError,
    check_server_name,
};

/// The sets of rules that chains are judged by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What the mesh asks of its own certificates.
    Mesh,
}

pub(crate) const PROFILES: &[Profile] = &[Profile::Mesh];

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
        }
    }
}

/// A refusal: its code, and its words for whoever looks for the cause.
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// Suites that ask for no extended key usage are judged by the path alone: a leaf that names none passes. Every rule about
/// the path was kept when that is found.
const A_LEAF_MAY_NAME_NO_USAGE_WHERE_NONE_IS_ASKED: bool = true;
/// Whether a store can bound the depth of a chain.
const DEPTH_CAN_BE_BOUNDED: bool = false;

/// What of the case can not be asked.
pub(crate) fn inexpressible(case: &Case) -> Option<&'static str> {
    let depth = case.max_depth.filter(|_| !DEPTH_CAN_BE_BOUNDED).map(|_| "a bound on the depth of the chain");
    case.inexpressible.or(depth)
}

/// Whether the validator accepts the case. What can not be read is refused, CRLs and anchors included.
pub(crate) fn judge(case: &Case, _profile: Profile) -> Result<(), Refused> {
    let crls = case.crls.iter().map(|der| Crl::from_der(der)).collect::<Result<_, _>>().map_err(refused)?;
    let blocked = case.blocked.iter().map(|der| Certificate::from_der(der).map(|read| read.key_pin()));
    let blocked: Vec<KeyPin> = blocked.collect::<Result<_, _>>().map_err(refused)?;
    let store = TrustStore::new(case.anchors.clone(), crls, case.mode).map_err(refused)?;
    let store = store.with_blocked_keys(blocked);
    let purpose = match case.asked {
        Asked::Server => Purpose::Server,
        Asked::Client => Purpose::Client,
        Asked::NoUsage => Purpose::Any,
    };
    match store.validate(&case.chain, purpose, case.at) {
        Ok(identity) => named(case, &identity),
        Err(ValidationError::Purpose { why: PurposeFault::Missing })
            if A_LEAF_MAY_NAME_NO_USAGE_WHERE_NONE_IS_ASKED && case.asked == Asked::NoUsage =>
        {
            Ok(())
        }
        Err(error) => Err(refused(error)),
    }
}

fn named(case: &Case, identity: &PeerIdentity) -> Result<(), Refused> {
    match &case.names {
        Names::NotAsked => Ok(()),
        Names::Server(name) => check_server_name(&case.chain[0], name).map_err(refused),
        Names::Each(names) => match names.iter().find(|name| !identity.names().contains(name)) {
            Some(missing) => Err(refused(ValidationError::Name { expected: missing.to_string() })),
            None => Ok(()),
        },
    }
}

fn refused(error: impl Coded + std::error::Error) -> Refused {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    Refused { code: error.code().to_owned(), text }
}
