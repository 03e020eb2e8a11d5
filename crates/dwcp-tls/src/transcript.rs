//! Keeps the engine from keeping a second copy of every mutual handshake.

use std::cell::Cell;

/// Runs `make`, which turns a ClientHello into a connection of the engine.
///
/// rustls asks a verifier of clients twice whether it wants certificates. The first time is when the connection is made: if so, every
/// handshake message is kept in full until the client's Finished, since a CertificateVerify of TLS 1.2 signs the messages themselves. That of
/// TLS 1.3 signs their hash (RFC 9846 §4.4.3), so for us the copy is memory that strangers fill: up to 32 KiB for a hello of 16 KiB. The second
/// time is before CertificateRequest is written.
///
/// # Security
/// Were the order another one, no client would be asked for a certificate: each would be refused where one is required and
/// anonymous elsewhere. It could not become somebody.
pub(crate) fn unkept<T>(make: impl FnOnce() -> T) -> T {
    FIRST.sync_scope(Cell::new(true), make)
}

/// What the engine is told when it asks whether clients are to show certificates: no to the first question in
/// [`unkept`], yes to every other.
pub(crate) fn wants_certificates() -> bool {
    !FIRST.try_with(|first| first.replace(false)).unwrap_or(false)
}

tokio::task_local! {
    static FIRST: Cell<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_question_is_about_the_copy() {
        assert!(wants_certificates());
        let answers = unkept(|| [wants_certificates(), wants_certificates(), wants_certificates()]);
        assert_eq!(answers, [false, true, true]);
        assert!(wants_certificates());
    }
}
