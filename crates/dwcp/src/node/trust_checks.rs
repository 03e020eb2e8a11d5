//! What `/health/certs` looks at: roots, bundles, revocation lists and who gets ours.

use super::brought;
use super::health::Finding;
use super::identity::Identity;
use super::lists::{self, Age};
use super::publication::Publication;
use super::shared::Shared;
use dwcp_base::UnixTime;
use dwcp_pki::{RevocationMode, TrustDomain, TrustStore};

pub(super) fn revocation(shared: &Shared) -> Finding {
    if let Some(reason) = shared.troubles.of("crl") {
        let mend = "mend what the cause names: revocations do not take effect meanwhile";
        return Finding::fail(
            "certs.revocation",
            format!("no revocation list can be published: {reason}"),
            mend,
        );
    }
    let generation = shared.store.current();
    match generation.trust().crl_expiry() {
        None if generation.trust().mode() == RevocationMode::Required => {
            let what = "no revocation list is of any trusted root: every peer is refused";
            Finding::fail("certs.revocation", what, lists_fix(shared))
        }
        None if generation.trust().anchors().next().is_none()
            && matches!(shared.identity, Identity::Acme(_)) =>
        {
            Finding::pass("certs.revocation", "no client certificate is accepted, so none has to be checked")
        }
        None => Finding::warn("certs.revocation", "revocation is not checked", "set security.tls.crl_file"),
        Some(end) if end <= shared.now() => Finding::fail(
            "certs.revocation",
            format!("the revocation list ended at {end}: every peer is refused"),
            lists_fix(shared),
        ),
        Some(end) => match unlisted(generation.trust()) {
            Some(root) => Finding::warn(
                "certs.revocation",
                format!("no revocation list is of the root {root}: whoever leads to it is refused"),
                unlisted_fix(shared),
            ),
            None => Finding::pass("certs.revocation", format!("the revocation list is good until {end}")),
        },
    }
}

/// Where lists come from.
fn lists_fix(shared: &Shared) -> &'static str {
    match &shared.identity {
        Identity::Vault(_) => {
            "see that the mount publishes lists (`bao read pki/config/crl`), and put the list of a root whose key is not there into security.tls.crl_file; the node asks again by itself, and at once after SIGHUP"
        }
        _ => {
            "put fresh lists of the roots in ca_file into crl_file (and send SIGHUP where cert_management.watch is false)"
        }
    }
}

fn unlisted_fix(shared: &Shared) -> &'static str {
    match &shared.identity {
        Identity::Vault(_) if shared.plan.load().identity.roots.is_none() => {
            "where the mount does not hold its key, put its list into security.tls.crl_file and send SIGHUP; else see that the mount publishes one (`bao read pki/config/crl`)"
        }
        _ => "put its list into crl_file (and send SIGHUP where cert_management.watch is false)",
    }
}

/// Lists that the node fetches by itself.
pub(super) fn fetched(shared: &Shared) -> Finding {
    let generation = shared.store.current();
    let (age, end) = lists::age(generation.trust(), shared.now());
    let failure = shared.troubles.of("lists");
    let left_out = shared.troubles.of(brought::LEFT_OUT);
    let why = failure.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let mend = "mend what the reason names; the node asks again by itself, and at once after SIGHUP";
    let end = end.map(|end| end.to_string()).unwrap_or_else(|| "no time, since there was none".to_owned());
    match age {
        Age::Ended => Finding::fail(
            "certs.lists",
            format!("no list is good and every peer is refused, the last one ended at {end}{why}"),
            mend,
        ),
        Age::Overdue => Finding::warn(
            "certs.lists",
            format!("half of a list's life has passed without a newer one, it ends at {end}{why}"),
            mend,
        ),
        Age::Fresh if failure.is_some() => {
            Finding::warn("certs.lists", format!("the last attempt to fetch lists failed{why}"), mend)
        }
        Age::Fresh if left_out.is_some() => Finding::warn(
            "certs.lists",
            format!("not all that came counts: {}", left_out.unwrap_or_default()),
            "take the list out of crl_file of the node that holds the authority, or its root into ca_file there",
        ),
        Age::Fresh => Finding::pass("certs.lists", format!("the fetched lists are good until {end}")),
    }
}

/// Whether chains can lead to every root; the first few that break the profile are named.
pub(super) fn anchors(trust: &TrustStore) -> Finding {
    let unsuitable: Vec<_> = trust.unsuitable_anchors().collect();
    if unsuitable.is_empty() {
        let count = trust.anchors().count();
        return Finding::pass("certs.anchors", format!("roots: {count}, profile {}", trust.profile()));
    }
    let named = unsuitable.iter().take(3).map(|(anchor, rule)| format!("{}: {rule}", anchor.subject()));
    let named = named.collect::<Vec<_>>().join("; ");
    Finding::warn(
        "certs.anchors",
        format!(
            "{} roots break the profile {}, and whoever leads to them is refused: {named}",
            unsuitable.len(),
            trust.profile()
        ),
        "re-issue the root, or set security.tls.profile: interop",
    )
}

/// The bundle of another trust domain.
pub(super) fn bundle(trust: &TrustStore, domain: &TrustDomain, now: UnixTime) -> Finding {
    let id = format!("certs.bundle.{}", domain.as_str());
    let renew = "put a fresh list of that trust domain into its crl_file (and send SIGHUP where cert_management.watch is false)";
    if trust.anchors_of(domain).all(|anchor| anchor.not_after() <= now) {
        let what = "every root of the bundle has ended: its peers are refused";
        return Finding::fail(
            id,
            what,
            "put the trust domain's new roots into its ca_file (and send SIGHUP where cert_management.watch is false)",
        );
    }
    match trust.crl_expiry_of(domain) {
        Some(end) if end <= now => {
            Finding::fail(id, format!("its revocation list ended at {end}: its peers are refused"), renew)
        }
        Some(end) => {
            let count = trust.anchors_of(domain).count();
            Finding::pass(id, format!("roots: {count}, the revocation list is good until {end}"))
        }
        None if trust.mode() == RevocationMode::Required => {
            Finding::fail(id, "no revocation list is of any of its roots: its peers are refused", renew)
        }
        None => Finding::warn(id, "revocation is not checked for its peers", "set the bundle's crl_file"),
    }
}

/// What others read under `/pki/`; that no complete list can be signed is `certs.revocation`'s to say.
pub(super) fn published(shared: &Shared, publication: &Publication) -> Finding {
    let troubles = [("delta", "no delta list can be signed"), ("ocsp", "OCSP requests get no answer")];
    let found = troubles.iter().find_map(|(subject, what)| Some((what, shared.troubles.of(subject)?)));
    match found {
        Some((what, reason)) => Finding::warn(
            "certs.publication",
            format!("{what}: {reason}"),
            "mend what the cause names: relying parties do not hear of revocations in time",
        ),
        None => {
            let list = publication.complete();
            Finding::pass("certs.publication", format!("the list of {} is the newest", list.modified))
        }
    }
}

/// The first root whose peers are refused for want of a list.
fn unlisted(trust: &TrustStore) -> Option<String> {
    let required = trust.mode() == RevocationMode::Required;
    trust.unlisted_anchors().next().filter(|_| required).map(|root| root.subject().to_owned())
}
