//! Enrolment, the side that holds the authority: tokens, who joined with them, and what they get. No sockets, no clock.
//!
//! `token` is what a machine is handed, `record` and `tokens` what is kept of it, `member` and `members` who joined, `names` which
//! names a token grants, `registrar` the two things that can be asked for: to join, and to renew; `expulsion` what is revoked with
//! a certificate of one who joined.

mod base64url;
mod error;
mod expulsion;
mod file;
mod member;
mod members;
mod names;
mod pace;
mod pattern;
mod record;
mod registrar;
mod token;
mod tokens;

pub use error::EnrollError;
pub use expulsion::Line;
pub use member::Member;
pub use members::Members;
pub use names::{Grant, NameFault};
pub use pattern::{BadPattern, rule};
pub use record::{TokenRecord, TokenState};
pub use registrar::{Granted, Registrar};
pub use token::{BadToken, JoinToken, TokenId, TokenSecret, checked_address};
pub use tokens::{Held, Tokens};
