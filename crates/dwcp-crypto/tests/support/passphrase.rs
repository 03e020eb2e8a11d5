//! One passphrase for all tests of a file, without any judge of passphrases: it is generated.

use dwcp_crypto::kek::PassphraseKek;
use dwcp_crypto::{KdfParams, NewPassphrase, Passphrase};
use std::sync::LazyLock;

static PASSPHRASE: LazyLock<(PassphraseKek, String)> = LazyLock::new(|| {
    let (passphrase, text) = NewPassphrase::generate().expect("randomness");
    // As cheap as new data allows.
    let params = KdfParams::argon2id(19 * 1024, 2, 1).expect("the floor");
    (PassphraseKek::new(passphrase, params), String::from_utf8(text.expose().to_vec()).expect("text"))
});

/// What wraps and unwraps under the passphrase.
pub(crate) fn judged() -> &'static PassphraseKek {
    &PASSPHRASE.0
}

/// The passphrase itself.
pub(crate) fn text() -> &'static str {
    &PASSPHRASE.1
}

/// What unwraps alone, under any passphrase.
pub(crate) fn opening(text: &str) -> PassphraseKek {
    PassphraseKek::opening(Passphrase::new(text.as_bytes()).expect("not empty"))
}
