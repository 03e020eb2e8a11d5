//! The certificate of an order that is done (RFC 8555 §7.4.2).

use super::Ordering;
use crate::translate::{Tries, asked};
use crate::{AcmeError, Said};
use dwcp_pki::{Certificate, CertificateChain};
use instant_acme::Order;

impl Ordering<'_> {
    /// Fetches the certificate; once more where only a part of it came.
    pub(super) async fn download(&self, order: &mut Order) -> Result<CertificateChain, AcmeError> {
        let mut downloads = 0;
        loop {
            downloads += 1;
            let pem = asked!(self.wire, Tries::repeatable(), order.certificate())?;
            let nothing =
                || AcmeError::Answer { what: Said::new("an order that is done has no certificate") };
            match self.chain(&pem.ok_or_else(nothing)?) {
                Err(AcmeError::Answer { .. }) if downloads < MOST_DOWNLOADS => {}
                done => return done,
            }
        }
    }

    /// The chain as it is shown to peers: without the root, if the authority sent it along.
    fn chain(&self, pem: &str) -> Result<CertificateChain, AcmeError> {
        let broken = |_| AcmeError::Answer { what: Said::new("its certificates can not be read") };
        let chain = CertificateChain::from_pem(pem.as_bytes()).map_err(broken)?;
        // RFC 8555 §9.1: certificates and nothing else. A reader of PEM passes over one that was cut off.
        if pem.matches("-----BEGIN").count() != chain.len() {
            return Err(AcmeError::Answer { what: Said::new("its certificates are not complete") });
        }
        if chain.leaf().key_pin() != self.request.key_pin() {
            return Err(AcmeError::WrongKey);
        }
        let mut kept: Vec<Certificate> = chain.iter().cloned().collect();
        while kept.len() > 1 && kept.last().is_some_and(|last| last.subject() == last.issuer()) {
            kept.pop();
        }
        CertificateChain::new(kept).map_err(broken)
    }
}

const MOST_DOWNLOADS: u32 = 3;
