#![doc = include_str!("../README.md")]

mod answer;
mod budget;
mod client;
mod engine;
mod error;
mod event;
mod exchange;
mod health;
mod lists;
mod lists_form;
mod login;
mod open;
mod provider;
mod requests;
mod role;
mod session;
mod settings;
mod state;
mod text;
mod token;
mod transit;
mod transit_form;

pub use answer::{IssuedWithKey, Signed, VaultIssuer};
pub use client::VaultClient;
pub use error::{LoginError, VaultError};
pub use event::Event;
pub use health::VaultHealth;
pub use lists::{KeptList, StandIn, VaultListing, VaultLists};
pub use lists_form::ListFault;
pub use login::{Login, RoleId};
pub use provider::VaultProvider;
pub use role::{Shortcoming, VaultRole};
pub use settings::{BadSetting, VaultSettings};
pub use state::{VaultState, VaultTrouble};
pub use transit::TransitKek;
