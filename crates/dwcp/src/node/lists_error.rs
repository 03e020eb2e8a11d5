//! Why no newer lists are in force.

use super::error::NodeError;
use crate::fetch::FetchError;
use crate::join::MeshError;
use dwcp_base::{Blame, Coded};
use dwcp_pki::{InstallError, ParseError, TrustError};
use dwcp_pki_vault::{ListFault, VaultError};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why what was fetched, if anything was, is not in force, or not kept. What was in force before stays.
#[derive(Debug, Error)]
pub(super) enum ListsError {
    #[error("the revocation lists were not fetched")]
    Fetch(#[source] FetchError),
    #[error("the roots and lists of the mesh were not fetched")]
    Mesh(#[source] MeshError),
    #[error("the roots and lists of the mount were not fetched")]
    Vault(#[source] VaultError),
    #[error("there is no newer list of {issuer}")]
    Missing {
        issuer: String,
        #[source]
        source: ListFault,
    },
    #[error("{place} serves no revocation list")]
    Content {
        place: String,
        #[source]
        source: ParseError,
    },
    #[error("a list of {issuer} came, which no root of this node and no authority below it signed")]
    Stranger { issuer: String },
    #[error("the lists can not be used")]
    Trust(#[source] TrustError),
    #[error("the roots that came do not vouch for this node's own certificate, so they are not taken")]
    Roots(#[source] InstallError),
    #[error("the roots that came are of the trust domain {theirs}, which is not this node's")]
    Domain { theirs: String },
    #[error("{path} was not written: the lists are in force until the node ends")]
    Unsaved {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("no client side could be made")]
    Client(#[source] Box<NodeError>),
    #[error("the node was stopped in the middle of it")]
    Interrupted,
}

impl Coded for ListsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Fetch(source) => source.code(),
            Self::Mesh(source) => source.code(),
            Self::Vault(source) => source.code(),
            Self::Missing { source, .. } => source.code(),
            Self::Content { source, .. } => source.code(),
            Self::Stranger { .. } => "node.lists.stranger",
            Self::Trust(source) => source.code(),
            Self::Roots(_) => "node.lists.roots_refused",
            Self::Domain { .. } => "node.lists.another_domain",
            Self::Unsaved { .. } => "node.lists.unsaved",
            Self::Client(source) => source.code(),
            Self::Interrupted => "node.lists.interrupted",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Fetch(source) => source.blame(),
            Self::Mesh(source) => source.blame(),
            Self::Vault(source) => source.blame(),
            Self::Missing { source, .. } => source.blame(),
            Self::Content { .. } | Self::Stranger { .. } | Self::Roots(_) | Self::Domain { .. } => {
                Blame::Peer
            }
            _ => Blame::Local,
        }
    }
}
