//! What is refused by the ClientHello alone, before a key is exchanged or a certificate shown.

use crate::alert::Alert;
use crate::error::TlsError;
use crate::hello::ClientOffer;
use crate::resolver::ResolverError;
use crate::settings::{ServerSettings, UnknownName, WithoutAlpn};
use crate::shelf::shown_for;
use dwcp_pki::{Credential, Generation, ShownFor, SubjectName, check_server_name};
use rustls::server::ClientHello;
use rustls::{AlertDescription, PeerIncompatible};

/// How a client is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serve {
    /// With the first of our protocols that it offers, or with none when it offers none.
    AsOurs,
    /// With no protocol agreed on, although it offers some.
    AsStranger,
    /// With the answer to a challenge, and with nothing else.
    Challenge,
    /// By the engine, which says to it that it is too old.
    TooOld,
}

/// Why a client is not served.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// It asks for a name that the certificate does not bear.
    Name(String),
    /// It offers no protocol that is spoken here.
    Protocol,
    /// It has no suite or no group that is on offer here.
    Incompatible(PeerIncompatible),
    /// The caller's resolver has nothing to show.
    Resolver(ResolverError),
    /// This side has no configuration to serve with.
    Ours(Box<TlsError>),
}

/// Reads from an offer whether it can be served at all, and whether what the store has suits the name that it asks for. The latter is the
/// answer where no resolver of the caller's is asked first.
pub(crate) fn judge_offer(
    settings: &ServerSettings,
    generation: &Generation,
    hello: &ClientHello<'_>,
) -> Result<(Serve, Result<(), Unserved>), Unserved> {
    // A client that is too old is to hear that and nothing else; the engine says so (RFC 9846 §4.2.1).
    if !hello.cipher_suites().iter().any(|suite| u16::from(*suite) >> 8 == TLS13_SUITES) {
        return Ok((Serve::TooOld, Ok(())));
    }
    if is_answered(generation, hello) {
        return Ok((Serve::Challenge, Ok(())));
    }
    let suits_store = match (judge_name(settings, generation, hello), &settings.resolving) {
        (Err(unserved), None) => return Err(unserved),
        (suits_store, _) => suits_store,
    };
    judge_protocols(&settings.alpn, settings.without_alpn, hello.alpn().into_iter().flatten())
        .map(|serve| (serve, suits_store))
}

/// RFC 8737 §3: a validation offers `acme-tls/1` alone and asks for the domain by name.
fn is_answered(generation: &Generation, hello: &ClientHello<'_>) -> bool {
    let mut offered = hello.alpn().into_iter().flatten();
    (offered.next(), offered.next()) == (Some(ACME_TLS), None)
        && hello.server_name().is_some_and(|asked| generation.challenges().answer_for(asked).is_some())
}

/// Whether the store has a certificate for the name that is asked for, and for what is spoken.
fn judge_name(
    settings: &ServerSettings,
    generation: &Generation,
    hello: &ClientHello<'_>,
) -> Result<(), Unserved> {
    let (UnknownName::Refuse, Some(asked)) = (settings.unknown_name, hello.server_name()) else {
        return Ok(());
    };
    match shown_for(generation.served(), &settings.alpn, hello) {
        ShownFor::Certificate(_) => Ok(()),
        ShownFor::OtherProtocols => Err(Unserved::Protocol),
        ShownFor::Nobody => Err(Unserved::Name(asked.to_ascii_lowercase())),
    }
}

/// What a resolver answered has to bear the name as well.
pub(crate) fn judge_resolved(
    settings: &ServerSettings,
    credential: &Credential,
    offer: &ClientOffer,
) -> Result<(), Unserved> {
    match (settings.unknown_name, offer.server_name()) {
        (UnknownName::Refuse, Some(asked)) if !bears(credential, asked) => {
            Err(Unserved::Name(asked.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Whether a protocol is the one that will be spoken; where none will be agreed on, whether the client offers it.
pub(crate) fn speaks(ours: &[Vec<u8>], hello: &ClientHello<'_>, protocol: &[u8]) -> bool {
    let offers = |wanted: &[u8]| hello.alpn().into_iter().flatten().any(|offered| offered == wanted);
    match ours.iter().find(|spoken| offers(spoken)) {
        Some(agreed) => agreed == protocol,
        None => offers(protocol),
    }
}

/// RFC 7301 §3.2, and RFC 8737 §3: whoever offers `acme-tls/1` alone wants the answer to a challenge and nothing else, so it
/// gets no session where that is not spoken, not even where any other offer would do.
pub(crate) fn judge_protocols<'a>(
    alpn: &[Vec<u8>],
    without_alpn: WithoutAlpn,
    offered: impl Iterator<Item = &'a [u8]>,
) -> Result<Serve, Unserved> {
    let (mut any, mut ours, mut only_challenge) = (false, false, true);
    for protocol in offered {
        any = true;
        ours |= alpn.iter().any(|spoken| spoken == protocol);
        only_challenge &= protocol == ACME_TLS;
    }
    match without_alpn {
        _ if ours => Ok(Serve::AsOurs),
        _ if any && only_challenge => Err(Unserved::Protocol),
        WithoutAlpn::AcceptOthers => Ok(Serve::AsStranger),
        _ if alpn.is_empty() => Ok(Serve::AsOurs),
        WithoutAlpn::Accept if !any => Ok(Serve::AsOurs),
        WithoutAlpn::Accept | WithoutAlpn::Refuse => Err(Unserved::Protocol),
    }
}

/// RFC 6066 §3 and RFC 9525: names are compared without regard to case; wildcards are for the one matcher to judge.
fn bears(credential: &Credential, asked: &str) -> bool {
    let is_asked = |name: &SubjectName| match name {
        SubjectName::Dns(dns) => dns.eq_ignore_ascii_case(asked),
        _ => false,
    };
    let leaf = credential.chain().leaf();
    leaf.names().iter().any(is_asked)
        || SubjectName::dns(asked).is_ok_and(|name| check_server_name(leaf.certificate_der(), &name).is_ok())
}

impl Unserved {
    /// What the client is told.
    pub(crate) fn alert(&self) -> Alert {
        Alert::from(match self {
            Self::Name(_) => AlertDescription::UnrecognisedName,
            Self::Protocol => AlertDescription::NoApplicationProtocol,
            Self::Incompatible(_) => AlertDescription::HandshakeFailure,
            Self::Resolver(_) | Self::Ours(_) => AlertDescription::InternalError,
        })
    }
}

impl From<Unserved> for TlsError {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Name(asked) => Self::UnknownName { asked },
            Unserved::Protocol => Self::NoApplicationProtocol,
            Unserved::Incompatible(why) => Self::NothingInCommon(why.into()),
            Unserved::Resolver(error) => Self::Resolver(error),
            Unserved::Ours(error) => *error,
        }
    }
}

/// Every suite of TLS 1.3 starts with this byte (RFC 9846 §B.4).
const TLS13_SUITES: u16 = 0x13;

/// The protocol of a certificate authority that validates a domain (RFC 8737 §6.2): never a conversation.
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ClientAuth;

    fn judged<'a>(
        settings: &ServerSettings,
        offered: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Serve, Alert> {
        judge_protocols(&settings.alpn, settings.without_alpn, offered).map_err(|unserved| unserved.alert())
    }

    #[test]
    fn at_t6_every_offer_meets_every_setting_as_documented() {
        let refused = || Err(AlertDescription::NoApplicationProtocol.into());
        let (ours, stranger) = (|| Ok(Serve::AsOurs), || Ok(Serve::AsStranger));
        let offers: [&[&[u8]]; 6] =
            [&[], &[b"dwcp/1"], &[b"h2", b"dwcp/1"], &[b"h2"], &[ACME_TLS], &[ACME_TLS, b"h2"]];
        let speaks = ServerSettings::new(ClientAuth::Required).with_alpn(["dwcp/1"]);
        let mute = ServerSettings::new(ClientAuth::Required);
        for (settings, without, expected) in [
            (&speaks, WithoutAlpn::Accept, [ours(), ours(), ours(), refused(), refused(), refused()]),
            (&speaks, WithoutAlpn::Refuse, [refused(), ours(), ours(), refused(), refused(), refused()]),
            (
                &speaks,
                WithoutAlpn::AcceptOthers,
                [stranger(), ours(), ours(), stranger(), refused(), stranger()],
            ),
            (&mute, WithoutAlpn::Accept, [ours(), ours(), ours(), ours(), refused(), ours()]),
            (&mute, WithoutAlpn::Refuse, [ours(), ours(), ours(), ours(), refused(), ours()]),
        ] {
            let settings = settings.clone().without_alpn(without);
            for (offer, expected) in offers.iter().zip(expected) {
                assert_eq!(judged(&settings, offer.iter().copied()), expected, "{settings:?} {offer:?}");
            }
        }
        let answers = ServerSettings::new(ClientAuth::Optional).with_alpn([ACME_TLS]);
        assert_eq!(judged(&answers, [ACME_TLS].into_iter()), ours(), "a listener for challenges");
        // The seventeenth counts as well, although the record of a hello keeps sixteen.
        let many = std::iter::repeat_n(&b"x"[..], 16).chain([&b"dwcp/1"[..]]);
        assert_eq!(judged(&speaks, many), ours());
    }
}
