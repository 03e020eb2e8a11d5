//! One certificate from an ACME authority, by HTTP-01. Without settings it says what it needs, and ends.
//!
//! ```sh
//! ACME_DIRECTORY=https://localhost:14000/dir ACME_CA_FILE=ca.pem ACME_NAMES=DNS:a.example ACME_LISTEN=[::]:5002 \
//!     cargo run -p dwcp-pki-acme --example one_certificate
//! ```

use dwcp_base::{LocalDisk, Silent, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{Certificate, CertificateRequest, SubjectName};
use dwcp_pki_acme::{AcmeIssuer, AcmeProvider, AcmeSettings, Cache, Http01Responder};
use std::env::{temp_dir, var};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Ok(directory), Ok(names)) = (var("ACME_DIRECTORY"), var("ACME_NAMES")) else {
        println!(
            "ACME_DIRECTORY is the URL of an authority's directory, for example Let's Encrypt's for tries:"
        );
        println!("    {}", AcmeIssuer::lets_encrypt_staging()?.directory());
        println!("ACME_NAMES is what the certificate is for: DNS:a.example,DNS:b.example,IP:192.0.2.1");
        println!("ACME_CA_FILE has the authority's own roots in PEM; without it those of the system count.");
        println!("ACME_LISTEN is where its questions arrive, through port 80 at the end: [::]:80");
        return Ok(());
    };
    let roots = match var("ACME_CA_FILE") {
        Ok(file) => Roots::Only(Certificate::bundle_from_pem(&std::fs::read(file)?)?),
        Err(_) => Roots::System,
    };
    let listen = var("ACME_LISTEN").unwrap_or_else(|_| "[::]:80".to_owned());
    let names = names.split(',').map(str::parse).collect::<Result<Vec<SubjectName>, _>>()?;

    let settings = AcmeSettings::new(AcmeIssuer::new(directory.parse()?, roots));
    let cache = Cache::open(&temp_dir().join("dwcp-acme-example"), Arc::new(LocalDisk))?;
    let responder = Arc::new(Http01Responder::listen(listen.parse()?).await?);
    let clock = Arc::new(SystemClock::new());
    let provider = AcmeProvider::new(settings, cache, vec![responder], clock, Arc::new(Silent))?;

    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let request = CertificateRequest::generate(&key, &names)?;
    match provider.obtain(&request, Duration::from_secs(120)).await {
        Ok(chain) => println!("{} good until {}", chain.to_pem(), chain.leaf().not_after()),
        Err(error) => println!("{error}\n{}", error.fix()),
    }
    println!("{:#?}", provider.state());
    Ok(())
}
