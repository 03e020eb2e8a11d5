//! `dwcp cert validate`: whether a chain is accepted, by whom it is vouched for, and if not, why and what helps.

mod fix;
mod judge;
mod material;
pub(super) mod moment;
pub(super) mod name;
mod pool;
mod refusal;
mod report;
mod row;

use super::args_validate::Validate;
use super::exit::Failure;
use super::output::Report;
use dwcp_base::{Clock, SystemClock, UnixTime};
use material::Material;

/// Runs `dwcp cert validate`.
pub(super) fn run(args: &Validate) -> Result<Report, Failure> {
    let material = Material::read(args)?;
    let question = Question { args, at: args.at.unwrap_or_else(|| SystemClock::new().unix()) };
    let judgement = judge::judge(&material, &question)?;
    match &judgement.verdict {
        Ok(accepted) => Ok(report::accepted(accepted, &judgement.left_out, &material, &question)),
        Err(refusal) => Err(report::refused(refusal, &judgement.left_out, &material, &question)),
    }
}

/// What is asked about the chain.
struct Question<'a> {
    args: &'a Validate,
    at: UnixTime,
}

impl Question<'_> {
    fn asks_for_revocation(&self) -> bool {
        self.args.crl_all || !self.args.crl.is_empty() || !self.args.ocsp.is_empty()
    }
}
