//! Joining and renewing at a real authority, at once from several sides, and on a disk that fails.

use super::*;
use crate::enroll::Grant;
use dwcp_base::{Coded, FaultyDisk, LocalDisk};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{AuthorityParams, IssuedStanding, Refusal};
use std::io::ErrorKind;
use std::time::Duration;

const DOMAIN: &str = "mesh.example";

/// An authority in a directory, with its tokens and members.
struct Office {
    dir: tempfile::TempDir,
    now: UnixTime,
}

impl Office {
    fn new() -> Self {
        let (dir, now) = (tempfile::tempdir().unwrap(), UnixTime::from_secs(1_790_000_000));
        let params = AuthorityParams::new("office");
        drop(CertificateAuthority::create(Arc::new(LocalDisk), dir.path(), &params, now).unwrap());
        Self { dir, now }
    }

    /// As another process would have it: with an authority and locks of its own.
    fn registrar(&self, disk: Arc<dyn Disk>) -> Registrar {
        let authority = CertificateAuthority::open(Arc::clone(&disk), self.dir.path()).unwrap();
        let policy = IssuancePolicy::default();
        Registrar::new(Arc::new(authority), policy, DOMAIN.parse().unwrap(), &disk, self.dir.path())
    }

    fn healthy(&self) -> Registrar {
        self.registrar(Arc::new(LocalDisk))
    }

    fn token(&self, grant: Grant) -> (TokenId, TokenSecret) {
        let tokens = Tokens::of(Arc::new(LocalDisk), self.dir.path());
        let (record, secret) =
            tokens.create(grant, &DOMAIN.parse().unwrap(), Duration::from_secs(3_600), self.now).unwrap();
        (record.id, secret)
    }

    fn join(&self, token: &(TokenId, TokenSecret), name: &str) -> Result<Granted, EnrollError> {
        self.healthy().join(&token.0, &token.1, &csr(&[&id(name)]), &[], self.now)
    }

    /// Certificates that stand, the authority's own aside.
    fn standing(&self) -> usize {
        let issued = self.healthy().authority.issued().unwrap();
        issued.iter().filter(|record| record.standing == IssuedStanding::Good).count()
    }

    fn state(&self, id: &TokenId) -> TokenState {
        Tokens::of(Arc::new(LocalDisk), self.dir.path()).read(id).unwrap().unwrap().state
    }
}

fn id(name: &str) -> String {
    format!("URI:spiffe://{DOMAIN}/node/{name}")
}

fn csr(names: &[&str]) -> Vec<u8> {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    CertificateRequest::generate(&key, &names).unwrap().to_pem().into_bytes()
}

fn named(name: &str) -> Grant {
    Grant { name: Some(name.to_owned()), allow: Vec::new() }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, EnrollError>, code: &str) {
    assert_eq!(result.unwrap_err().code(), code);
}

#[test]
fn a_token_is_good_once_and_what_it_got_can_renew() {
    let office = Office::new();
    let token = office.token(Grant::default());
    let first = office.join(&token, "b").unwrap();
    assert_eq!(first.identity.as_str(), "spiffe://mesh.example/node/b");
    let leaf = first.chain.leaf();
    assert_eq!(leaf.not_after().secs() - office.now.secs(), 86_400);
    refused(office.join(&token, "b"), "enroll.token.spent");
    refused(office.join(&token, "c"), "enroll.token.spent");
    let TokenState::Spent { pin, .. } = office.state(&token.0) else { panic!("not spent") };
    assert_eq!(pin, leaf.key_pin());

    let renewed = office.healthy().renew(leaf, &csr(&[&id("b")]), office.now).unwrap();
    assert_ne!(renewed.chain.leaf().serial(), leaf.serial());
    let member = office.healthy().member(&first.identity).unwrap();
    assert_eq!(member.serials, [renewed.chain.leaf().serial(), leaf.serial()]);
    assert_eq!(member.token, token.0);
}

#[test]
fn whoever_does_not_hold_the_secret_learns_nothing_and_spends_nothing() {
    let office = Office::new();
    let token = office.token(Grant::default());
    let (registrar, request) = (office.healthy(), csr(&[&id("b")]));
    let other = TokenSecret::random().unwrap();
    refused(registrar.join(&token.0, &other, &request, &[], office.now), "enroll.token.unknown");
    let unknown = TokenId::random().unwrap();
    refused(registrar.join(&unknown, &token.1, &request, &[], office.now), "enroll.token.unknown");
    let late = office.now.plus(Duration::from_secs(3_600));
    refused(registrar.join(&token.0, &token.1, &request, &[], late), "enroll.token.expired");
    // Of an expired or spent token nobody hears without its secret either.
    refused(registrar.join(&token.0, &other, &request, &[], late), "enroll.token.unknown");
    assert_eq!(office.state(&token.0), TokenState::Open);
    assert!(office.join(&token, "b").is_ok());
    refused(registrar.join(&token.0, &other, &request, &[], office.now), "enroll.token.unknown");

    let taken_back = office.token(Grant::default());
    Tokens::of(Arc::new(LocalDisk), office.dir.path()).revoke(&taken_back.0, office.now).unwrap();
    refused(office.join(&taken_back, "c"), "enroll.token.unknown");
}

#[test]
fn what_is_refused_for_what_it_asks_leaves_the_token_as_it_is() {
    let office = Office::new();
    office.join(&office.token(Grant::default()), "member").unwrap();
    let token = office.token(Grant::default());
    let registrar = office.healthy();
    let own: Vec<SubjectName> = vec![id("ca").parse().unwrap(), "DNS:ca.example".parse().unwrap()];
    let join = |request: &[u8]| registrar.join(&token.0, &token.1, request, &own, office.now);
    for names in [
        &[id("member").as_str()][..],
        &[id("ca").as_str()],
        &[id("b").as_str(), "DNS:ca.example"],
        &["URI:spiffe://other.example/node/b"],
        &["URI:spiffe://mesh.example/ns/b"],
        &["DNS:b.example"],
        &[id("b").as_str(), "EMAIL:a@b.c"],
    ] {
        refused(join(&csr(names)), "enroll.name.refused");
    }
    let good = csr(&[&id("b")]);
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let mut altered = good.clone();
    let at = good.len() / 2;
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    for bad in [&b""[..], b"hello", &cut, &altered, &[b'-'; 70_000]] {
        refused(join(bad), "enroll.request.bad");
    }
    assert_eq!(office.state(&token.0), TokenState::Open);
    assert_eq!(office.standing(), 1);
    assert!(join(&good).is_ok());
}

#[test]
fn patterns_grant_what_they_say_and_nothing_else() {
    let office = Office::new();
    let allow = ["URI:spiffe://mesh.example/*", "DNS:*.web.example", "IP:10.0.0.0/8"].map(str::to_owned);
    let token = office.token(Grant { name: None, allow: allow.to_vec() });
    let registrar = office.healthy();
    let join = |names: &[&str]| registrar.join(&token.0, &token.1, &csr(names), &[], office.now);
    let web = "URI:spiffe://mesh.example/ns/Web/1";
    for odd in ["DNS:web.example", "DNS:localhost", "IP:192.0.2.1", "IP:127.0.0.1", "DNS:*.a.web.example"] {
        refused(join(&[web, odd]), "enroll.name.refused");
    }
    assert!(join(&[web, "DNS:a.web.example", "IP:10.1.2.3"]).is_ok());
    // By case alone it would be another one.
    let again = office.token(Grant { name: None, allow: allow.to_vec() });
    let other =
        registrar.join(&again.0, &again.1, &csr(&["URI:spiffe://mesh.example/ns/web/1"]), &[], office.now);
    refused(other, "enroll.name.refused");
}

#[test]
fn only_the_last_two_certificates_of_a_member_can_renew() {
    let office = Office::new();
    let joined = office.join(&office.token(Grant::default()), "b").unwrap();
    let registrar = office.healthy();
    let renew = |holder: &Certificate| {
        registrar.renew(holder, &csr(&[&id("b")]), office.now).map(|granted| granted.chain.leaf().clone())
    };
    let first = joined.chain.leaf().clone();
    let second = renew(&first).unwrap();
    let third = renew(&second).unwrap();
    refused(renew(&first), "enroll.identity.superseded");
    // The answer with the next one was lost: the same asks again, and the lost one is out.
    let lost = renew(&third).unwrap();
    let fourth = renew(&third).unwrap();
    refused(renew(&lost), "enroll.identity.superseded");
    refused(renew(&second), "enroll.identity.superseded");

    refused(registrar.renew(&fourth, &csr(&[&id("c")]), office.now), "enroll.name.refused");
    let more = csr(&[&id("b"), "DNS:more.example"]);
    refused(registrar.renew(&fourth, &more, office.now), "enroll.name.refused");
    refused(registrar.renew(&fourth, b"hello", office.now), "enroll.request.bad");

    let authority = &registrar.authority;
    let _ = authority.revoke(&fourth.serial(), RevocationReason::KeyCompromise, office.now).unwrap();
    refused(renew(&fourth), "enroll.identity.revoked");
    // Nor does the one before it, which stands.
    refused(renew(&third), "enroll.identity.revoked");
}

#[test]
fn who_did_not_join_does_not_renew() {
    let office = Office::new();
    let registrar = office.healthy();
    let request = |name: &str| CertificateRequest::from_pem(&csr(&[&id(name)])).unwrap();
    let by_hand = registrar.authority.issue(&request("x"), &IssuancePolicy::default(), office.now).unwrap();
    let renewed = registrar.renew(by_hand.leaf(), &csr(&[&id("x")]), office.now);
    refused(renewed, "enroll.identity.unknown");
    // Nor does a certificate that an operator made for a member's name.
    office.join(&office.token(Grant::default()), "b").unwrap();
    let by_hand = registrar.authority.issue(&request("b"), &IssuancePolicy::default(), office.now).unwrap();
    refused(registrar.renew(by_hand.leaf(), &csr(&[&id("b")]), office.now), "enroll.identity.superseded");
    // Nor one of another authority, whatever it says.
    let other = Office::new();
    let elsewhere = other.join(&other.token(Grant::default()), "b").unwrap();
    let foreign = registrar.renew(elsewhere.chain.leaf(), &csr(&[&id("b")]), office.now);
    refused(foreign, "enroll.identity.superseded");
}

#[test]
fn a_member_that_lapsed_joins_again_by_a_token_for_its_name_alone() {
    let office = Office::new();
    let joined = office.join(&office.token(Grant::default()), "b").unwrap();
    refused(office.join(&office.token(named("b")), "b"), "enroll.name.refused");
    let registrar = office.healthy();
    let serial = joined.chain.leaf().serial();
    let _ = registrar.authority.revoke(&serial, RevocationReason::Superseded, office.now).unwrap();
    refused(office.join(&office.token(Grant::default()), "b"), "enroll.name.refused");
    let again = office.join(&office.token(named("b")), "b").unwrap();
    assert_eq!(office.healthy().member(&again.identity).unwrap().serials, [again.chain.leaf().serial()]);
    refused(
        registrar.renew(joined.chain.leaf(), &csr(&[&id("b")]), office.now),
        "enroll.identity.superseded",
    );
}

#[test]
fn a_member_whose_name_a_pattern_granted_joins_again_by_just_that_pattern() {
    let office = Office::new();
    let allowing = |pattern: &str| Grant { name: None, allow: vec![pattern.to_owned()] };
    let (wide, web) = ("URI:spiffe://mesh.example/*", "URI:spiffe://mesh.example/ns/Web2");
    let join = |pattern: &str| {
        let token = office.token(allowing(pattern));
        office.healthy().join(&token.0, &token.1, &csr(&[web]), &[], office.now)
    };
    let joined = join(wide).unwrap();
    refused(join(web), "enroll.name.refused");
    let serial = joined.chain.leaf().serial();
    let _ = office.healthy().authority.revoke(&serial, RevocationReason::Superseded, office.now).unwrap();
    refused(join(wide), "enroll.name.refused");
    assert!(join(web).is_ok());
}

#[test]
fn a_token_of_the_future_is_not_good_yet() {
    let office = Office::new();
    let token = office.token(Grant::default());
    let join = |at: UnixTime| office.healthy().join(&token.0, &token.1, &csr(&[&id("b")]), &[], at);
    refused(join(office.now.minus(Duration::from_secs(86_400))), "enroll.token.expired");
    refused(join(office.now.minus(Duration::from_secs(61))), "enroll.token.expired");
    assert_eq!(office.state(&token.0), TokenState::Open);
    assert!(join(office.now.minus(Duration::from_secs(60))).is_ok());
}

#[test]
fn a_member_that_renews_over_and_over_is_told_to_wait_and_gets_no_more() {
    let office = Office::new();
    let joined = office.join(&office.token(Grant::default()), "b").unwrap();
    let other = office.join(&office.token(Grant::default()), "c").unwrap();
    let registrar = office.healthy();
    let renew = |joined: &Granted, name: &str, at: UnixTime| {
        registrar.renew(joined.chain.leaf(), &csr(&[&id(name)]), at)
    };
    let granted = (0..200).filter(|_| renew(&joined, "b", office.now).is_ok()).count();
    assert_eq!((granted, office.standing()), (8, 10));
    let Err(EnrollError::Often { wait }) = renew(&joined, "b", office.now) else { panic!("not throttled") };
    assert!(renew(&other, "c", office.now).is_ok(), "it is nobody else's trouble");
    assert!(renew(&joined, "b", office.now.plus(wait)).is_ok());
}

#[test]
fn of_sixty_four_joins_at_once_with_one_token_one_wins() {
    let office = Office::new();
    let token = office.token(Grant::default());
    let registrars: Vec<Registrar> = (0..4).map(|_| office.healthy()).collect();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let joins: Vec<_> = (0..64)
            .map(|n| {
                let (registrar, token, now) = (&registrars[n % 4], &token, office.now);
                scope.spawn(move || {
                    registrar.join(&token.0, &token.1, &csr(&[&id(&format!("n{n}"))]), &[], now)
                })
            })
            .collect();
        joins.into_iter().map(|join| join.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|lost| { matches!(lost, Err(EnrollError::TokenSpent { .. } | EnrollError::Busy { .. })) })
    );
    assert_eq!(office.standing(), 1);
}

#[test]
fn two_tokens_at_once_do_not_get_one_name() {
    let office = Office::new();
    let tokens: Vec<_> = (0..8).map(|_| office.token(Grant::default())).collect();
    let won: usize = std::thread::scope(|scope| {
        let join = |token| {
            let office = &office;
            scope.spawn(move || usize::from(office.join(token, "same").is_ok()))
        };
        let joins: Vec<_> = tokens.iter().map(join).collect();
        joins.into_iter().map(|join| join.join().unwrap()).sum()
    });
    assert_eq!((won, office.standing()), (1, 1));
}

/// Every operation on the disk fails once, and then for good: nothing is granted that the token was not spent for, and it never gets
/// a second certificate that stands.
#[test]
fn a_disk_that_fails_at_any_moment_never_makes_two_of_one_token() {
    for for_good in [false, true] {
        for n in 0.. {
            let office = Office::new();
            let token = office.token(Grant::default());
            let disk = match for_good {
                false => FaultyDisk::failing_once(n, ErrorKind::StorageFull),
                true => FaultyDisk::failing_from(n, ErrorKind::StorageFull),
            };
            let registrar = office.registrar(Arc::new(disk.clone()));
            let first = registrar.join(&token.0, &token.1, &csr(&[&id("b")]), &[], office.now);
            drop(registrar);
            let standing = office.standing();
            if first.is_ok() || standing > 0 {
                let spent = matches!(office.state(&token.0), TokenState::Spent { .. });
                assert!(spent, "operation {n}: granted before it was spent");
            }
            let second = office.join(&token, "c");
            assert!(office.standing() <= 1, "operation {n}: {first:?} then {second:?}");
            assert!(!(first.is_ok() && second.is_ok()), "operation {n}");
            if let Err(error) = &first {
                assert_eq!(error.code(), "enroll.authority.unavailable", "operation {n}: {error:?}");
            }
            if disk.operations() <= n {
                assert!(first.is_ok() && n > 5, "the scenario has {n} operations");
                break;
            }
        }
    }
}

/// The same for renewals: whoever is not answered renews with what it has.
#[test]
fn a_disk_that_fails_at_any_moment_never_locks_a_member_out() {
    for n in 0.. {
        let office = Office::new();
        let joined = office.join(&office.token(Grant::default()), "b").unwrap();
        let disk = FaultyDisk::failing_once(n, ErrorKind::StorageFull);
        let registrar = office.registrar(Arc::new(disk.clone()));
        let leaf = joined.chain.leaf();
        let first = registrar.renew(leaf, &csr(&[&id("b")]), office.now);
        drop(registrar);
        let holder = first.as_ref().map_or(leaf, |granted| granted.chain.leaf());
        let second = office.healthy().renew(holder, &csr(&[&id("b")]), office.now);
        assert!(second.is_ok(), "operation {n}: {first:?} then {second:?}");
        if disk.operations() <= n {
            assert!(first.is_ok() && n > 2, "the scenario has {n} operations");
            break;
        }
    }
}

#[test]
fn a_request_for_an_authority_is_refused_and_so_is_one_for_its_key() {
    // What a request can wish for beyond names is told apart by the authority; each ends under its code.
    for (refusal, code) in [
        (Refusal::AuthorityRights, "enroll.request.bad"),
        (Refusal::AuthorityKey, "enroll.request.bad"),
        (Refusal::CompromisedKey, "enroll.request.bad"),
        (Refusal::Purpose { purpose: "1.2.3".to_owned() }, "enroll.request.bad"),
        (Refusal::Extension { extension: "1.2.3".to_owned() }, "enroll.request.bad"),
        (Refusal::NoNames, "enroll.name.refused"),
        (Refusal::NameKind, "enroll.name.refused"),
        (Refusal::ManyIdentities, "enroll.name.refused"),
        (Refusal::Revoked, "enroll.identity.revoked"),
        (Refusal::OtherNames, "enroll.name.refused"),
    ] {
        let error = EnrollError::of_authority(dwcp_pki::AuthorityError::Refused { source: refusal });
        assert_eq!(error.code(), code);
        assert!(EnrollError::RESULTS.contains(&error.result()));
    }
}
