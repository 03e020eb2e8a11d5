//! The commands of the operators' page, typed as they stand there, and what they are for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rig;

use dwcp_base::{Clock, SystemClock};
use dwcp_crypto::KeyType;
use dwcp_https::Roots;
use dwcp_pki_vault::{Login, RoleId, VaultSettings};
use dwcp_testkit::{OpenBao, peer};
use rig::{DEADLINE, NODE, Rig, names, request};
use std::process::Command;
use std::sync::Arc;

const PAGE: &str = include_str!("../../../docs/providers/vault.md");

/// What stands between the fences of a shell.
fn commands() -> String {
    let blocks = PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    format!("set -eu\n{}", blocks.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_typed_as_it_stands() {
    let (Some(bao), Some(shell)) = (OpenBao::start(), peer("sh")) else { return };
    let directory = bao.directory().join("page");
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(bao.ca_file(), directory.join("login-ca.pem")).unwrap();
    std::fs::write(directory.join("jwt-issuer.pem"), PUBLIC).unwrap();
    let program = peer("bao").unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut typed = Command::new(shell);
    typed.arg("-c").arg(commands()).current_dir(&directory).env("PATH", path).env("HOME", &directory);
    typed.env("BAO_ADDR", bao.address()).env("BAO_CACERT", bao.ca_file()).env("BAO_TOKEN", bao.root_token());
    let output = typed.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for method in ["approle", "cert", "jwt"] {
        bao.read(&format!("sys/auth/{method}/tune"));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rig = Rig { bao, clock };
    let settings = |login| {
        let address = rig.bao.address().parse().unwrap();
        VaultSettings::new(address, Roots::Only(rig.bao.roots()), "dwcp-role", login).unwrap()
    };
    let app_role = Login::AppRole {
        mount: "approle".to_owned(),
        role_id: RoleId::File(directory.join("role-id")),
        secret_id_file: directory.join("secret-id"),
    };
    for login in [app_role, Login::TokenFile { path: directory.join("token") }] {
        let ours = rig.client_of(settings(login));
        ours.client.preflight(&names(NODE), KeyType::EcdsaP256, DEADLINE).await.unwrap();
        ours.client.sign(&request(NODE), DEADLINE).await.unwrap();
        assert_eq!(ours.client.issuers(DEADLINE).await.unwrap().len(), 1);
        // What the policy leaves out.
        assert!(ours.client.issue_with_key_made_by_server(&names(NODE), DEADLINE).await.is_err());
    }
}

#[test]
fn the_difference_on_the_page_is_the_two_lines() {
    let diff = PAGE.split("```diff\n").nth(1).unwrap().split("```").next().unwrap();
    let added: Vec<&str> = diff.lines().filter_map(|line| line.strip_prefix('+')).map(str::trim).collect();
    assert_eq!(added, ["key_type=ec \\", "allowed_uri_sans=\"spiffe://novacron.local/*\" \\"]);
    let whole: String = diff.lines().map(|line| format!("{}\n", &line[1..])).collect();
    assert!(commands().contains(whole.trim_end()), "the role as a whole is another one");
}

/// A public key of Ed25519 that signs nothing here (RFC 8410 §10.1).
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
