//! The Online Certificate Status Protocol (RFC 6960): questions, answers, the responder that gives them and the check of what
//! it gave. What carries them over HTTP is another crate's.

mod answer;
mod asn1;
mod build;
mod cache;
mod cert_id;
mod delegate;
mod nonce;
mod ocsp_error;
mod request;
mod responder;
mod response;
mod signed;
mod status;
mod verdict;

pub use answer::{OcspAnswer, OcspProblem};
pub(crate) use build::{Validity, sign};
pub(crate) use cert_id::CertId;
pub use cert_id::CertIdHash;
pub(crate) use delegate::Appointed;
pub use nonce::OcspNonce;
pub use ocsp_error::OcspError;
pub use request::OcspRequest;
pub use responder::OcspResponder;
pub use response::OcspResponse;
pub use status::{CertStatus, OcspRefusal};
pub use verdict::OcspVerdict;
