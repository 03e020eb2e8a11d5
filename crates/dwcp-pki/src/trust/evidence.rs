//! What a peer brings along about its own standing: OCSP responses (RFC 6960), as TLS staples them.

use super::link::Link;
use super::revocation::RevocationIndex;
use crate::ocsp::Appointed;
use crate::{CertStatus, Certificate, ChainFault, OcspResponse};
use dwcp_base::UnixTime;
use std::sync::Arc;

/// OCSP responses for a chain: at most 16 of at most 16 KiB each are read, and more refuse the chain.
///
/// # Security
/// It comes from the peer and is believed for its signatures alone. What it can change is that a certificate is covered which no CRL
/// covers, until its response lapses and for seven days at most; a CRL that lists the certificate leads. A responder that the issuer
/// appointed counts until its own certificate ends, and not at all once its key is blocked or its issuer's CRL lists it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    responses: &'a [&'a [u8]],
}

impl<'a> Evidence<'a> {
    /// Responses in DER, each about one certificate of the chain or more.
    pub fn of_responses(responses: &'a [&'a [u8]]) -> Self {
        Self { responses }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.responses.is_empty()
    }

    /// Notes on each link the response that vouches for it longest. `members` are the certificates of the links, each with its issuer.
    /// The refusal says which link it is about, if it is about one.
    ///
    /// At most two signatures are verified for each response, and none after the first response that was verified and does not count. A
    /// revocation leads over what costs no signature: responses that can not be read or are about nothing here.
    pub(super) fn weigh(
        &self,
        members: &[(&Certificate, &Certificate)],
        links: &mut [Link],
        index: &RevocationIndex,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        if self.responses.len() > MOST {
            return Err((None, fault(format!("more than {MOST} came along"))));
        }
        let mut refusal = None;
        for der in self.responses {
            let looked_at = read(der).and_then(|response| {
                let about = members_of(&response, members)?;
                Ok((response, about))
            });
            match looked_at {
                Ok((response, about)) => weigh_one(&response, &about, links, index, now)?,
                Err(why) => refusal = refusal.or(Some((None, fault(why)))),
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

/// A response that vouches for a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voucher {
    /// Until when it does.
    until: UnixTime,
    /// The responder that signed it; `None` where the issuer did so itself.
    by: Option<Appointed>,
}

impl Voucher {
    pub(crate) fn until(&self) -> UnixTime {
        self.until
    }

    /// Whether it still vouches for the certificate of `link`, whose issuer's CRLs were confirmed: a responder that was taken back
    /// since vouches for nothing.
    pub(super) fn counts(&self, link: &Link, index: &RevocationIndex, now: UnixTime) -> bool {
        let in_office = || self.by.is_none_or(|responder| !is_taken_back(&responder, link, index, now));
        now.secs() < self.until.secs() && in_office()
    }
}

/// Whether the key of a responder of the issuer of `link` is blocked, or its serial number listed, however old the CRL. Its exemption
/// from checks (RFC 6960 §4.2.2.2.1) means that nobody has to ask, not that what is known does not count.
fn is_taken_back(responder: &Appointed, link: &Link, index: &RevocationIndex, now: UnixTime) -> bool {
    index.is_blocked(&responder.pin) || index.lists(&Link { serial: responder.serial, ..link.clone() }, now)
}

type Refusal = (Option<usize>, ChainFault);

/// The place of a certificate in the chain, the certificate and its issuer.
type Member<'a> = (usize, &'a Certificate, &'a Certificate);

fn read(der: &[u8]) -> Result<OcspResponse, String> {
    if der.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    OcspResponse::from_der(der).map_err(|error| error.to_string())
}

/// The certificates that a response names, at least one: hashes are compared, and nothing is verified.
fn members_of<'a>(
    response: &OcspResponse,
    members: &[(&'a Certificate, &'a Certificate)],
) -> Result<Vec<Member<'a>>, String> {
    if let Some(refused) = response.refusal() {
        return Err(format!("the responder gave no answer: {refused}"));
    }
    let places = members.iter().enumerate().map(|(at, (certificate, issuer))| (at, *certificate, *issuer));
    let about: Vec<_> =
        places.filter(|(_, certificate, issuer)| response.is_about(certificate, issuer)).collect();
    if about.is_empty() { Err("it is about no certificate of the chain".to_owned()) } else { Ok(about) }
}

/// Takes what one response says, which is signed by the issuer of the first certificate that it is about, or on its behalf.
fn weigh_one(
    response: &OcspResponse,
    about: &[Member<'_>],
    links: &mut [Link],
    index: &RevocationIndex,
    now: UnixTime,
) -> Result<(), Refusal> {
    let Some((first, _, issuer)) = about.first() else { return Ok(()) };
    let Some((name, pin)) = links.get(*first).map(|link| (Arc::clone(&link.issuer), link.issuer_pin)) else {
        return Ok(());
    };
    let refused = |at: usize, why: &str| (Some(at), fault(why.to_owned()));
    let signed = response.signed_by(issuer, now).map_err(|error| refused(*first, &error.to_string()))?;
    let mut refusal = None;
    for (at, certificate, _) in about {
        let Some(link) = links.get_mut(*at) else { continue };
        // Its signer says nothing of what others issued under the same serial number.
        if link.issuer != name || link.issuer_pin != pin {
            return Err(refused(*at, "it is about certificates of several issuers"));
        }
        let by = signed.appointed();
        if by.is_some_and(|responder| is_taken_back(&responder, link, index, now)) {
            return Err(refused(*at, "the issuer took its responder back"));
        }
        let why = match signed.standing(certificate, now) {
            Ok((verdict, until)) => match verdict.status() {
                CertStatus::Revoked { .. } => {
                    return Err((Some(*at), ChainFault::Revoked { serial: link.serial }));
                }
                CertStatus::Unknown => "the responder does not know the certificate".to_owned(),
                CertStatus::Good => {
                    if link.voucher.is_none_or(|known| known.until < until) {
                        link.voucher = Some(Voucher { until, by });
                    }
                    continue;
                }
            },
            Err(error) => error.to_string(),
        };
        refusal.get_or_insert((Some(*at), fault(why)));
    }
    refusal.map_or(Ok(()), Err)
}

fn fault(why: String) -> ChainFault {
    ChainFault::StatusResponse { why }
}

const MOST: usize = 16;
const LARGEST: usize = 16 << 10;
