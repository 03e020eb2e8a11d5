//! The suite for every provider, over a Pebble.

use crate::support::{Blind, Made, issuer, trust};
use dwcp_base::SystemClock;
use dwcp_crypto::KeyType;
use dwcp_pki::Usage;
use dwcp_pki::testing::conformance::{Means, check};
use dwcp_pki_acme::{AcmeSettings, ExternalAccount};
use dwcp_testkit::{Pebble, PebbleOptions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_the_suite_for_providers() {
    let options = PebbleOptions { always_valid: true, nonce_reject: 5, ..PebbleOptions::default() };
    let (Some(pebble), Some(silent)) = (Pebble::start(&options), Pebble::start(&options)) else { return };
    let secret = "SGVs".repeat(16);
    let bound = PebbleOptions { eab: vec![("kid-1".to_owned(), "QUJD".repeat(16))], ..options };
    let Some(bound) = Pebble::start(&bound) else { return };
    let place = tempfile::tempdir().unwrap();
    let made = |pebble: &Pebble, name: &str, external: Option<ExternalAccount>| {
        let mut issuer = issuer(pebble);
        if let Some(external) = external {
            issuer = issuer.with_external_account(external);
        }
        Made::new(AcmeSettings::new(issuer), &place.path().join(name), Blind::new())
    };
    let file = place.path().join("hmac");
    std::fs::write(&file, &secret).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let external = ExternalAccount::new("kid-1", &file).unwrap();
    let (honest, quiet) = (made(&pebble, "a", None), made(&silent, "b", None));
    let wrong_key = made(&bound, "c", Some(external));
    silent.pause();
    let names = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
    let means = Means::new(
        vec![names(&["DNS:a.example"]), names(&["DNS:b.example", "DNS:c.example", "IP:::1"])],
        Arc::new(SystemClock::new()),
    )
    .with_key_types(&[KeyType::EcdsaP256, KeyType::EcdsaP384])
    .for_usage(Usage::Server)
    .trusting(trust(&pebble))
    .refusing(names(&["EMAIL:a@a.example"]))
    .refusing(names(&["URI:spiffe://a.example/x"]))
    .refusing(names(&["DNS:*.a.example"]))
    .refusing(names(&["DNS:a.example", "DNS:x.blocked.example"]))
    .with_secrets([secret])
    .over_silence(&quiet.provider)
    .over_failure(&wrong_key.provider)
    // Sixteen at once wait for one another.
    .with_deadline(Duration::from_secs(60), Duration::from_secs(1));
    let report = check(&honest.provider, &means).await.verdict().unwrap();
    println!("{report}");
}
