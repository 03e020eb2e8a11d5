#![doc = include_str!("../README.md")]

mod answer;
mod client;
mod engine;
mod error;
mod event;
mod health;
mod login;
mod provider;
mod requests;
mod role;
mod session;
mod settings;
mod state;
mod text;
mod token;

pub use answer::{IssuedWithKey, Signed, VaultIssuer};
pub use client::VaultClient;
pub use error::{LoginError, VaultError};
pub use event::Event;
pub use health::VaultHealth;
pub use login::{Login, RoleId};
pub use provider::VaultProvider;
pub use role::{Shortcoming, VaultRole};
pub use settings::{BadSetting, VaultSettings};
pub use state::{VaultState, VaultTrouble};
