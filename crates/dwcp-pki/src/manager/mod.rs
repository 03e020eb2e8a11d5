//! Keeps the certificates of many slots fresh: says when, prepares, checks, activates, lets the old ones go, backs off.

mod core;
mod error;
mod files;
mod flight;
mod input;
mod life;
mod record;
mod slot;
mod start;
mod table;
mod timetable;

pub use error::{ManagerError, SlotError};
pub use record::{BadRecord, Ordered, Pause, ScheduleRecord};
pub use slot::ManagedSlot;

use crate::{Credential, Event, OverdueLevel, Serial, SlotPhase, SlotState, Window};
use dwcp_base::{Clock, Observer, UnixTime};
use input::Input;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::Table;

/// Renews the certificates of up to 65 536 slots.
///
/// It has no thread and no timer: a caller asks [`next`](Self::next) what to do, and does it. Whatever goes wrong, the certificate that is
/// there stays.
///
/// A renewal has two halves. [`renew`](Self::renew) makes a key and a request, has the provider issue, checks the answer and lays the pair
/// beside the one in force; [`activate`](Self::activate) puts it in force when its grace is over. A pair that is prepared survives a
/// restart, and so do back-off and orders, where a slot has files.
pub struct CertificateManager {
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer<Event>>,
    table: Mutex<Table>,
}

/// What a caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Nothing; ask again after this time at the latest, and after the clock was set. Asking each 100 ms costs next to nothing, and only who
    /// asks hears of what others put in place.
    Wait(Duration),
    /// Renew this slot now. A slot that is offered and not renewed comes again after the others that are due.
    Renew {
        /// Which.
        slot: Arc<str>,
        /// How late it is; `None` while all is well.
        overdue: Option<OverdueLevel>,
    },
    /// Activate this slot's prepared pair now.
    Activate {
        /// Which.
        slot: Arc<str>,
    },
    /// Write this slot's pair once more: the disk did not take it. Comes once a minute until it does.
    Save {
        /// Which.
        slot: Arc<str>,
    },
}

/// When a renewed certificate takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// After the slot's grace, so that whoever has to hear of it first does.
    AfterGrace,
    /// At once: an operator is waiting.
    Now,
}

/// How far a renewal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A successor passed every check and waits for its activation.
    Prepared {
        /// Its serial number.
        serial: Serial,
        /// When it takes over.
        activate_at: UnixTime,
    },
    /// It is served.
    Active(Renewed),
}

/// A certificate that was renewed and is served from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The generation that serves it.
    pub generation: u64,
    /// Its serial number.
    pub serial: Serial,
    /// The end of its life.
    pub not_after: UnixTime,
}

impl CertificateManager {
    /// A manager of no slot yet, that has at most four renewals under way at a time.
    pub fn new(clock: Arc<dyn Clock>, observer: Arc<dyn Observer<Event>>) -> Self {
        Self { clock, observer, table: Mutex::new(Table::new(MOST_FLIGHTS)) }
    }

    /// The same with at most `most` renewals under way at a time, at least one: what many certificates that are due at once may ask of their
    /// issuers.
    #[must_use]
    pub fn with_renewals_at_once(self, most: usize) -> Self {
        self.table().most_flights = most.max(1);
        self
    }

    /// What to do now. Tells of alarms, of certificates that others put in force, and of old ones that are gone.
    ///
    /// Costs the same for one slot as for 65 536 while none is due, else the logarithm of their number. A clock that was set back has every
    /// slot looked at again.
    pub fn next(&self, now: UnixTime) -> NextStep {
        let mut news = Vec::new();
        let step = self.table().next(now, &mut news);
        self.tell(news);
        step
    }

    /// Renews a slot now, due or not.
    ///
    /// Prepared is only what is for the fresh key, has exactly the slot's names, validates now against the store's trust for each usage of
    /// the slot, makes a pair with its key, and passed the slot's trial. There is one renewal of a slot at a time. Dropping the future
    /// abandons the attempt, which counts as no failure; [`next`](Self::next) waits out the first back-off all the same. Who drops it since it took
    /// too long says so, see [`interrupted`](Self::interrupted). With [`Activation::Now`] a pair that is prepared already is what is activated.
    ///
    /// A disk that does not take the pair is no reason to go without: it is served from memory, and an event says so.
    ///
    /// # Errors
    /// [`ManagerError`]; the old certificate is still served, and [`next`](Self::next) waits out a back-off of 1 min, doubling
    /// up to 1 h, scaled down for short lives. Where the provider asked for more time, it is given, up to 24 h and a quarter
    /// of the certificate's life.
    pub async fn renew(
        &self,
        slot: &str,
        activation: Activation,
        deadline: Duration,
    ) -> Result<Renewal, ManagerError> {
        let at_once = activation == Activation::Now;
        if at_once {
            match self.activate(slot) {
                Err(ManagerError::NotPrepared | ManagerError::Elsewhere) => {}
                activated => return activated.map(Renewal::Active),
            }
        }
        self.take_off(slot)?.prepare(at_once, deadline).await
    }

    /// Takes note that an attempt or an activation had to be given up, as it took too long or panicked: a failure like any other, with `code`
    /// and at most 1024 characters of `message`. To be called after its future is gone; without effect while another attempt is under way.
    pub fn interrupted(&self, slot: &str, code: &'static str, message: &str) {
        let Ok(job) = self.table().job(slot) else { return };
        let message = message.chars().filter(|character| !character.is_control()).take(1_024).collect();
        if self.step(job.id, Input::Interrupted { code, message }) {
            self.keep_schedule(job.id);
        }
    }

    /// Puts a slot's prepared pair in force, after it was checked and tried out once more, and then in the place of the old one on disk. Connections that
    /// are open go on as they are.
    ///
    /// # Errors
    /// [`ManagerError::NotPrepared`]; [`ManagerError::Superseded`] where somebody put a newer one in force; or why the pair is not fit any more; then it is dropped and the old one still serves.
    pub fn activate(&self, slot: &str) -> Result<Renewed, ManagerError> {
        let job = self.table().job(slot)?;
        let mut news = Vec::new();
        let taken = self.table().take_prepared(job.id, self.clock.unix(), &mut news);
        self.tell(news);
        let pair = taken?;
        flight::put_in_force(self, &job, &pair)
    }

    /// Writes a slot's pair as it is in force, where its files did not take it when it was renewed. A pair that is newer and good now stays
    /// as it lies there: whoever put it there is about to have it loaded.
    ///
    /// # Errors
    /// [`ManagerError::Busy`] while a renewal is under way or prepared; [`ManagerError::Unsaved`] with what the disk says. The pair serves from memory all the same.
    pub fn save(&self, slot: &str) -> Result<(), ManagerError> {
        let job = self.table().job(slot)?;
        let Some(files) = &job.parts.files else { return Ok(()) };
        // Looked at in its turn: what came to disk while it waited for that is not overwritten. What is staged is the next one, and comes
        // to disk with its activation.
        let wanted = || {
            let active = self.state(slot).is_some_and(|state| state.phase == SlotPhase::Active);
            active.then(|| Arc::clone(job.store.current().credential()))
        };
        if !files.commit_again(self.clock.unix(), wanted).map_err(ManagerError::Unsaved)? {
            return Err(ManagerError::Busy);
        }
        self.table().set_unsaved(job.id, None);
        Ok(())
    }

    /// Has a slot renewed in the next span of `window`, no later than its alarm, and says when. Kept over a restart, where the slot has files.
    ///
    /// # Errors
    /// [`ManagerError::UnknownSlot`]; [`ManagerError::Elsewhere`] where nobody here renews it.
    pub fn order(&self, slot: &str, window: Window) -> Result<UnixTime, ManagerError> {
        let now = self.clock.unix();
        let mut news = Vec::new();
        let (id, at) = self.table().order(slot, window, now, &mut news)?;
        self.tell(news);
        self.keep_schedule(id);
        Ok(at)
    }

    /// Takes an issuer's advice on when to renew the certificate with this serial (RFC 9773), or that there is none any more, and says when it
    /// is planned for now.
    ///
    /// Earlier than planned is taken as it stands, and what is past is due now; later than planned at most until a tenth of the life before the
    /// alarm. A preferred window that opens in time is still preferred, and an order stays. The advice ends with the certificate. One that made a
    /// renewal due has the next certificate left alone for a tenth of its life, at most 24 h, so that an issuer which always says `now` is
    /// not asked in a loop. It is not kept over a restart: give it again after [`manage`](Self::manage).
    ///
    /// # Errors
    /// [`ManagerError::UnknownSlot`]; [`ManagerError::Elsewhere`] where nobody here renews it; [`ManagerError::Superseded`] where another
    /// certificate is in force.
    pub fn advise(
        &self,
        slot: &str,
        certificate: Serial,
        renew_at: Option<UnixTime>,
    ) -> Result<UnixTime, ManagerError> {
        let now = self.clock.unix();
        let mut news = Vec::new();
        let planned = self.table().advise(slot, certificate, renew_at, now, &mut news);
        self.tell(news);
        planned
    }

    /// Takes note that a certificate which is served elsewhere was replaced by this one.
    pub fn replaced(&self, slot: &str, credential: Arc<Credential>) {
        let mut news = Vec::new();
        self.table().replaced(slot, credential, self.clock.unix(), &mut news);
        self.tell(news);
    }

    /// Renews a slot on order alone, or when it is time as well; and prefers another window from now on. Without effect where there is no
    /// such slot or nobody here renews it.
    pub fn set_rules(&self, slot: &str, automatic: bool, window: Option<Window>) {
        self.table().set_rules(slot, automatic, window, self.clock.unix());
    }

    /// Manages a slot no longer. What it serves stays as it is; false where there is none of that name.
    pub fn release(&self, slot: &str) -> bool {
        self.table().release(slot)
    }

    /// How a slot is doing; `None` where there is none of that name.
    pub fn state(&self, slot: &str) -> Option<SlotState> {
        let now = self.clock.unix();
        self.table().slot(slot).map(|slot| slot.state(now))
    }

    /// How every slot is doing, by name.
    pub fn states(&self) -> Vec<SlotState> {
        let now = self.clock.unix();
        self.table().states(now)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock is given back before: an observer may ask for the state.
    fn tell(&self, news: Vec<Event>) {
        for event in news {
            self.observer.observe(&event);
        }
    }

    /// What happens to a slot, told; true where its schedule is to be kept.
    fn step(&self, id: timetable::SlotId, input: Input) -> bool {
        let mut news = Vec::new();
        let keep = self.table().step(id, input, self.clock.unix(), &mut news);
        self.tell(news);
        keep
    }

    /// Writes a slot's schedule, where it has files. That it can not be is told, and stops nothing.
    fn keep_schedule(&self, id: timetable::SlotId) {
        let Some(parts) = self.table().parts(id) else { return };
        let Some(files) = &parts.files else { return };
        let _writing = files.lock();
        let Some(record) = self.table().record(id) else { return };
        if let Err(error) = files.write_schedule(&record) {
            self.tell(vec![Event::RenewalUnsaved {
                slot: parts.spec.name.clone(),
                what: "schedule",
                message: files::whole_text(&error),
            }]);
        }
    }
}

impl fmt::Debug for CertificateManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateManager").field("slots", &self.table().len()).finish_non_exhaustive()
    }
}

/// Renewals under way at a time, unless a caller says otherwise.
const MOST_FLIGHTS: usize = 4;
