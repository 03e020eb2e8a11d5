//! What others wish of a slot: an operator's orders and rules, an issuer's advice.

use super::Table;
use crate::manager::ManagerError;
use crate::manager::input::{Input, Renews};
use crate::manager::timetable::SlotId;
use crate::{Event, Serial, Window};
use dwcp_base::UnixTime;

impl Table {
    pub(in crate::manager) fn order(
        &mut self,
        name: &str,
        window: Window,
        now: UnixTime,
        news: &mut Vec<Event>,
    ) -> Result<(SlotId, UnixTime), ManagerError> {
        let id = self.renewable(name)?;
        self.step(id, Input::Ordered(window), now, news);
        let ordered = self.slots.get(&id).and_then(|slot| slot.core.ordered);
        Ok((id, ordered.map_or(now, |ordered| ordered.at)))
    }

    pub(in crate::manager) fn advise(
        &mut self,
        name: &str,
        certificate: Serial,
        renew_at: Option<UnixTime>,
        now: UnixTime,
        news: &mut Vec<Event>,
    ) -> Result<UnixTime, ManagerError> {
        let id = self.renewable(name)?;
        self.follow(id, now, news);
        let slot = self.slots.get_mut(&id).ok_or(ManagerError::UnknownSlot)?;
        if !slot.core.advised(now, certificate, renew_at) {
            return Err(ManagerError::Superseded);
        }
        let planned = slot.core.ordered.map_or(slot.core.plan().0, |ordered| ordered.at);
        self.plan(id, now);
        Ok(planned)
    }

    pub(in crate::manager) fn set_rules(
        &mut self,
        name: &str,
        automatic: bool,
        window: Option<Window>,
        now: UnixTime,
    ) {
        let Ok(id) = self.renewable(name) else { return };
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.core.rules.renews = if automatic { Renews::Itself } else { Renews::OnOrder };
            slot.core.rules.window = window;
            self.plan(id, now);
        }
    }

    pub(super) fn renewable(&self, name: &str) -> Result<SlotId, ManagerError> {
        let id = *self.names.get(name).ok_or(ManagerError::UnknownSlot)?;
        match self.slots.get(&id) {
            Some(slot) if slot.parts.provider.is_some() => Ok(id),
            Some(_) => Err(ManagerError::Elsewhere),
            None => Err(ManagerError::UnknownSlot),
        }
    }
}
