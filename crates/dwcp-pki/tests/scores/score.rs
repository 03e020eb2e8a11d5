//! A suite run on a profile: what came out of each case, and how long it took.

use super::judge::{self, Refused};
use super::table::Column;
use super::{Case, Expected, Suite};
use dwcp_base::{Clock, SystemClock};
use dwcp_pki::Profile;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of one case.
pub(crate) enum Outcome {
    /// Accepted, as expected.
    Accepted,
    /// Refused, as expected.
    Refused(Refused),
    FalseAccept,
    FalseReject(Refused),
    Inexpressible(&'static str),
    Panicked,
}

pub(crate) fn run(suite: &Suite, profile: Profile) -> Column {
    let clock = SystemClock::new();
    let mut column = Column::new(suite.name, profile);
    for case in &suite.cases {
        let start = clock.tick();
        let outcome = outcome(case, profile);
        column.add(&case.id, outcome, clock.tick().since(start));
    }
    column
}

fn outcome(case: &Case, profile: Profile) -> Outcome {
    if let Some(what) = case.inexpressible {
        return Outcome::Inexpressible(what);
    }
    match (catch_unwind(AssertUnwindSafe(|| judge::judge(case, profile))), case.expected) {
        (Err(_), _) => Outcome::Panicked,
        (Ok(Ok(())), Expected::Accepted) => Outcome::Accepted,
        (Ok(Ok(())), Expected::Refused) => Outcome::FalseAccept,
        (Ok(Err(refused)), Expected::Refused) => Outcome::Refused(refused),
        (Ok(Err(refused)), Expected::Accepted) => Outcome::FalseReject(refused),
    }
}
