//! A Pebble that does not have us wait: behind a front that hands on everything but its `Retry-After`.

use super::Known;
use crate::faults::Front;
use dwcp_pki::Certificate;
use dwcp_testkit::{Dice, Pebble, PebbleOptions};
use std::ops::{Deref, DerefMut};

/// The two of them, until it is dropped. While its Pebble does not run, connections come about and end without an answer.
pub struct Quick {
    pebble: Pebble,
    front: Front,
}

impl Quick {
    /// One that takes every challenge for met; `None` where there is no Pebble.
    pub async fn start(options: PebbleOptions) -> Option<Self> {
        let pebble = Pebble::start(&PebbleOptions { always_valid: true, ..options })?;
        let front = Front::start(&pebble, Dice::new(0), 0).await;
        Some(Self { pebble, front })
    }

    /// The URL of the directory behind the front.
    pub fn directory_url(&self) -> String {
        self.front.directory_url()
    }
}

impl Known for Quick {
    fn directory_url(&self) -> String {
        self.front.directory_url()
    }

    fn roots(&self) -> Vec<Certificate> {
        self.pebble.roots()
    }
}

impl Deref for Quick {
    type Target = Pebble;

    fn deref(&self) -> &Pebble {
        &self.pebble
    }
}

impl DerefMut for Quick {
    fn deref_mut(&mut self) -> &mut Pebble {
        &mut self.pebble
    }
}
