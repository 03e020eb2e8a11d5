//! Reading a certificate: ours over x509-parser, paired in the same run.
//!
//! `cargo bench -p dwcp-pki --bench decode`. Each line is the median of paired rounds: ours, then the yardstick, so that a machine whose
//! speed drifts does not favour either. Below 1 is faster than the yardstick; 2 is the most that is wanted. x509-parser borrows
//! from the DER and keeps names undecoded; it is made to read its extensions as well, which it does in one go.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

use dwcp_base::{Clock, SystemClock};
use dwcp_pki::Certificate;
use dwcp_pki::inspect::InspectedCertificate;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use std::hint::black_box;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

fn main() {
    let clock = SystemClock::new();
    for (kind, der) in [("leaf", leaf(2)), ("leaf of 100 names", leaf(100)), ("authority", authority())] {
        let parser = || {
            black_box(X509Certificate::from_der(black_box(&der)).unwrap());
        };
        let name = format!("{kind}, {} B", der.len());
        ratio(&clock, &format!("inspected / x509-parser, {name}"), parser, || {
            black_box(InspectedCertificate::from_der(black_box(&der)).unwrap());
        });
        ratio(&clock, &format!("for use / x509-parser, {name}"), parser, || {
            black_box(Certificate::from_der(black_box(&der)).unwrap());
        });
    }
}

fn leaf(names: usize) -> Vec<u8> {
    let names: Vec<String> = (0..names).map(|number| format!("host-{number}.example.org")).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CountryName, "CH");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec!["http://crl.example.org/a.crl".to_owned()] }];
    params.use_authority_key_identifier_extension = true;
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn authority() -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

/// Prints how often the yardstick's time fits into ours, with the spread of the middle four fifths.
fn ratio(clock: &SystemClock, name: &str, yardstick: impl Fn(), ours: impl Fn()) {
    let time = |work: &dyn Fn()| {
        let start = clock.tick();
        for _ in 0..TIMES {
            work();
        }
        clock.tick().since(start)
    };
    time(&ours);
    time(&yardstick);
    let mut best = Duration::MAX;
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (mine, theirs) = (time(&ours), time(&yardstick));
            best = best.min(mine);
            mine.as_secs_f64() / theirs.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (low, mid, high) = (ratios[ROUNDS / 10], ratios[ROUNDS / 2], ratios[ROUNDS - 1 - ROUNDS / 10]);
    let each = best.as_secs_f64() * 1e6 / f64::from(TIMES);
    println!("{name:<52} {mid:.2} ({low:.2} to {high:.2}), {each:.1} µs at best");
}

const ROUNDS: usize = 101;
const TIMES: u32 = 100;
