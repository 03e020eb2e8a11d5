//! What goes into the state machine of a slot, and what comes out.

use super::life::Life;
use crate::{Event, Window};
use dwcp_base::UnixTime;
use std::time::Duration;

/// What the operator wants of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) renews: Renews,
    pub(super) renew_before: Option<Duration>,
    pub(super) window: Option<Window>,
    pub(super) grace: Duration,
}

/// Who renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renews {
    /// The slot, when it is time.
    Itself,
    /// The slot, when somebody orders it.
    OnOrder,
    /// Somebody else.
    Elsewhere,
}

/// What happens to a slot.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// Time passed.
    Look,
    /// This certificate is in force, whoever put it there.
    Seen(Life),
    /// The attempt or activation that was under way was given up.
    Abandoned,
    /// What was given up should not have had to be: it took too long, or panicked.
    Interrupted { code: &'static str, message: String },
    /// An attempt or an activation failed.
    Failed { code: &'static str, message: String, retry_after: Option<Duration> },
    /// An attempt brought a pair that passed every check. `at_once`: without the grace.
    Prepared { next: Life, at_once: bool },
    /// The prepared pair is in force under this generation.
    Activated { generation: u64 },
    /// Somebody wants a renewal in the next span of this window.
    Ordered(Window),
}

/// What follows.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// To be told, in this order.
    pub(super) tell: Vec<Event>,
    /// The schedule is to be kept on disk.
    pub(super) keep: bool,
    /// The prepared pair is superseded: drop it.
    pub(super) drop_prepared: bool,
}

/// What a slot wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Nothing before this time; `None`: nothing at all.
    Nothing(Option<UnixTime>),
    Renew,
    Activate,
}
