//! What a client offered that was refused for being too old: the error tells it, since there is no session to ask.

use crate::error::TlsError;
use crate::hello::{ClientOffer, Inspected};

impl TlsError {
    /// What a client offered that speaks no TLS 1.3, as far as it could be read. Everything in it is unauthenticated.
    pub fn weak_offer(&self) -> Option<&Inspected> {
        match self {
            Self::WeakProtocol { offered } => offered.as_deref(),
            _ => None,
        }
    }

    /// The same error, with the offer where that is what it is about.
    pub(crate) fn offered_in(mut self, hello: &ClientOffer) -> Self {
        if let Self::WeakProtocol { offered } = &mut self {
            *offered = hello.inspected().ok().map(Box::new);
        }
        self
    }
}
