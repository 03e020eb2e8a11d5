#![doc = include_str!("../README.md")]

mod answer;
mod ask;
mod client;
mod detail;
mod error;
mod failure;
mod retry_after;
mod roots;
mod tls;
mod url;

pub use answer::Answer;
pub use ask::{Ask, Limits, Verb};
pub use client::HttpsClient;
pub use detail::Detail;
pub use error::HttpsError;
pub use retry_after::{LONGEST_WAIT, retry_after};
pub use roots::Roots;
pub use url::{BadUrl, HttpsUrl};
