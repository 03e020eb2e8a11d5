//! What is weak about an offer, said in words for people and in codes for logs and metrics.

use super::code_points::{SuiteCode, VersionCode};
use super::hello::ClientHello;
use super::suites;
use std::fmt;

/// One thing that no client of today should offer, or should offer and does not (RFC 9325). It is a remark and no refusal: what is
/// offered beside something better is never chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeakOffer {
    /// TLS 1.3 is not on offer.
    OldProtocol,
    /// Suites with keys of 40 or 56 bits.
    ExportSuites,
    /// Suites that encrypt nothing.
    NullSuites,
    /// Suites that authenticate nobody.
    AnonymousSuites,
    /// Suites with RC4.
    Rc4Suites,
    /// Suites with blocks of 64 bits: DES, 3DES, RC2, IDEA.
    SmallBlockSuites,
    /// No suite is an AEAD.
    NoAeadSuites,
    /// No group of ours is on offer: [`Group::ALL`](crate::Group::ALL).
    NoGroup,
    /// Signatures over SHA-1 or MD5 alone; for a client of TLS 1.2 and before also to say nothing (RFC 5246 §7.4.1.4.1).
    OldSignatures,
    /// A compression method: what is compressed before it is encrypted tells of itself by its length.
    Compression,
}

/// What is weak about one offer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weaknesses {
    found: u16,
    highest: Option<VersionCode>,
}

impl WeakOffer {
    /// Every one, in the order in which they are told.
    pub const ALL: [Self; 10] = [
        Self::OldProtocol,
        Self::ExportSuites,
        Self::NullSuites,
        Self::AnonymousSuites,
        Self::Rc4Suites,
        Self::SmallBlockSuites,
        Self::NoAeadSuites,
        Self::NoGroup,
        Self::OldSignatures,
        Self::Compression,
    ];

    /// A stable name for logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::OldProtocol => "tls.offer.old_protocol",
            Self::ExportSuites => "tls.offer.export_suites",
            Self::NullSuites => "tls.offer.null_suites",
            Self::AnonymousSuites => "tls.offer.anonymous_suites",
            Self::Rc4Suites => "tls.offer.rc4_suites",
            Self::SmallBlockSuites => "tls.offer.small_block_suites",
            Self::NoAeadSuites => "tls.offer.no_aead_suites",
            Self::NoGroup => "tls.offer.no_group",
            Self::OldSignatures => "tls.offer.old_signatures",
            Self::Compression => "tls.offer.compression",
        }
    }

    /// A short label for metrics: the last part of [`code`](Self::code).
    pub fn label(self) -> &'static str {
        self.code().rsplit('.').next().unwrap_or_default()
    }
}

impl fmt::Display for WeakOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OldProtocol => "no TLS 1.3",
            Self::ExportSuites => "suites with export keys",
            Self::NullSuites => "suites without encryption",
            Self::AnonymousSuites => "suites without authentication",
            Self::Rc4Suites => "suites with RC4",
            Self::SmallBlockSuites => "suites with blocks of 64 bits (DES, 3DES)",
            Self::NoAeadSuites => "no suite that authenticates what it encrypts",
            Self::NoGroup => "no acceptable group",
            Self::OldSignatures => "no signatures but SHA-1 or MD5",
            Self::Compression => "compression",
        })
    }
}

impl Weaknesses {
    pub(super) fn of(hello: &ClientHello<'_>) -> Self {
        let mut these = Self { found: 0, highest: hello.highest_version() };
        let mut has_aead = false;
        for suite in hello.cipher_suites().map(SuiteCode::code_point) {
            has_aead |= suites::aead(suite);
            // What TLS 1.3 came with is none of what follows, and neither is a signal.
            if suite >> 8 == 0x13 || suites::is_signal(suite) {
                continue;
            }
            these.note(WeakOffer::ExportSuites, suites::exportable(suite));
            these.note(WeakOffer::NullSuites, suites::unencrypted(suite));
            these.note(WeakOffer::AnonymousSuites, suites::anonymous(suite));
            these.note(WeakOffer::Rc4Suites, suites::rc4(suite));
            these.note(WeakOffer::SmallBlockSuites, suites::small_blocks(suite));
        }
        let tls13 = hello.offers_tls13();
        these.note(WeakOffer::OldProtocol, !tls13);
        these.note(WeakOffer::NoAeadSuites, !has_aead);
        these.note(WeakOffer::NoGroup, !hello.supported_groups().any(|group| group.known().is_some()));
        let old_signatures = match hello.signature_algorithms() {
            Some(mut schemes) => {
                schemes.all(|scheme| scheme.is_grease() || matches!(scheme.code_point() >> 8, 1 | 2))
            }
            None => !tls13,
        };
        these.note(WeakOffer::OldSignatures, old_signatures);
        these.note(WeakOffer::Compression, hello.compression_methods().iter().any(|method| *method != 0));
        these
    }

    /// Whether nothing is weak.
    pub fn is_empty(self) -> bool {
        self.found == 0
    }

    /// Whether this one is among them.
    pub fn contains(self, weak: WeakOffer) -> bool {
        self.found & bit(weak) != 0
    }

    /// The newest version that the offer names; `None` where it names none that is known.
    pub fn highest_version(self) -> Option<VersionCode> {
        self.highest
    }

    /// Those that were found, in the order of [`WeakOffer::ALL`].
    pub fn iter(self) -> impl Iterator<Item = WeakOffer> {
        WeakOffer::ALL.into_iter().filter(move |weak| self.contains(*weak))
    }

    fn note(&mut self, weak: WeakOffer, found: bool) {
        if found {
            self.found |= bit(weak);
        }
    }
}

fn bit(weak: WeakOffer) -> u16 {
    1 << weak as u16
}

/// In words, for instance `no TLS 1.3 (TLS 1.2 at best), suites with RC4`; `nothing weak` where there is nothing.
impl fmt::Display for Weaknesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing weak");
        }
        for (at, weak) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{weak}")?;
            if let (WeakOffer::OldProtocol, Some(highest)) = (weak, self.highest) {
                write!(f, " ({highest} at best)")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Weaknesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
