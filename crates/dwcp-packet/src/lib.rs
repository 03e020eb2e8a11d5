#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "esp"), no_std)]

extern crate alloc;

#[cfg(feature = "esp")]
mod esp;
mod ip;
mod window;

#[cfg(feature = "esp")]
pub use esp::*;
pub use ip::*;
pub use window::*;
