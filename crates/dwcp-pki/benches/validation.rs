//! Judging a chain: bare webpki over ours, paired in the same run.
//!
//! `cargo bench -p dwcp-pki --bench validation`. Each line is the median of paired rounds, as webpki's time divided by ours: 1 is as fast,
//! above 1 is faster. Both check the same signatures with ring, dates, purpose and names; ours adds the mesh profile and makes
//! an identity. Cold: nothing is known of the issuers. Known: they were judged under another leaf before.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

use dwcp_base::{Clock, SystemClock, UnixTime};
use dwcp_pki::{Crl, Profile, Purpose, RevocationMode, TrustStore};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use std::hint::black_box;
use std::time::Duration;
use webpki::{BorrowedCertRevocationList, EndEntityCert, KeyUsage, RevocationOptionsBuilder};

fn main() {
    let clock = SystemClock::new();
    for authorities in [1, 2] {
        let lab = Lab::new(authorities);
        let anchors = vec![lab.root.clone()];
        let store = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
        let chain = lab.chain();
        let bare = || lab.bare(&chain, None);
        let links = authorities + 1;
        for profile in [Profile::Mesh, Profile::Interop] {
            let store = store.clone().with_profile(profile);
            // Another bound on the depth is another store, which knows no issuer.
            let cold = || judge(&store.clone().with_max_depth(8), &chain);
            ratio(&clock, &format!("{links} links, {profile}, cold (aim 0.88)"), &bare, &cold);
            judge(&store, &chain);
            let known = || judge(&store, &chain);
            ratio(&clock, &format!("{links} links, {profile}, issuers known (aim 0.95)"), &bare, &known);
        }
        let crls: Vec<Vec<u8>> = lab.crls(1_000);
        let lists = crls.iter().map(|der| Crl::from_der(der).unwrap()).collect();
        let strict = TrustStore::new(vec![lab.root.clone()], lists, RevocationMode::Required).unwrap();
        judge(&strict, &chain);
        let with_crls = || lab.bare(&chain, Some(&crls));
        let cold = || judge(&strict.clone().with_max_depth(8), &chain);
        ratio(&clock, &format!("{links} links, mesh, CRLs of 1000 entries, cold"), &with_crls, &cold);
    }
}

fn judge(store: &TrustStore, chain: &[CertificateDer<'_>]) {
    black_box(store.validate(black_box(chain), Purpose::Client, NOW).unwrap());
}

/// A root, authorities below it, and a leaf as the mesh has them.
struct Lab {
    root: CertificateDer<'static>,
    /// From the one below the root down.
    issuers: Vec<(CertificateParams, KeyPair, CertificateDer<'static>)>,
    leaf: CertificateDer<'static>,
}

impl Lab {
    fn new(authorities: usize) -> Self {
        let (params, key) = (authority("root"), KeyPair::generate().unwrap());
        let root = params.self_signed(&key).unwrap().der().clone();
        let mut issuers = vec![(params, key, root.clone())];
        for number in 0..authorities {
            let params = authority(&format!("authority {number}"));
            let key = KeyPair::generate().unwrap();
            let (above, above_key, _) = issuers.last().unwrap();
            let signed = params.signed_by(&key, &Issuer::from_params(above, above_key)).unwrap();
            issuers.push((params, key, signed.der().clone()));
        }
        let (above, above_key, _) = issuers.last().unwrap();
        let mut params = certificate("node");
        let spiffe = "spiffe://mesh.example/node".to_owned();
        params.subject_alt_names = vec![
            SanType::URI(spiffe.try_into().unwrap()),
            SanType::DnsName("node.mesh.example".to_owned().try_into().unwrap()),
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let signed =
            params.signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(above, above_key)).unwrap();
        let leaf = signed.der().clone();
        Self { root, issuers, leaf }
    }

    /// Leaf first, without the root.
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        let above = self.issuers.iter().skip(1).rev().map(|(_, _, der)| der.clone());
        std::iter::once(self.leaf.clone()).chain(above).collect()
    }

    /// One of each authority.
    fn crls(&self, entries: usize) -> Vec<Vec<u8>> {
        let list = |(params, key, _): &(CertificateParams, KeyPair, CertificateDer<'static>)| {
            let entry = |number: usize| RevokedCertParams {
                serial_number: [&[0x5a][..], &number.to_be_bytes()].concat().into(),
                revocation_time: date(NOW),
                reason_code: None,
                invalidity_date: None,
            };
            let crl = CertificateRevocationListParams {
                this_update: date(NOW),
                next_update: date(NOW.plus(DAY)),
                crl_number: 1_u64.into(),
                issuing_distribution_point: None,
                revoked_certs: (0..entries).map(entry).collect(),
                key_identifier_method: KeyIdMethod::Sha256,
            };
            crl.signed_by(&Issuer::from_params(params, key)).unwrap().der().to_vec()
        };
        self.issuers.iter().map(list).collect()
    }

    fn bare(&self, chain: &[CertificateDer<'static>], crls: Option<&Vec<Vec<u8>>>) {
        let anchor = [webpki::anchor_from_trusted_cert(&self.root).unwrap()];
        let (leaf, above) = black_box(chain).split_first().unwrap();
        let leaf = EndEntityCert::try_from(leaf).unwrap();
        let lists: Vec<_> = crls
            .into_iter()
            .flatten()
            .map(|der| BorrowedCertRevocationList::from_der(der).unwrap().into())
            .collect();
        let lists: Vec<_> = lists.iter().collect();
        let options = RevocationOptionsBuilder::new(&lists).ok().map(RevocationOptionsBuilder::build);
        let now = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(NOW.secs() as u64));
        let verdict =
            leaf.verify_for_usage(ACCEPTED, &anchor, above, now, KeyUsage::client_auth(), options, None);
        black_box(verdict.unwrap());
    }
}

fn certificate(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date(NOW.minus(DAY)), date(NOW.plus(DAY)));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = certificate(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn date(at: UnixTime) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.secs()).unwrap()
}

/// Prints how often our time fits into the yardstick's, with the spread of the middle four fifths.
fn ratio(clock: &SystemClock, name: &str, yardstick: &dyn Fn(), ours: &dyn Fn()) {
    let time = |work: &dyn Fn()| {
        let start = clock.tick();
        for _ in 0..TIMES {
            work();
        }
        clock.tick().since(start)
    };
    time(ours);
    time(yardstick);
    let mut best = Duration::MAX;
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (mine, theirs) = (time(ours), time(yardstick));
            best = best.min(mine);
            theirs.as_secs_f64() / mine.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (low, mid, high) = (ratios[ROUNDS / 10], ratios[ROUNDS / 2], ratios[ROUNDS - 1 - ROUNDS / 10]);
    let each = best.as_secs_f64() * 1e6 / f64::from(TIMES);
    println!("{name:<52} {mid:.2} ({low:.2} to {high:.2}), {each:.0} µs at best");
}

static ACCEPTED: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
];

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const ROUNDS: usize = 51;
const TIMES: u32 = 40;
