//! A role as the server tells it, and whether it allows what is to be asked for: said before the first request, with what to write.

use crate::{VaultError, answer, text};
use dwcp_crypto::KeyType;
use dwcp_pki::{SubjectName, Usage};
use serde::Deserialize;
use std::fmt;

/// The settings of a role that decide on a request (Vault and OpenBao: `pki/roles/NAME`).
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct VaultRole {
    key_type: String,
    key_bits: u64,
    allow_any_name: bool,
    allow_localhost: bool,
    allowed_domains: Texts,
    allowed_domains_template: bool,
    allow_bare_domains: bool,
    allow_subdomains: bool,
    allow_glob_domains: bool,
    allow_wildcard_certificates: Option<bool>,
    allow_ip_sans: bool,
    allowed_uri_sans: Texts,
    allowed_uri_sans_template: bool,
    require_cn: bool,
    server_flag: bool,
    client_flag: bool,
    ext_key_usage: Texts,
}

/// A list that older servers write as one text with commas.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    List(Vec<String>),
    Joined(String),
    Nothing(()),
}

/// One setting of a role that is missing, with the value to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortcoming {
    /// The setting.
    pub setting: &'static str,
    /// What to write.
    pub value: String,
    /// Which name or key asks for it.
    pub wanted_by: String,
}

impl Default for VaultRole {
    /// What a role is that says nothing: Vault's own defaults.
    fn default() -> Self {
        Self {
            key_type: "rsa".to_owned(),
            key_bits: 0,
            allow_any_name: false,
            allow_localhost: true,
            allowed_domains: Texts::Nothing(()),
            allowed_domains_template: false,
            allow_bare_domains: false,
            allow_subdomains: false,
            allow_glob_domains: false,
            allow_wildcard_certificates: None,
            allow_ip_sans: true,
            allowed_uri_sans: Texts::Nothing(()),
            allowed_uri_sans_template: false,
            require_cn: true,
            server_flag: true,
            client_flag: true,
            ext_key_usage: Texts::Nothing(()),
        }
    }
}

impl VaultRole {
    /// Reads the answer of `roles/NAME`.
    ///
    /// # Errors
    /// [`VaultError::Malformed`] for anything else.
    pub fn from_answer(body: &[u8]) -> Result<Self, VaultError> {
        answer::data(body)
    }

    /// What the role lacks for a request with these names and a key of this kind; empty when it lacks nothing that can be told from
    /// outside. Names that a template allows are left to the server.
    pub fn shortcomings(&self, names: &[SubjectName], key_type: KeyType) -> Vec<Shortcoming> {
        let mut found = Vec::new();
        self.judge_key(key_type, &mut found);
        for name in names {
            match name {
                SubjectName::Dns(dns) => self.judge_dns(dns, &mut found),
                SubjectName::Ip(_) if !self.allow_ip_sans => {
                    note(&mut found, "allow_ip_sans", "true".to_owned(), name.to_string());
                }
                SubjectName::Ip(_) => {}
                SubjectName::Uri(uri) => self.judge_uri(uri, &mut found),
                // It is judged by what stands behind the `@`.
                SubjectName::Email(email) => {
                    let domain = email.rsplit_once('@').map_or(email.as_str(), |(_, domain)| domain);
                    self.judge_domain(domain, domain, &format!("EMAIL:{email}"), &mut found);
                }
            }
        }
        if self.require_cn && common_name(names).is_none() {
            note(&mut found, "require_cn", "false".to_owned(), "a request without a DNS name".to_owned());
        }
        found
    }

    fn judge_key(&self, key_type: KeyType, found: &mut Vec<Shortcoming>) {
        let (kind, bits) = match key_type {
            KeyType::EcdsaP256 => ("ec", 256),
            KeyType::EcdsaP384 => ("ec", 384),
            KeyType::Ed25519 => ("ed25519", 0),
            _ => ("rsa", 2048),
        };
        let wanted_by =
            || format!("a {key_type} key; the role takes {} keys", text::printable(&self.key_type));
        if self.key_type != "any" && self.key_type != kind {
            note(found, "key_type", kind.to_owned(), wanted_by());
        } else if self.key_type == "ec" && bits < self.key_bits {
            note(found, "key_bits", bits.to_string(), wanted_by());
        }
    }

    /// What the role lacks for certificates that are good for this; empty when it lacks nothing.
    pub fn shortcomings_of_usage(&self, usage: Usage) -> Vec<Shortcoming> {
        let named = self.ext_key_usage.all();
        let has = |flag: bool, name: &str| flag || named.iter().any(|one| one.eq_ignore_ascii_case(name));
        let mut found = Vec::new();
        if usage != Usage::Client && !has(self.server_flag, "ServerAuth") {
            note(&mut found, "server_flag", "true".to_owned(), "a certificate for a server".to_owned());
        }
        if usage != Usage::Server && !has(self.client_flag, "ClientAuth") {
            note(&mut found, "client_flag", "true".to_owned(), "a certificate for a client".to_owned());
        }
        found
    }

    fn judge_dns(&self, dns: &str, found: &mut Vec<Shortcoming>) {
        let (wildcard, base) = match dns.strip_prefix("*.") {
            Some(base) => (true, base),
            None => (false, dns),
        };
        if wildcard && self.allow_wildcard_certificates == Some(false) {
            note(found, "allow_wildcard_certificates", "true".to_owned(), format!("DNS:{dns}"));
        }
        let is_local = matches!(base, "localhost" | "localdomain");
        if !(self.allow_localhost && is_local) {
            self.judge_domain(dns, base, &format!("DNS:{dns}"), found);
        }
    }

    /// `whole` is what is compared, `base` the same without a wildcard.
    fn judge_domain(&self, whole: &str, base: &str, wanted_by: &str, found: &mut Vec<Shortcoming>) {
        if self.allow_any_name || self.allowed_domains_template {
            return;
        }
        let wanted_by = || wanted_by.to_owned();
        let domains = self.allowed_domains.all();
        let below = |domain: &str| whole.len() > domain.len() && whole.ends_with(&format!(".{domain}"));
        let allowed = domains.iter().map(|domain| domain.to_ascii_lowercase()).any(|domain| {
            (self.allow_bare_domains && whole == domain)
                || (self.allow_subdomains && below(&domain))
                || (self.allow_glob_domains && glob(&domain, whole))
        });
        if allowed {
            return;
        }
        // The nearest thing to write: a switch, where the domain is there already.
        if domains.iter().any(|domain| whole.eq_ignore_ascii_case(domain)) {
            note(found, "allow_bare_domains", "true".to_owned(), wanted_by());
        } else if domains.iter().any(|domain| below(&domain.to_ascii_lowercase())) {
            note(found, "allow_subdomains", "true".to_owned(), wanted_by());
        } else {
            // The name itself and never its parent: the role would be open to whatever else is below that, a top-level domain even.
            let mut all = domains;
            all.push(base.to_owned());
            note(found, "allowed_domains", all.join(","), wanted_by());
            match whole == base {
                true if !self.allow_bare_domains => {
                    note(found, "allow_bare_domains", "true".to_owned(), wanted_by());
                }
                false if !self.allow_subdomains => {
                    note(found, "allow_subdomains", "true".to_owned(), wanted_by());
                }
                _ => {}
            }
        }
    }

    fn judge_uri(&self, uri: &str, found: &mut Vec<Shortcoming>) {
        let allowed = self.allowed_uri_sans.all();
        if self.allowed_uri_sans_template || allowed.iter().any(|pattern| glob(pattern, uri)) {
            return;
        }
        // A trust domain as a whole; of another kind of URI the URI itself.
        let pattern = match uri.strip_prefix("spiffe://").and_then(|rest| rest.split('/').next()) {
            Some(domain) => format!("spiffe://{domain}/*"),
            None => uri.to_owned(),
        };
        let mut all = allowed;
        all.push(pattern);
        note(found, "allowed_uri_sans", all.join(","), format!("URI:{uri}"));
    }
}

impl Texts {
    fn all(&self) -> Vec<String> {
        match self {
            Self::List(all) => all.clone(),
            Self::Joined(text) => {
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            }
            Self::Nothing(()) => Vec::new(),
        }
    }
}

impl Shortcoming {
    pub(crate) fn list(all: &[Self]) -> String {
        all.iter().map(|one| format!("{one} is missing ({})", one.wanted_by)).collect::<Vec<_>>().join(", ")
    }
}

/// `setting=value`, as `bao write` takes it from a shell: a star stands in quotes, since some shells look for files then.
impl fmt::Display for Shortcoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the role said before is in the value: it is made safe here, and quoted where a shell would take it apart.
        let value = text::printable(&self.value);
        match value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.,:/".contains(&b)) {
            true => write!(f, "{}={value}", self.setting),
            false => write!(f, "{}='{}'", self.setting, value.replace('\'', "")),
        }
    }
}

/// The DNS name that also stands as the common name: the first that fits there (64 characters, RFC 5280 appendix A.1).
pub(crate) fn common_name(names: &[SubjectName]) -> Option<&str> {
    names.iter().find_map(|name| match name {
        SubjectName::Dns(dns) if dns.len() <= 64 => Some(dns.as_str()),
        _ => None,
    })
}

/// One entry for each setting: the first name that asks for it is named, and lists grow.
fn note(found: &mut Vec<Shortcoming>, setting: &'static str, value: String, wanted_by: String) {
    match found.iter_mut().find(|one| one.setting == setting) {
        Some(one) => {
            for part in value.split(',') {
                if !one.value.split(',').any(|known| known == part) {
                    one.value = format!("{},{part}", one.value);
                }
            }
        }
        None => found.push(Shortcoming { setting, value, wanted_by }),
    }
}

/// `*` stands for any run of characters, slashes and dots included, as the servers read it.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
#[path = "role_tests.rs"]
mod tests;
