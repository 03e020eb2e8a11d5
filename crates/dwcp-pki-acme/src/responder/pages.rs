//! What is shown at which token, and for how long.

use super::{Presented, ResponderError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Key authorizations by token: at most [`MOST_SHOWN`], each for as long as its [`Presented`] lives.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    /// The newest of a token last.
    by_token: HashMap<Box<str>, Vec<(u64, Box<str>)>>,
    count: usize,
    given: u64,
}

impl Pages {
    /// Shows a page from now on.
    pub(super) fn show(
        self: &Arc<Self>,
        token: &str,
        key_authorization: &str,
    ) -> Result<Presented, ResponderError> {
        let mut shown = self.lock();
        if shown.count == MOST_SHOWN {
            return Err(ResponderError::TooMany { limit: MOST_SHOWN });
        }
        shown.count += 1;
        shown.given += 1;
        let number = shown.given;
        shown.by_token.entry(token.into()).or_default().push((number, key_authorization.into()));
        let (pages, token): (_, Box<str>) = (Arc::clone(self), token.into());
        Ok(Presented::new(move || pages.withdraw(&token, number)))
    }

    /// What is shown at a token, taken as it was sent.
    pub(super) fn at(&self, token: &str) -> Option<String> {
        let shown = self.lock();
        shown.by_token.get(token)?.last().map(|(_, page)| page.as_ref().to_owned())
    }

    fn withdraw(&self, token: &str, number: u64) {
        let mut shown = self.lock();
        let Some(pages) = shown.by_token.get_mut(token) else { return };
        let before = pages.len();
        pages.retain(|(known, _)| *known != number);
        let (gone, is_empty) = (before - pages.len(), pages.is_empty());
        shown.count -= gone;
        if is_empty {
            shown.by_token.remove(token);
        }
    }

    /// Nothing panics while it is held, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two orders of a hundred names each, and some to spare.
const MOST_SHOWN: usize = 255;
