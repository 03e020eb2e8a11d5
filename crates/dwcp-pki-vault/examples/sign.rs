//! Logs in with a token from a file and has one certificate signed.
//!
//! ```text
//! VAULT_ADDR=https://127.0.0.1:8200 VAULT_CACERT=ca.pem VAULT_TOKEN_FILE=token VAULT_ROLE=dwcp-role \
//!     cargo run -p dwcp-pki-vault --example sign
//! ```
//!
//! Without these it says what it needs, and ends well.

use dwcp_base::{Clock, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{Certificate, CertificateRequest};
use dwcp_pki_vault::{Event, Login, VaultClient, VaultSettings};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some([address, ca, token, role]) = settings() else {
        println!(
            "needs VAULT_ADDR, VAULT_CACERT, VAULT_TOKEN_FILE (mode 0600) and VAULT_ROLE; see docs/providers/vault.md"
        );
        return Ok(());
    };
    let roots = Roots::Only(Certificate::bundle_from_pem(&std::fs::read(ca)?)?);
    let login = Login::TokenFile { path: token.into() };
    let settings = VaultSettings::new(address.parse()?, roots, &role, login)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let client = VaultClient::new(
        settings,
        clock,
        Arc::new(|event: &Event| println!("event       {}", event.code())),
    )?;
    let health = client.health(DEADLINE).await?;
    println!("server      {} sealed={} standby={}", health.version, health.sealed, health.standby);

    // The key is made here; the server sees the request.
    let names = ["DNS:n1.novacron.local".parse()?, "URI:spiffe://novacron.local/node/n1".parse()?];
    if let Err(error) = client.preflight(&names, KeyType::EcdsaP256, DEADLINE).await {
        println!("refused     {error}");
        println!("fix         {}", error.fix());
        return Ok(());
    }
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let issued = client.sign(&CertificateRequest::generate(&key, &names)?, DEADLINE).await?;
    let leaf = issued.chain.leaf();
    println!("issued      {} until {}", leaf.serial(), leaf.not_after());
    for name in leaf.names() {
        println!("  name      {name}");
    }
    let state = client.state();
    println!("token       until {:?}, renewed at {:?}", state.token_until, state.renews_at);
    Ok(())
}

fn settings() -> Option<[String; 4]> {
    let read = |name| std::env::var(name).ok();
    Some([read("VAULT_ADDR")?, read("VAULT_CACERT")?, read("VAULT_TOKEN_FILE")?, read("VAULT_ROLE")?])
}
