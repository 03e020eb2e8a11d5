//! Enrolment: the token that a machine is handed.

mod base64url;
mod token;

pub use token::{BadToken, JoinToken, TokenId, TokenSecret, checked_address};
