//! An event on its way into the log.

use crate::kind::EventKind;
use crate::severity::Severity;
use crate::text::Text;
use dwcp_base::UnixTime;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Something that happened and that evidence is wanted of.
///
/// Time and sequence number are given by the log when it takes the event. Every text is capped and inert ([`Text`]);
/// secrets do not belong in here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an event is evidence only once it was recorded"]
pub struct SecurityEvent {
    pub(crate) kind: EventKind,
    pub(crate) details: Details,
}

impl SecurityEvent {
    /// The most fields one event carries; later ones are ignored.
    pub const MAX_FIELDS: usize = 16;

    /// What happened.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// How bad it is.
    pub fn level(&self) -> Severity {
        self.details.severity
    }

    /// Caused by somebody who has not proven an identity: dropped and counted when the queue is full.
    pub fn stranger(kind: EventKind) -> Self {
        Self::of(kind, Origin::Stranger)
    }

    /// Caused by an authenticated peer of this name: recording waits a bounded time when the queue is full.
    pub fn peer(kind: EventKind, label: &str) -> Self {
        Self::of(kind, Origin::Peer).named(label)
    }

    /// Caused here: the authority, an operator, the node itself. Recording waits a bounded time when the queue is full.
    pub fn local(kind: EventKind) -> Self {
        Self::of(kind, Origin::Local)
    }

    /// Another severity than [`EventKind::severity`].
    pub fn severity(mut self, severity: Severity) -> Self {
        self.details.severity = severity;
        self
    }

    /// The name of whom it is about; with [`Origin::Stranger`] a mere claim.
    pub fn named(mut self, label: &str) -> Self {
        self.details.peer = Some(Text::new(label));
        self
    }

    /// The address it came from.
    pub fn source(mut self, source: SocketAddr) -> Self {
        self.details.source = Some(Text::of(source));
        self
    }

    /// The stable code of the error or refusal, such as `tls.certificate.revoked`.
    pub fn code(mut self, code: &str) -> Self {
        self.details.code = Some(Text::new(code));
        self
    }

    /// One sentence for humans.
    pub fn message(mut self, message: &str) -> Self {
        self.details.message = Some(Text::new(message));
        self
    }

    /// One more detail, of at most [`SecurityEvent::MAX_FIELDS`]; a name given twice keeps the later value.
    pub fn field(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        let (name, value) = (Text::new(name), Text::of(value));
        if let Some(same) = self.details.fields.iter_mut().find(|(n, _)| *n == name) {
            same.1 = value;
        } else if self.details.fields.len() < Self::MAX_FIELDS {
            self.details.fields.push((name, value));
        }
        self
    }

    fn of(kind: EventKind, origin: Origin) -> Self {
        Self {
            kind,
            details: Details {
                severity: kind.severity(),
                origin,
                peer: None,
                source: None,
                code: None,
                message: None,
                fields: Vec::new(),
                repeated: None,
            },
        }
    }
}

/// All that is told of an event besides its kind: as it comes into the log, in a line, and read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) severity: Severity,
    pub(crate) origin: Origin,
    pub(crate) peer: Option<Text>,
    pub(crate) source: Option<Text>,
    pub(crate) code: Option<Text>,
    pub(crate) message: Option<Text>,
    pub(crate) fields: Vec<(Text, Text)>,
    pub(crate) repeated: Option<Repeated>,
}

/// Who caused an event; decides what happens to it when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Somebody who has not proven an identity.
    Stranger,
    /// An authenticated peer.
    Peer,
    /// This node, its authority or its operator.
    Local,
}

impl Origin {
    /// The name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Peer => "peer",
            Self::Local => "local",
        }
    }
}

impl FromStr for Origin {
    type Err = crate::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Stranger, Self::Peer, Self::Local]
            .into_iter()
            .find(|o| o.as_str() == text)
            .ok_or(crate::UnknownName::of("origin"))
    }
}

/// Many alike, written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeated {
    pub(crate) count: u64,
    pub(crate) first: UnixTime,
    pub(crate) last: UnixTime,
}
