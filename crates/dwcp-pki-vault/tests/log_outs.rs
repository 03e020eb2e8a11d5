//! Tokens that are needed no longer, at a real OpenBao: given back, where a login made them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rig;

use rig::{DEADLINE, NODE, Rig, app_role_login, kept, request, revoke_all, secret_id, until};
use serde_json::json;
use std::time::Duration;

/// Accessors of the tokens that the server knows.
fn accessors(rig: &Rig) -> Vec<String> {
    serde_json::from_value(rig.bao.list("auth/token/accessors")["data"]["keys"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_leaves_no_token_of_a_login_and_every_token_of_a_file() {
    let Some(mut rig) = Rig::start() else { return };
    let (login, token) = rig.token_login("1h", &json!({}));
    let of_file = rig.client_of(rig.settings(login));
    assert!(of_file.signs().await);
    let login = app_role_login(&rig, &json!({ "token_ttl": "1h" }));
    let others = accessors(&rig);
    of_file.client.log_out(DEADLINE).await.unwrap();
    assert!(!of_file.client.state().has_token);
    assert!(rig.bao.ask(&token, "GET", "auth/token/lookup-self", None).json()["data"].is_object());
    let ours = rig.client_of(rig.settings(login.clone()));
    // Who never logged in has nothing to give back.
    ours.client.log_out(DEADLINE).await.unwrap();
    assert!(ours.signs().await);
    assert_eq!(accessors(&rig).len(), others.len() + 1);
    ours.client.log_out(DEADLINE).await.unwrap();
    assert_eq!(accessors(&rig).len(), others.len(), "the token is still known");
    assert_eq!(ours.codes(), ["vault.login.done", "vault.token.revoked"]);
    assert!(!ours.client.state().has_token);
    // It is no end: whoever asks again logs in again. One that somebody else revoked is gone, and that is all.
    assert!(ours.signs().await);
    revoke_all(&rig, "approle");
    ours.client.log_out(DEADLINE).await.unwrap();
    assert_eq!(ours.count("vault.token.left"), 0, "{:?}", ours.codes());
    // A certificate that hangs on the token is not revoked by its holder's end.
    rig.bao.complete_role_with(&["generate_lease=true"]);
    let hung = rig.client_of(rig.settings(login.clone()));
    let issued = hung.client.sign(&request(NODE), DEADLINE).await.unwrap();
    hung.client.log_out(DEADLINE).await.unwrap();
    let serial = issued.chain.leaf().serial().to_string();
    let octets: Vec<&str> = (0..serial.len()).step_by(2).map(|at| &serial[at..at + 2]).collect();
    let found = rig.bao.read(&format!("pki/cert/{}", octets.join(":")));
    assert_eq!(found["data"]["revocation_time"], 0, "{found}");
    rig.bao.complete_role_with(&["generate_lease=false"]);
    // Nobody waits for a server that is gone.
    let late = rig.client_of(rig.settings(login));
    assert!(late.signs().await);
    rig.bao.kill();
    let began = rig.clock.tick();
    assert!(late.client.log_out(Duration::from_secs(1)).await.is_err());
    assert!(rig.clock.tick().since(began) < Duration::from_secs(3));
    assert_eq!((late.count("vault.token.left"), late.client.state().has_token), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_another_one_replaces_is_given_back() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client_of(rig.settings(app_role_login(&rig, &json!({ "token_ttl": "1h" }))));
    let others = accessors(&rig);
    let _keeper = kept(&ours);
    until("the first login", || ours.count("vault.login.done") == 1).await;
    let first = accessors(&rig).into_iter().find(|one| !others.contains(one)).expect("a token");
    rig.secret("secret-id", &secret_id(&rig));
    until("the first token is gone", || !accessors(&rig).contains(&first)).await;
    until("it is told", || ours.count("vault.token.revoked") == 1).await;
    assert_eq!((accessors(&rig).len(), ours.count("vault.login.done")), (others.len() + 1, 2));
    assert!(ours.signs().await);
    assert_eq!(ours.count("vault.login.done"), 2, "the one that is there is good");
}
