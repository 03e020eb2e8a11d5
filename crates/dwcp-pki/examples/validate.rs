//! A throw-away authority issues a certificate; a trust store judges it, before and after its revocation.
//!
//! Run with `cargo run -p dwcp-pki --example validate`.

use dwcp_base::{Clock, Coded, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AllowList, AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, Peer, Purpose,
    RevocationMode, RevocationReason, TrustStore,
};
use rustls_pki_types::CertificateDer;
use std::error::Error;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let clock = SystemClock::new();
    let directory = tempfile::tempdir()?;
    let params = AuthorityParams::new("Example mesh CA");
    let authority = CertificateAuthority::create(
        Arc::new(LocalDisk),
        &directory.path().join("ca"),
        &params,
        clock.unix(),
    )?;

    // The key stays with its owner; the authority sees the request alone.
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let request = CertificateRequest::generate(&key, &["URI:spiffe://mesh.example/web/1".parse()?])?;
    let chain = authority.issue(&request, &IssuancePolicy::default(), clock.unix())?;

    let anchor = CertificateDer::from(authority.certificate().der().to_vec());
    let trust = |crls| TrustStore::new(vec![anchor.clone()], crls, RevocationMode::Required);

    // Without a CRL nothing is known about revocation, so nobody is accepted.
    match trust(Vec::new())?.validate(&chain.ders(), Purpose::Client, clock.unix()) {
        Ok(identity) => return Err(format!("{} was accepted without a CRL", identity.label()).into()),
        Err(error) => println!("without a CRL:    {} ({error})", error.code()),
    }

    let store = trust(vec![authority.crl(clock.unix())?])?;
    let identity = store.validate(&chain.ders(), Purpose::Client, clock.unix())?;
    println!("with a CRL:       {} until {}", identity.label(), identity.not_after());

    let allow = AllowList::new(vec!["spiffe://mesh.example/web/*".parse()?]);
    let grant = allow.judge(&Peer::from(identity.clone()))?;
    println!("policy:           granted by {}", grant.pattern());

    let _ = authority.revoke(&identity.serial(), RevocationReason::KeyCompromise, clock.unix())?;
    let store = trust(vec![authority.crl(clock.unix())?])?;
    // What a live connection is asked: a lookup, no signature.
    match store.recheck(&identity, clock.unix()) {
        Ok(()) => Err("a revoked identity is still accepted".into()),
        Err(error) => {
            println!("after revocation: {} ({error})", error.code());
            Ok(())
        }
    }
}
