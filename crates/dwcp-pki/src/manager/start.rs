//! How a slot comes under management: what an earlier process left behind is taken up where it is sound.

use super::flight::try_out;
use super::input::Input;
use super::life::Life;
use super::slot::{ManagedSlot, Slot};
use super::{CertificateManager, SlotError};
use crate::{Credential, Event, IdentityKind, Usage, obtain};
use dwcp_base::{Coded, UnixTime};
use std::sync::Arc;

impl CertificateManager {
    /// Takes a slot under management. Reads its files, where it has any: a schedule of its certificate is gone on with, and a staged pair that
    /// is newer than the certificate in force and passes every check of an answer waits for its activation, as if it had just been prepared.
    /// What is damaged or foreign is ignored, and an event says so.
    ///
    /// # Errors
    /// [`SlotError`]; nothing was changed.
    pub fn manage(&self, slot: ManagedSlot) -> Result<(), SlotError> {
        self.table().has_room_for(&slot.parts.spec.name)?;
        let public = slot.place.store().is_some_and(|store| store.current().kind() == IdentityKind::Public);
        if public && slot.parts.spec.usage != Usage::Server {
            return Err(SlotError::PublicClient);
        }
        let now = self.clock.unix();
        let mut slot = Slot::new(slot, now);
        let parts = Arc::clone(&slot.parts);
        let mut news = Vec::new();
        let mut ignored = |what, code| {
            news.push(Event::RenewalIgnored { slot: parts.spec.name.clone(), what, code });
        };
        match parts.files.as_ref().map_or(Ok(None), |files| files.schedule()) {
            Ok(Some(record)) if !slot.core.restore(&record, now) => {
                ignored("schedule", "pki.schedule.foreign")
            }
            Ok(_) => {}
            Err(code) => ignored("schedule", code),
        }
        match staged(&slot, now) {
            Ok(None) => {}
            Ok(Some(pair)) => {
                let next = Life::of(&pair);
                slot.prepared = Some(pair);
                let effects = slot.core.step(now, Input::Prepared { next, at_once: false });
                news.extend(effects.tell);
            }
            Err(code) => ignored("staged pair", code),
        }
        self.table().add(slot, now)?;
        self.tell(news);
        Ok(())
    }
}

/// The pair that an earlier process prepared and did not activate; or the code of why it can not be taken.
fn staged(slot: &Slot, now: UnixTime) -> Result<Option<Arc<Credential>>, &'static str> {
    let parts = &slot.parts;
    let (Some(files), Some(_), Some(store)) = (&parts.files, &parts.provider, slot.place.store()) else {
        return Ok(None);
    };
    let Some(credential) = files.staged().map_err(|error| error.code())? else { return Ok(None) };
    // What was committed lies there as well, and so does what somebody has replaced since by hand.
    if !Life::of(&credential).is_newer_than(slot.core.life()) {
        return Ok(None);
    }
    let generation = store.current();
    obtain::check_again(&credential, &parts.spec, generation.own_trust(), now)
        .map_err(|error| error.code())?;
    try_out(parts, &credential, generation.own_trust(), now).map_err(|error| error.code())?;
    Ok(Some(Arc::new(credential)))
}
