//! The one place that asks the validator.

use super::{Asked, Case, Names};
use dwcp_base::Coded;
use dwcp_pki::{
    Certificate, ChainFault, Crl, DeltaCrl, KeyPin, PeerIdentity, Profile, Purpose, TrustStore,
    ValidationError, check_server_name,
};

pub(crate) const PROFILES: &[Profile] = &[Profile::Mesh, Profile::Interop];

/// A refusal: its code, and its words for whoever looks for the cause.
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// Whether the validator accepts the case. What can not be read is refused, CRLs and anchors included.
pub(crate) fn judge(case: &Case, profile: Profile) -> Result<(), Refused> {
    ask(&store(case, profile)?, case)
}

/// What the case trusts.
pub(crate) fn store(case: &Case, profile: Profile) -> Result<TrustStore, Refused> {
    let (mut crls, mut deltas) = (Vec::new(), Vec::new());
    for der in &case.crls {
        match DeltaCrl::from_der(der) {
            Ok(delta) => deltas.push(delta),
            Err(_) => crls.push(Crl::from_der(der).map_err(refused)?),
        }
    }
    let blocked = case.blocked.iter().map(|der| Certificate::from_der(der).map(|read| read.key_pin()));
    let blocked: Vec<KeyPin> = blocked.collect::<Result<_, _>>().map_err(refused)?;
    let store = TrustStore::new(case.anchors.clone(), crls, case.mode).map_err(refused)?;
    let store = store.with_deltas(deltas).map_err(refused)?;
    let store = store.with_blocked_keys(blocked).with_profile(profile).with_policies(case.policies.clone());
    Ok(match case.max_depth {
        Some(authorities) => store.with_max_depth(authorities),
        None => store,
    })
}

/// Whether a store accepts the chain of the case.
pub(crate) fn ask(store: &TrustStore, case: &Case) -> Result<(), Refused> {
    let purpose = match case.asked {
        Asked::Server => Purpose::Server,
        Asked::Client => Purpose::Client,
        Asked::NoUsage => Purpose::Any,
    };
    let identity = store.validate(&case.chain, purpose, case.at).map_err(|error| Refused {
        code: match error.fault() {
            ChainFault::Profile { rule } => format!("{}.{}", error.code(), rule.name()),
            _ => error.code().to_owned(),
        },
        text: error.to_string(),
    })?;
    named(case, &identity)
}

fn named(case: &Case, identity: &PeerIdentity) -> Result<(), Refused> {
    match &case.names {
        Names::NotAsked => Ok(()),
        Names::Server(name) => check_server_name(&case.chain[0], name).map_err(refused),
        Names::Each(names) => match names.iter().find(|name| !identity.names().contains(name)) {
            Some(missing) => {
                Err(refused(ValidationError::from(ChainFault::Name { expected: missing.to_string() })))
            }
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
