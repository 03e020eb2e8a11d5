//! A certificate authority from nothing to a published revocation, in a directory that goes when the program ends.
//!
//! `cargo run -p dwcp-pki --example authority`

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, RevocationReason, Usage,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let now = SystemClock::new().unix();

    let params = AuthorityParams::new("Example Root");
    let authority = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, now)?;
    println!("authority   {}", authority.certificate().subject());
    println!("  until     {}", authority.certificate().not_after());
    println!("  key pin   {}", authority.certificate().key_pin());

    // The key is made where it is used; the authority sees a request alone.
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let names = ["DNS:web.example.org".parse()?, "URI:spiffe://example.org/web".parse()?];
    let request = CertificateRequest::generate(&key, &names)?;

    let policy = IssuancePolicy::default().with_ttl(Duration::from_secs(12 * 3_600))?.with_usage(Usage::Both);
    let chain = authority.issue(&request, &policy, now)?;
    println!("issued      {}", chain.leaf().serial());
    println!("  until     {}", chain.leaf().not_after());
    for name in chain.leaf().names() {
        println!("  name      {name}");
    }

    let outcome = authority.revoke(&chain.leaf().serial(), RevocationReason::Superseded, now)?;
    let crl = authority.crl(now)?;
    println!("revoked     {outcome:?}");
    println!("CRL         {} entry, next by {}", crl.len(), crl.next_update());
    print!("{}", crl.to_pem());
    Ok(())
}
