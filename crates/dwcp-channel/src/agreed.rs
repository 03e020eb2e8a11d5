//! What the handshake of a live connection came to, small enough to be kept for each of them.

use dwcp_tls::{CipherSuite, Group, Inspected, Resumption, TlsSession};

/// By what a live connection is protected, and what its client offered. Under a hundred bytes, no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The cipher suite.
    pub suite: CipherSuite,
    /// The group of the key exchange.
    pub group: Group,
    /// Full or resumed.
    pub resumed: Resumption,
    /// What a look at the client's offer told; `None` where we are the client, or where the look could not read it.
    pub offer: Option<Inspected>,
}

impl Agreed {
    /// What `session` agreed on.
    pub fn of<IO>(session: &TlsSession<IO>) -> Self {
        let facts = session.facts();
        let offer = session.client_hello().and_then(|hello| hello.inspected().ok());
        Self { suite: facts.suite, group: facts.group, resumed: facts.resumed, offer }
    }
}
