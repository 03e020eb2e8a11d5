//! Fitting the cost of Argon2id to a machine.

use super::derive::Turn;
use super::params::{KdfParams, MAX_MEMORY_KIB, MAX_PASSES, MIN_MEMORY_KIB, MIN_PASSES};
use crate::CryptoError;
use dwcp_base::Clock;
use std::time::Duration;

/// How long one derivation with `params` takes here and now, without the wait for other derivations of the process.
///
/// # Errors
/// [`CryptoError::OutOfMemory`] when the memory that the parameters ask for is not there.
pub fn measure(params: KdfParams, clock: &dyn Clock) -> Result<Duration, CryptoError> {
    let turn = Turn::wait();
    let start = clock.tick();
    turn.derive(params.cost(), &[0; 16], b"what is derived does not matter", 32)?;
    Ok(clock.tick().since(start))
}

/// Finds Argon2id parameters whose derivation takes about `target` here: never less than the floor, even where that takes
/// longer, and never more than the ceilings.
///
/// Memory is raised first, since it costs an attacker most: from 19 MiB up to `memory_limit_kib` KiB, in whole MiB and not beyond
/// 2 GiB. Only then passes are raised, from 2 up to 10. Lanes are 4. It derives some times, most of them about as long as
/// `target`, and what is found depends on what else the machine does meanwhile.
///
/// # Errors
/// As [`measure`].
pub fn calibrate(
    target: Duration,
    memory_limit_kib: u32,
    clock: &dyn Clock,
) -> Result<KdfParams, CryptoError> {
    search(target, memory_limit_kib, |params| measure(params, clock))
}

fn search(
    target: Duration,
    memory_limit_kib: u32,
    mut measure: impl FnMut(KdfParams) -> Result<Duration, CryptoError>,
) -> Result<KdfParams, CryptoError> {
    let most = (memory_limit_kib / MIB * MIB).clamp(MIN_MEMORY_KIB, MAX_MEMORY_KIB);
    let mut memory_kib = MIN_MEMORY_KIB;
    let mut taken = measure(argon2id(memory_kib, MIN_PASSES)?)?;
    for _ in 0..ROUNDS {
        // A first estimate may be far off: no step trusts it for more than eight times the memory.
        let highest = most.min(memory_kib.saturating_mul(8));
        let next = (scaled(memory_kib, target, taken) / MIB * MIB).clamp(MIN_MEMORY_KIB, highest);
        if next.abs_diff(memory_kib) <= memory_kib / 20 {
            break;
        }
        memory_kib = next;
        taken = measure(argon2id(memory_kib, MIN_PASSES)?)?;
    }
    if memory_kib < most {
        return argon2id(memory_kib, MIN_PASSES);
    }
    argon2id(memory_kib, scaled(MIN_PASSES, target, taken).clamp(MIN_PASSES, MAX_PASSES))
}

/// What takes `target` where `amount` took `taken`: time is near enough to proportional in both memory and passes.
fn scaled(amount: u32, target: Duration, taken: Duration) -> u32 {
    let scaled = u128::from(amount) * target.as_nanos() / taken.as_nanos().max(1);
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

fn argon2id(memory_kib: u32, passes: u32) -> Result<KdfParams, CryptoError> {
    KdfParams::argon2id(memory_kib, passes, LANES)
}

const LANES: u32 = 4;
const MIB: u32 = 1024;
const ROUNDS: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::params::Cost;
    use super::*;
    use dwcp_base::{ManualClock, SystemClock, UnixTime};

    /// A machine that takes `nanos` for each KiB and pass, after 3 ms of something else.
    fn found(target_ms: u64, limit: u32, nanos: u64) -> (KdfParams, Vec<KdfParams>) {
        let mut tried = vec![];
        let found = search(Duration::from_millis(target_ms), limit, |params| {
            tried.push(params);
            Ok(modelled(params, nanos))
        });
        (found.unwrap(), tried)
    }

    fn modelled(params: KdfParams, nanos: u64) -> Duration {
        let Cost::Argon2id { memory_kib, passes, .. } = params.cost() else { panic!("not Argon2id") };
        Duration::from_nanos(3_000_000 + u64::from(memory_kib) * u64::from(passes) * nanos)
    }

    #[test]
    fn memory_is_raised_until_the_target_is_met() {
        for target in [100, 250, 500, 1000, 2000] {
            let (params, tried) = found(target, MAX_MEMORY_KIB, 1_150);
            let taken = modelled(params, 1_150).as_millis();
            assert!(
                taken.abs_diff(u128::from(target)) <= u128::from(target / 10),
                "{target}: {params} {taken}"
            );
            assert!(params.to_string().ends_with(",t=2,p=4"), "{params}");
            assert!(tried.iter().all(|tried| modelled(*tried, 1_150).as_millis() <= u128::from(2 * target)));
        }
    }

    #[test]
    fn passes_are_raised_where_memory_ends_and_both_stop_at_their_ceilings() {
        assert_eq!(found(1000, 65_536, 1_150).0.to_string(), "argon2id m=65536,t=10,p=4");
        assert_eq!(found(500, 65_536, 1_150).0.to_string(), "argon2id m=65536,t=6,p=4");
        assert_eq!(found(3_600_000, u32::MAX, 1_150).0.to_string(), "argon2id m=2097152,t=10,p=4");
    }

    #[test]
    fn a_slow_machine_gets_the_floor_and_not_less() {
        assert_eq!(found(10, MAX_MEMORY_KIB, 50_000).0.to_string(), "argon2id m=19456,t=2,p=4");
        assert_eq!(found(0, 0, 50_000).0.to_string(), "argon2id m=19456,t=2,p=4");
    }

    #[test]
    fn a_clock_that_stands_still_ends_at_the_limit_and_not_in_a_division_by_zero() {
        let clock = ManualClock::at(UnixTime::from_secs(0));
        let params = calibrate(Duration::from_millis(1), MIN_MEMORY_KIB, &clock).unwrap();
        assert_eq!(params.to_string(), "argon2id m=19456,t=10,p=4");
        assert_eq!(measure(params, &clock), Ok(Duration::ZERO));
    }

    #[test]
    fn a_real_clock_sees_that_more_passes_take_longer() {
        let clock = SystemClock::new();
        let two = measure(argon2id(MIN_MEMORY_KIB, 2).unwrap(), &clock).unwrap();
        let ten = measure(argon2id(MIN_MEMORY_KIB, 10).unwrap(), &clock).unwrap();
        assert!(ten > two && two > Duration::ZERO, "{two:?} and {ten:?}");
    }
}
