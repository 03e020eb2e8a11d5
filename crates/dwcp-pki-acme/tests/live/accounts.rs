//! Accounts at a Pebble: found again, bound, given new keys, lost and made anew.

use crate::support::{Blind, DEADLINE, Made, issuer, judge, told};
use dwcp_base::{Coded, UnixTime};
use dwcp_pki_acme::{AcmeError, AcmeSettings, ExternalAccount, ProblemKind};
use dwcp_testkit::{Pebble, PebbleOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn pebble(options: PebbleOptions) -> Option<Pebble> {
    Pebble::start(&PebbleOptions { always_valid: true, ..options })
}

fn account(made: &Made) -> Option<String> {
    made.provider.state().issuers[0].account.clone()
}

fn made_accounts(made: &Made) -> usize {
    made.told().iter().filter(|code| **code == "acme.account.made").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_once_for_each_directory_and_found_again_by_the_next_process() {
    let (Some(one), Some(other)) = (pebble(PebbleOptions::default()), pebble(PebbleOptions::default()))
    else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let settings = AcmeSettings::new(issuer(&one)).with_contact("ops@a.example").unwrap();
    let first = Made::new(settings.clone(), place.path(), Blind::new());
    first.issue(&["DNS:a.example"]).await.unwrap();
    let second = Made::new(settings, place.path(), Blind::new());
    second.issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!((made_accounts(&first), made_accounts(&second)), (1, 0));
    assert_eq!(account(&first), account(&second));
    // Another directory is another authority, whatever was agreed with the first.
    let elsewhere = Made::new(AcmeSettings::new(issuer(&other)), place.path(), Blind::new());
    let chain = elsewhere.issue(&["DNS:a.example"]).await.unwrap();
    judge(&other, &chain, &["DNS:a.example"]);
    assert_eq!(made_accounts(&elsewhere), 1);
    // And the first one's is still there afterwards.
    let back = Made::new(AcmeSettings::new(issuer(&one)), place.path(), Blind::new());
    back.issue(&["DNS:b.example"]).await.unwrap();
    assert_eq!((made_accounts(&back), account(&back)), (0, account(&first)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_the_authority_lost_is_made_anew_once() {
    let Some(mut pebble) = pebble(PebbleOptions::default()) else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    made.issue(&["DNS:a.example"]).await.unwrap();
    // It forgets everything; what it is told to replace is of an account of before.
    pebble.restart();
    let chain = made.issue(&["DNS:a.example"]).await.unwrap();
    judge(&pebble, &chain, &["DNS:a.example"]);
    let told = made.told();
    assert_eq!(told.iter().filter(|code| **code == "acme.account.lost").count(), 1, "{told:?}");
    assert_eq!(made_accounts(&made), 2);
    assert!(
        !told.contains(&"acme.replaces.refused"),
        "a certificate of another account is not named: {told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_gets_a_new_key_and_goes_on_under_it() {
    let Some(pebble) = pebble(PebbleOptions::default()) else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let name = made.provider.settings().issuers()[0].name().to_owned();
    let error = made.provider.roll_over(&name, DEADLINE).await.unwrap_err();
    assert!(matches!(error, AcmeError::Unsupported { .. }), "there is no account yet: {error}");
    made.issue(&["DNS:a.example"]).await.unwrap();
    let before = account_file(place.path());
    made.provider.roll_over(&name, DEADLINE).await.unwrap();
    assert_ne!(account_file(place.path()), before);
    let next = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    next.issue(&["DNS:b.example"]).await.unwrap();
    assert_eq!((made_accounts(&next), account(&next)), (0, account(&made)));
    assert!(made.provider.roll_over("nobody", DEADLINE).await.is_err());
}

fn account_file(place: &Path) -> Vec<u8> {
    let named = |entry: &PathBuf| {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("account-") && !name.ends_with(".previous")
    };
    let entries = std::fs::read_dir(place.join("acme")).unwrap().map(|entry| entry.unwrap().path());
    std::fs::read(entries.into_iter().find(named).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_account_needs_the_right_key_of_the_right_name() {
    let key = &"zWND".repeat(16);
    let eab = vec![("kid-1".to_owned(), key.to_owned())];
    let Some(pebble) = pebble(PebbleOptions { eab, ..PebbleOptions::default() }) else { return };
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let (right, wrong) = (file("right", &format!("{key}==\n")), file("wrong", &key.replace('z', "y")));
    let with = |kid: &str, file: &Path| {
        let external = ExternalAccount::new(kid, file).unwrap();
        AcmeSettings::new(issuer(&pebble).with_external_account(external))
    };
    let fresh = |settings: AcmeSettings| {
        Made::new(settings, &tempfile::tempdir_in(place.path()).unwrap().keep(), Blind::new())
    };
    let missing = fresh(AcmeSettings::new(issuer(&pebble))).issue(&["DNS:a.example"]).await.unwrap_err();
    assert!(matches!(missing, AcmeError::ExternalAccountMissing), "{missing}");
    assert!(missing.fix().contains("eab"));
    for (kid, file) in [("kid-2", &right), ("kid-1", &wrong)] {
        let error = fresh(with(kid, file)).issue(&["DNS:a.example"]).await.unwrap_err();
        let AcmeError::Refused(problem) = &error else { panic!("{kid}: {error:?}") };
        assert!(
            matches!(problem.kind, ProblemKind::Unauthorized | ProblemKind::Malformed),
            "{kid}: {problem}"
        );
        assert!(!told(&error).contains(key));
        assert_eq!(error.into_provider_error(UnixTime::from_secs(0)).code(), "pki.provider.refused");
    }
    let absent =
        fresh(with("kid-1", Path::new("/nowhere/hmac"))).issue(&["DNS:a.example"]).await.unwrap_err();
    assert!(absent.fix().contains("/nowhere/hmac"), "{}", absent.fix());
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = fresh(with("kid-1", &wrong)).issue(&["DNS:a.example"]).await.unwrap_err();
    assert!(matches!(open, AcmeError::ExternalAccountFile(_)), "{open:?}");
    let short = fresh(with("kid-1", &file("short", "AAAA"))).issue(&["DNS:a.example"]).await.unwrap_err();
    assert!(matches!(short, AcmeError::ExternalAccountKey), "{short:?}");
    let bound = fresh(with("kid-1", &right));
    let chain = bound.issue(&["DNS:a.example"]).await.unwrap();
    judge(&pebble, &chain, &["DNS:a.example"]);
    bound.issue(&["DNS:b.example"]).await.unwrap();
    assert_eq!(made_accounts(&bound), 1, "the key is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_changed_is_told() {
    let Some(pebble) = pebble(PebbleOptions::default()) else { return };
    let place = tempfile::tempdir().unwrap();
    let with = |mail: &str| AcmeSettings::new(issuer(&pebble)).with_contact(mail).unwrap();
    Made::new(with("ops@a.example"), place.path(), Blind::new()).issue(&["DNS:a.example"]).await.unwrap();
    let updates = || pebble.log().matches("POST /my-account/").count();
    let before = updates();
    Made::new(with("ops@a.example"), place.path(), Blind::new()).issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!(updates(), before, "what it knows it is not told again");
    let next = Made::new(with("other@a.example"), place.path(), Blind::new());
    next.issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!((updates(), made_accounts(&next)), (before + 1, 0));
}
