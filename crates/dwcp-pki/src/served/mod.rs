//! What a server side shows: the own certificate, further ones by name, answers to challenges, and stapled responses.

mod challenge;
mod further;
mod further_error;
mod index;
mod staple;
mod staple_error;

pub use challenge::Challenges;
pub use further::{FurtherCertificate, FurtherCertificates, IdentityKind};
pub use further_error::FurtherError;
pub use index::{ServedCertificates, ShownFor};
pub use staple::Staple;
pub(crate) use staple::Staples;
pub use staple_error::StapleError;
