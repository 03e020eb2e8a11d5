//! One X.509 certificate, read once into typed fields (RFC 5280 §4).

use crate::extensions::ExtensionFacts;
use crate::fields::RawCertificate;
use crate::{Document, KeyPin, ParseError, Serial, SubjectName, pem, signature};
use der::Decode;
use dwcp_base::UnixTime;
use dwcp_crypto::digest;
use rustls_pki_types::CertificateDer;
use std::fmt;
use std::sync::OnceLock;
use x509_cert::certificate::Version;
use x509_cert::name::Name;

/// A certificate that was read, not one that is trusted: only a trust store can say that.
///
/// Two certificates are equal when their DER is. At most 64 KiB of DER, 64 extensions and 256 names are read.
#[derive(Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    serial: Serial,
    /// Made when somebody asks, as the fingerprint is: most certificates are judged and never shown.
    subject: OnceLock<String>,
    issuer: OnceLock<String>,
    not_before: UnixTime,
    not_after: UnixTime,
    authority: bool,
    extensions: ExtensionFacts,
    key_pin: KeyPin,
    fingerprint: OnceLock<[u8; 32]>,
}

impl Certificate {
    /// Reads DER of at most 64 KiB.
    ///
    /// # Errors
    /// [`ParseError`] for DER that is broken or followed by more, serials against RFC 5280 §4.1.2.2, signature algorithms
    /// that differ inside and outside (§4.1.1.2), extensions that stand twice or in a certificate that is not version 3,
    /// and names with characters that read as another name elsewhere.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let document = Document::Certificate;
        ParseError::check_size(document, der, LARGEST)?;
        let broken = ParseError::der(document);
        let raw = RawCertificate::from_der(der).map_err(&broken)?;
        let serial = Serial::from_der_integer(raw.serial)?;
        let parsed = x509_cert::Certificate::from_der(der).map_err(&broken)?;
        let fields = parsed.tbs_certificate();
        if parsed.signature_algorithm() != fields.signature() {
            return Err(ParseError::malformed(document, "it names two different signature algorithms"));
        }
        let extensions = fields.extensions().map_or(&[][..], Vec::as_slice);
        let third_version = fields.version() == Version::V3;
        if !third_version && !extensions.is_empty() {
            return Err(ParseError::malformed(document, "it has extensions but is not version 3"));
        }
        let extensions = ExtensionFacts::read(document, extensions)?;
        // RFC 5280 §4.2.1.3, §4.2.1.9: both say so where both are there.
        let may_sign = extensions.key_usage.is_none_or(|usage| usage.key_cert_sign());
        Ok(Self {
            serial,
            subject: OnceLock::new(),
            issuer: OnceLock::new(),
            not_before: unix(fields.validity().not_before),
            not_after: unix(fields.validity().not_after),
            authority: third_version && extensions.authority && may_sign,
            extensions,
            key_pin: KeyPin::of_key_info(raw.key_info),
            fingerprint: OnceLock::new(),
            der: CertificateDer::from(der.to_vec()),
        })
    }

    /// Reads a PEM file of at most 1 MiB that holds exactly one certificate.
    ///
    /// # Errors
    /// [`ParseError::Missing`] when there is none, [`ParseError::Pem`] when it is damaged; otherwise as
    /// [`from_der`](Self::from_der).
    pub fn from_pem(text: &[u8]) -> Result<Self, ParseError> {
        let der: CertificateDer<'static> = pem::section(Document::Certificate, text, pem::LARGEST_FILE)?;
        Self::from_der(&der)
    }

    /// Reads every certificate of a PEM file of at most 1 MiB, in order and unrelated: a bundle of roots.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem); one bad certificate fails the whole, so that no root goes missing in silence.
    pub fn bundle_from_pem(text: &[u8]) -> Result<Vec<Self>, ParseError> {
        let found: Vec<CertificateDer<'static>> =
            pem::sections(Document::Certificate, text, pem::LARGEST_FILE, MOST_IN_BUNDLE)?;
        found.iter().map(|der| Self::from_der(der)).collect()
    }

    /// The DER that was signed, byte for byte.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The same DER in the type that TLS stacks take.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// One PEM section.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// The serial number, unique for one issuer.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// The subject's distinguished name as RFC 4514 text for display, escaped and at most 256 characters; empty when the
    /// names stand in the extension alone.
    pub fn subject(&self) -> &str {
        self.subject.get_or_init(|| self.text_of(|raw| raw.subject))
    }

    /// The issuer's distinguished name, as [`subject`](Self::subject).
    pub fn issuer(&self) -> &str {
        self.issuer.get_or_init(|| self.text_of(|raw| raw.issuer))
    }

    /// The first second in which it is valid.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second in which it is valid (RFC 5280 §4.1.2.5: inclusive).
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The subject alternative names, in order: DNS names in lower case, addresses, URIs and mail addresses.
    pub fn names(&self) -> &[SubjectName] {
        &self.extensions.names
    }

    /// Whether it may sign certificates: version 3, `cA` set, and keyCertSign where key usage is given.
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// Whether it names itself as its issuer and its own key signed it: a root. One that names itself and is signed by another key is the
    /// certificate of a roll-over (RFC 5280 §3.2, self-issued), and leads to a root. Whether a root is to be trusted is for others to say.
    pub fn is_self_signed(&self) -> bool {
        self.raw()
            .is_ok_and(|raw| raw.issuer == raw.subject && signature::verify(&self.der, raw.key_info).is_ok())
    }

    /// How many authorities may stand below it (RFC 5280 §4.2.1.9); `None` when there is no limit or it is no authority.
    pub fn path_length(&self) -> Option<u8> {
        self.extensions.path_length
    }

    /// The pin of its public key.
    pub fn key_pin(&self) -> KeyPin {
        self.key_pin
    }

    /// SHA-256 of its DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        *self.fingerprint.get_or_init(|| digest::sha256(&self.der))
    }

    /// A distinguished name for display. It was decoded once, so it decodes again.
    fn text_of(&self, name: impl for<'a> Fn(&RawCertificate<'a>) -> &'a [u8]) -> String {
        let name = self.raw().ok().and_then(|raw| Name::from_der(name(&raw)).ok());
        name.map(|name| printable(&name.to_string())).unwrap_or_default()
    }

    pub(crate) fn extensions(&self) -> &ExtensionFacts {
        &self.extensions
    }

    pub(crate) fn raw(&self) -> Result<RawCertificate<'_>, ParseError> {
        RawCertificate::from_der(&self.der).map_err(ParseError::der(Document::Certificate))
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("serial", &self.serial)
            .field("subject", &self.subject())
            .field("issuer", &self.issuer())
            .field("names", &self.extensions.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

pub(crate) fn unix(time: x509_cert::time::Time) -> UnixTime {
    UnixTime::from_secs(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

/// A name of a stranger, made safe for a terminal and a log line.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == LONGEST_DISPLAY {
            out.push('…');
            break;
        }
        if character.is_control() || is_reordering(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Characters that make text around them read in another order.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) const LARGEST: usize = 64 << 10;
/// A file with one of them, comments included.
pub(crate) const LARGEST_PEM: u64 = 1 << 20;
const LONGEST_DISPLAY: usize = 256;
/// A megabyte of PEM holds fewer of any real size.
const MOST_IN_BUNDLE: usize = 4096;
