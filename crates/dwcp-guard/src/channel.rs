//! The guard in front of a listener of `dwcp-channel`.

use crate::guard::Guard;
use crate::permit::GuardPermit;
use dwcp_base::Coded;
use dwcp_channel::{Admit, Arrival, Refusal, Retry};
use std::time::Duration;

/// Admits by the source address of the connection. [`established`](Admit::established) ends the pending state; it vouches
/// for nobody, since a session may be anonymous: whoever sees the peer's identity calls [`Guard::vouch`].
impl Admit for Guard {
    type Permit = GuardPermit;

    fn admit(&self, arrival: &Arrival) -> Result<GuardPermit, Refusal> {
        Self::admit(self, arrival.source.ip(), arrival.now).map_err(|refused| {
            let refusal = Refusal::new(refused.code(), refused.blame(), refused.reason().rule());
            match refused.retry_after() {
                Duration::ZERO => refusal,
                wait => refusal.with_retry(Retry::After(wait)),
            }
        })
    }

    fn established(&self, _arrival: &Arrival, permit: &GuardPermit) {
        permit.established();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::GuardSettings;
    use dwcp_base::{Blame, Tick};
    use dwcp_channel::{BoxedAdmit, Transport};

    #[test]
    fn a_listener_sees_refusals_with_their_code_and_ends_the_pending_state() {
        let guard = Guard::new(GuardSettings { burst: 2, ..GuardSettings::default() }).unwrap();
        let admit = BoxedAdmit::new(guard.clone());
        let arrival = Arrival {
            source: "127.0.0.9:4000".parse().unwrap(),
            local: "127.0.0.1:443".parse().unwrap(),
            transport: Transport::Tcp,
            now: Tick(7),
        };
        let permit = admit.admit(&arrival).unwrap();
        assert_eq!(guard.stats().pending, 1);
        admit.established(&arrival, &permit);
        assert_eq!((guard.stats().pending, guard.stats().connections), (0, 1));

        let _second = admit.admit(&arrival).unwrap();
        let refusal = admit.admit(&arrival).unwrap_err();
        assert_eq!((refusal.code(), refusal.blame()), ("guard.rate.exceeded", Blame::Peer));
        assert_eq!(refusal.retry(), Retry::After(Duration::from_millis(50)));
        drop(permit);
        assert_eq!(guard.stats().connections, 1);
    }
}
