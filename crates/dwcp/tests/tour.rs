//! The demo's figures are no decoration: whatever is broken on purpose shows in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp::demo::{Figures, Plan, Sabotage, tour};
use std::time::Duration;

fn run(sabotage: Sabotage) -> Figures {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let plan = Plan::default().sabotaged(sabotage).lasting(Duration::from_secs(2));
    runtime.block_on(tour(&plan, |_| {})).unwrap()
}

/// One test, since the tours measure time and would disturb each other.
#[test]
fn each_sabotage_shows_in_the_figures() {
    let figures = run(Sabotage::None);
    assert_eq!(figures.complaints(), Vec::<String>::new(), "{figures:?}");
    assert_eq!((figures.reloads_refused, figures.hybrid_handshakes), (0, figures.connections));
    let json = figures.to_json();
    for key in [
        "bytes",
        "rotations",
        "failed_connections",
        "revoked_refused",
        "stranger_refused",
        "revoked_cut_ms",
        "throttled",
        "handshake_ms_p50",
        "handshake_ms_p99",
        "audit_ok",
        "tamper_detected",
    ] {
        assert!(!json[key].is_null(), "{key} is missing");
    }

    let figures = run(Sabotage::MismatchedKey);
    assert_eq!(figures.rotations, 0, "no pair that does not belong together is ever served");
    assert!(figures.reloads_refused >= 3, "each was handed to the node and refused");
    assert_eq!(figures.failed_connections, 0, "and the old one goes on");

    let figures = run(Sabotage::SkippedRevocation);
    assert_eq!((figures.revoked_refused, figures.revoked_cut_ms), (0, None));

    let figures = run(Sabotage::GuardOff);
    assert_eq!(figures.throttled, 0);

    let figures = run(Sabotage::StrangersAllowed);
    assert_eq!(figures.stranger_refused, 0);

    let figures = run(Sabotage::NoTampering);
    assert!(figures.audit_ok && !figures.tamper_detected);
}
