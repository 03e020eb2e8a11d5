//! A caller's own check of a peer, and the codes it may refuse with.

use dwcp_pki::PeerIdentity;
use rustls::pki_types::CertificateDer;
use std::fmt;
use thiserror::Error;

/// A caller's own check, on top of every other rule: it can refuse more, never less.
///
/// It sees peers whose chain, purpose and revocation are judged and found good, and all that they showed, leaf first. It is called once or
/// twice in a handshake: when the certificate is shown (on the server side before the peer has proved that it holds the key), and when the
/// session is made. So it counts nothing, grants nothing and answers from what it has in memory: the handshake waits in the task that runs
/// it, within its deadline, and so does everything else on that thread.
///
/// # Panics
/// A check that panics refuses: the panic unwinds through `accept` or `connect` before there is an identity or a session, and the
/// transport is dropped without an alert. No lock is held meanwhile, so the side goes on with other peers as long as each handshake
/// has a task of its own, whose end the runtime catches. A program that aborts on panics dies of it.
pub trait PeerCheck: Send + Sync {
    /// What the check is called in a diagnosis, such as `inventory`.
    fn name(&self) -> &'static str;

    /// Lets the peer in or says why not.
    ///
    /// # Errors
    /// [`CheckRefusal`], with a code of the check's own.
    fn check(&self, peer: &PeerIdentity, chain: &[CertificateDer<'_>]) -> Result<(), CheckRefusal>;
}

/// The stable code of a check's refusal: two to six words joined by dots, such as `inventory.peer.retired`.
///
/// A word starts with `a` to `z` and goes on with these, digits and `_`; all of it is at most 64 bytes. The first word is not `tls` or
/// `pki`, whose codes are the stack's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleCode(&'static str);

impl RuleCode {
    /// Takes a text that is such a code.
    ///
    /// # Errors
    /// [`BadRuleCode`] for any other.
    pub fn new(text: &'static str) -> Result<Self, BadRuleCode> {
        let words = || text.split('.');
        let fits = text.len() <= LONGEST_CODE && (2..=6).contains(&words().count());
        if fits && words().all(is_word) && !matches!(words().next(), Some("tls" | "pki")) {
            Ok(Self(text))
        } else {
            Err(BadRuleCode)
        }
    }

    /// The code.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

fn is_word(word: &str) -> bool {
    let mut letters = word.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|next| matches!(next, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// A text that is no [`RuleCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a code is two to six lower-case words joined by dots, at most 64 bytes, and not one of tls or pki")]
pub struct BadRuleCode;

/// Why a check refuses a peer. It stays on this side: the peer is told `access_denied`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRefusal {
    code: RuleCode,
    why: String,
}

impl CheckRefusal {
    /// A refusal with a reason for people, of which the first 256 characters are kept; what could move a cursor becomes `?`.
    pub fn new(code: RuleCode, why: &str) -> Self {
        let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        Self { code, why: why.chars().map(visible).take(LONGEST_REASON).collect() }
    }

    /// The code.
    pub fn code(&self) -> RuleCode {
        self.code
    }

    /// The reason, at most 256 bytes.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for CheckRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for CheckRefusal {}

const LONGEST_CODE: usize = 64;
const LONGEST_REASON: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_lower_case_words_joined_by_dots() {
        for good in ["a.b", "inventory.peer.retired", "a1.b_2.c.d.e.f"] {
            assert_eq!(RuleCode::new(good).map(RuleCode::as_str), Ok(good));
        }
        let long: &'static str = Box::leak(format!("a.{}", "b".repeat(63)).into_boxed_str());
        assert!(RuleCode::new(&long[..64]).is_ok());
        for bad in [
            long,
            "",
            "a",
            ".",
            "a.",
            ".a",
            "a..b",
            "A.b",
            "a.B",
            "a-b.c",
            "a b.c",
            "a.1b",
            "a._b",
            "a.b\n",
            "a.é",
            "a.b.c.d.e.f.g",
            "tls.certificate.revoked",
            "pki.chain.name",
        ] {
            assert_eq!(RuleCode::new(bad), Err(BadRuleCode), "{bad:?}");
        }
    }

    #[test]
    fn a_reason_is_bounded_and_moves_no_cursor() {
        let code = RuleCode::new("a.b").unwrap();
        let refusal = CheckRefusal::new(code, &format!("\u{1b}[2J{}", "é".repeat(300)));
        assert_eq!(refusal.why(), format!("?[2J{}", "?".repeat(252)));
        assert_eq!((refusal.to_string().len(), refusal.code()), (256, code));
    }
}
