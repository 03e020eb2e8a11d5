//! What a peer brings along about its own standing: OCSP responses (RFC 6960), as TLS staples them.

use super::link::Link;
use crate::{CertStatus, Certificate, ChainFault, OcspResponse};
use dwcp_base::UnixTime;

/// OCSP responses for a chain: at most 16 of at most 16 KiB each are read, and more refuse the chain.
///
/// # Security
/// It comes from the peer and is believed for its signatures alone. What it can change is that a certificate is covered which no CRL
/// covers, until its response lapses; a CRL that lists the certificate leads.
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

    /// Notes on each link until when a response vouches for it. `members` are the certificates of the links, each with its issuer.
    /// The refusal says which link it is about, if it is about one; that of a revoked certificate leads.
    pub(super) fn weigh(
        &self,
        members: &[(&Certificate, &Certificate)],
        links: &mut [Link],
        now: UnixTime,
    ) -> Result<(), (Option<usize>, ChainFault)> {
        if self.responses.len() > MOST {
            return Err((None, fault(format!("more than {MOST} came along"))));
        }
        let mut refusal = None;
        for der in self.responses {
            match read(der) {
                Ok(response) => weigh(&response, members, links, now, &mut refusal)?,
                Err(why) => refusal = refusal.or(Some((None, fault(why)))),
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

type Refusal = (Option<usize>, ChainFault);

fn read(der: &[u8]) -> Result<OcspResponse, String> {
    if der.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    OcspResponse::from_der(der).map_err(|error| error.to_string())
}

fn weigh(
    response: &OcspResponse,
    members: &[(&Certificate, &Certificate)],
    links: &mut [Link],
    now: UnixTime,
    refusal: &mut Option<Refusal>,
) -> Result<(), Refusal> {
    let mut is_about_one = false;
    for (at, ((certificate, issuer), link)) in members.iter().zip(links).enumerate() {
        if !response.is_about(certificate, issuer) {
            continue;
        }
        is_about_one = true;
        let why = match response.standing(certificate, issuer, now) {
            Ok(verdict) => match verdict.status() {
                CertStatus::Revoked { .. } => {
                    return Err((Some(at), ChainFault::Revoked { serial: link.serial }));
                }
                CertStatus::Unknown => "the responder does not know the certificate".to_owned(),
                CertStatus::Good => {
                    link.vouched_until = link.vouched_until.max(verdict.next_update());
                    continue;
                }
            },
            Err(error) => error.to_string(),
        };
        refusal.get_or_insert((Some(at), fault(why)));
    }
    if !is_about_one {
        let why = match response.refusal() {
            Some(refused) => format!("the responder gave no answer: {refused}"),
            None => "it is about no certificate of the chain".to_owned(),
        };
        refusal.get_or_insert((None, fault(why)));
    }
    Ok(())
}

fn fault(why: String) -> ChainFault {
    ChainFault::StatusResponse { why }
}

const MOST: usize = 16;
const LARGEST: usize = 16 << 10;
