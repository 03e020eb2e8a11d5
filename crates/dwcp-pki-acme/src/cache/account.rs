//! What is known of an account at one authority.

use super::lines::{BadLine, Reading, Writing, time, url, word};
use super::record::Record;
use base64ct::{Base64, Encoding};
use dwcp_base::UnixTime;
use dwcp_crypto::Secret;
use zeroize::Zeroizing;

/// An account's key and what the authority calls it, tied to one directory: an account of one authority is unknown to every other one.
#[derive(Debug)]
pub struct AccountRecord {
    /// The authority's directory.
    pub directory: String,
    /// Whether the authority knows it.
    pub standing: AccountStanding,
    /// When the key was made.
    pub made: UnixTime,
    /// The key identifier of the external account it is bound to (RFC 8555 §7.3.4): at most 320 printable characters.
    pub external: Option<String>,
    /// The contacts that the authority was told, as URLs such as `mailto:…`: at most eight of at most 320 printable characters.
    pub contacts: Vec<String>,
    /// The private key, PKCS#8 DER: at most 1 KiB.
    pub key: Secret,
}

/// How far the creation of an account came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountStanding {
    /// The key was made and kept. The authority may know it or not, if the process ended while it was asked: to ask again with the same key
    /// gives the same account (RFC 8555 §7.3.1).
    Unconfirmed,
    /// The authority gave it this URL.
    Registered {
        /// The account's URL, which signs its requests.
        url: String,
    },
}

impl Record for AccountRecord {
    const HEAD: &'static str = "dwcp-acme-account 1";

    fn read(reading: &mut Reading<'_>) -> Result<Self, BadLine> {
        let directory = reading.parsed("directory", url)?;
        let standing = match reading.optional("account")? {
            None => AccountStanding::Unconfirmed,
            Some(text) => AccountStanding::Registered { url: url(text).ok_or(reading.bad())? },
        };
        let made = reading.parsed("made", time)?;
        let external =
            reading.optional("external")?.map(|text| word(text).ok_or(reading.bad())).transpose()?;
        let contacts = match reading.optional("contacts")? {
            None => Vec::new(),
            Some(text) => text.split(' ').map(word).collect::<Option<Vec<_>>>().ok_or(reading.bad())?,
        };
        if contacts.len() > MOST_CONTACTS {
            return Err(reading.bad());
        }
        let key = reading.parsed("key", key)?;
        Ok(Self { directory, standing, made, external, contacts, key })
    }

    fn write(&self, writing: &mut Writing) {
        let url = match &self.standing {
            AccountStanding::Unconfirmed => None,
            AccountStanding::Registered { url } => Some(url),
        };
        // One with a space would be read as two; as an absent value it is refused.
        let whole = |contact: &String| if contact.contains(' ') { "-".to_owned() } else { contact.clone() };
        let contacts = self.contacts.iter().map(whole).collect::<Vec<_>>().join(" ");
        writing
            .line("directory", &self.directory)
            .optional("account", url)
            .line("made", self.made)
            .optional("external", self.external.as_ref())
            .optional("contacts", (!self.contacts.is_empty()).then_some(contacts));
        let mut text = Zeroizing::new(vec![0; self.key.len().div_ceil(3) * 4]);
        // The buffer has the exact length.
        let _ = Base64::encode(self.key.expose(), &mut text);
        writing.secret_line("key", &text);
    }
}

/// Decodes into wiped memory of the exact length.
fn key(text: &str) -> Option<Secret> {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let length =
        (text.len() / 4 * 3).checked_sub(padding).filter(|length| (1..=LONGEST_KEY).contains(length))?;
    Secret::build(length, |out| match Base64::decode(text, out) {
        Ok(bytes) if bytes.len() == length => Ok(()),
        _ => Err(()),
    })
    .ok()
}

const MOST_CONTACTS: usize = 8;
const LONGEST_KEY: usize = 1_024;
