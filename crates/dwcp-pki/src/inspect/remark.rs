//! What anybody who looks at a document should notice, as facts and not as a verdict.

use super::extension::{Extension, ExtensionValue};
use super::{
    Algorithm, GeneralName, InspectedCertificate, InspectedCrl, InspectedRequest, KeyDetail, Moment,
    OwnSignature, PublicKey,
};
use dwcp_base::UnixTime;

/// One thing to notice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// Stable and short: `expired`, `rsa-weak`.
    pub code: &'static str,
    /// One sentence; whatever comes from the document is escaped.
    pub text: String,
}

impl InspectedCertificate {
    /// What to notice at `now`.
    pub fn remarks(&self, now: UnixTime) -> Vec<Remark> {
        let mut found = Remarks::default();
        self.lifetime(&mut found, now);
        found.key(&self.key);
        let authority = self.authority().is_some_and(|(authority, _)| authority);
        let rooted = authority && self.is_self_issued() && self.own_signature() != OwnSignature::Bad;
        // RFC 5280 §6.1: nobody checks the signature of a trust anchor.
        found.signature(&self.signature_algorithm, self.inner_algorithm.as_ref(), rooted);
        self.oddities(&mut found);
        self.uses(&mut found);
        if self.is_self_issued() {
            match self.own_signature() {
                // That is how every root is made.
                OwnSignature::Good if authority => {}
                OwnSignature::Good => found.add("self-signed", "it is signed with its own key"),
                OwnSignature::Bad => {
                    found.add("self-issued", "it names itself as issuer and is not signed with its own key");
                }
                OwnSignature::Unchecked => {}
            }
        }
        found.extensions(&self.extensions);
        found.0
    }

    fn lifetime(&self, found: &mut Remarks, now: UnixTime) {
        found.moment("notBefore", &self.not_before);
        found.moment("notAfter", &self.not_after);
        if let Some(end) = self.not_after.at.filter(|end| *end < now) {
            found.add("expired", format!("it expired at {end}"));
        }
        if let Some(start) = self.not_before.at.filter(|start| *start > now) {
            found.add("not-yet-valid", format!("it is not valid before {start}"));
        }
        if self.not_before.at.zip(self.not_after.at).is_some_and(|(start, end)| end < start) {
            found.add("never-valid", "it ends before it begins");
        }
    }

    fn oddities(&self, found: &mut Remarks) {
        let serial = &self.serial;
        // RFC 5280 §4.1.2.2.
        if serial.is_negative() {
            found.add("serial-odd", "its serial number is negative");
        } else if serial.is_zero() {
            found.add("serial-odd", "its serial number is zero");
        } else if serial.significant().len() > 20 {
            found.add("serial-odd", "its serial number has more than 20 octets");
        }
        if !serial.is_canonical() {
            found.add("serial-odd", "its serial number is not written in its shortest form");
        }
        if !(1..=3).contains(&self.version) {
            found.add("version-odd", format!("there is no version {}", self.version));
        } else if self.version < 3 && !self.extensions.is_empty() {
            found.add("version-odd", "it has extensions and is not version 3");
        }
        if self.issuer.is_empty() {
            found.add("issuer-empty", "its issuer has no name");
        }
    }

    fn uses(&self, found: &mut Remarks) {
        let authority = self.authority().is_some_and(|(authority, _)| authority);
        if let Some((_, Some(length))) = self.authority() {
            if length.is_negative() {
                found.add("path-length-odd", "its path length is negative");
            } else if !authority {
                found.add("path-length-odd", "it has a path length and is no authority");
            }
        }
        for name in self.names() {
            if matches!(name, GeneralName::BadIp(_) | GeneralName::Network { .. }) {
                found.add("name-odd", format!("its name {name} is no address"));
            }
        }
        let usage = self.key_usage();
        let signs = usage.is_some_and(|usage| usage.has("keyCertSign"));
        if authority && usage.is_some() && !signs {
            found.add("ca-cannot-sign", "it is an authority and its key usage has no keyCertSign");
        }
        if signs && !authority {
            found.add("signs-without-ca", "its key usage has keyCertSign and it is no authority");
        }
        if authority
            && self.purposes().is_some_and(|all| all.iter().any(|one| one.name() == Some("serverAuth")))
            && !self.names().is_empty()
        {
            found.add("ca-as-server", "it is an authority and names a server");
        }
        if self.names().is_empty() && !authority {
            let alone = if self.subject.is_empty() { "; it names nobody" } else { "" };
            found.add(
                "no-san",
                format!("it has no subject alternative name: nobody takes it for a server{alone}"),
            );
        }
        if self.extensions.iter().any(|one| matches!(one.value, Ok(ExtensionValue::CtPoison))) {
            found.add("precertificate", "it is a precertificate, which no one may accept (RFC 6962 §3.1)");
        }
        // RFC 5280 §4.2.1.12: any purpose at all.
        if self.purposes().is_some_and(|all| all.iter().any(|one| one.name() == Some("anyExtendedKeyUsage")))
        {
            found.add("any-purpose", "it may be used for any purpose");
        }
    }
}

impl InspectedRequest {
    /// What to notice.
    pub fn remarks(&self) -> Vec<Remark> {
        let mut found = Remarks::default();
        match self.possession {
            OwnSignature::Good => {}
            OwnSignature::Bad => found.add("no-possession", "it is not signed with its own key"),
            OwnSignature::Unchecked => {
                found.add("possession-unchecked", "its signature is of a kind that is not checked here")
            }
        }
        found.key(&self.key);
        found.signature(&self.signature_algorithm, None, false);
        if self.version != 1 {
            found.add("version-odd", format!("there is no version {}", self.version));
        }
        if self.names().is_empty() {
            found.add("no-san", "it asks for no subject alternative name");
        }
        for attribute in &self.attributes {
            if let Err(fault) = &attribute.values {
                let name = attribute.oid.name().map_or_else(|| attribute.oid.to_string(), str::to_owned);
                found.add("attribute-malformed", format!("its attribute {name} is malformed: {fault}"));
            }
        }
        let extensions: Vec<&Extension> = self.extensions().collect();
        if extensions
            .iter()
            .any(|one| matches!(one.value, Ok(ExtensionValue::BasicConstraints { ca: true, .. })))
        {
            found.add("asks-for-ca", "it asks to be an authority");
        }
        found.extensions(extensions);
        found.0
    }
}

impl InspectedCrl {
    /// What to notice at `now`; the entries are not looked at.
    pub fn remarks(&self, now: UnixTime) -> Vec<Remark> {
        let mut found = Remarks::default();
        found.moment("thisUpdate", &self.this_update);
        match &self.next_update {
            None => found.add("no-next-update", "it does not say when the next one comes"),
            Some(next) => {
                found.moment("nextUpdate", next);
                if let Some(end) = next.at.filter(|end| *end < now) {
                    found.add("expired", format!("the next one was due at {end}"));
                }
            }
        }
        if let Some(start) = self.this_update.at.filter(|start| *start > now) {
            found.add("not-yet-valid", format!("it was made in the future, at {start}"));
        }
        if self.base_number().is_some() {
            found.add("delta", "it is a delta: it only says what changed since another list");
        }
        if self.version != 2 {
            found.add("version-odd", format!("it is version {}; RFC 5280 has version 2 alone", self.version));
        }
        if self.number().is_none() {
            found.add("no-number", "it has no number: nobody can tell whether it is newer than another");
        }
        found.signature(&self.signature_algorithm, self.inner_algorithm.as_ref(), false);
        found.extensions(&self.extensions);
        found.0
    }
}

#[derive(Default)]
struct Remarks(Vec<Remark>);

impl Remarks {
    fn add(&mut self, code: &'static str, text: impl Into<String>) {
        self.0.push(Remark { code, text: text.into() });
    }

    fn moment(&mut self, field: &str, moment: &Moment) {
        if let Some(oddity) = moment.oddity {
            self.add("time-odd", format!("its {field} is `{}`: {oddity}", moment.text));
        }
    }

    fn key(&mut self, key: &PublicKey) {
        match &key.detail {
            KeyDetail::Rsa { modulus_bits, exponent, .. } => {
                if *modulus_bits < 2_048 {
                    self.add("key-weak", format!("its RSA key has {modulus_bits} bits; 2048 are the least"));
                }
                if exponent.as_u64().is_some_and(|exponent| exponent < 3 || exponent.is_multiple_of(2)) {
                    self.add("key-weak", "the exponent of its RSA key is even or 1");
                }
            }
            KeyDetail::Curve { name: None, .. } => {
                self.add("key-odd", "its key names no curve; RFC 5480 allows named curves alone");
            }
            KeyDetail::Curve { field_bits: Some(bits), .. } if *bits < 256 => {
                self.add("key-weak", format!("its curve has {bits} bits; 256 are the least"));
            }
            KeyDetail::Malformed(fault) => {
                self.add("key-malformed", format!("its key is malformed: {fault}"))
            }
            KeyDetail::Unknown => self.add(
                "key-unknown",
                format!("its key is of a kind that is not looked into here, {}", key.algorithm.name()),
            ),
            _ => {}
        }
    }

    fn signature(&mut self, algorithm: &Algorithm, inner: Option<&Algorithm>, rooted: bool) {
        if algorithm.is_broken() && !rooted {
            self.add(
                "signature-weak",
                format!("its signature is made with a broken hash function ({})", algorithm.name()),
            );
        }
        if let Some(inner) = inner {
            let (inside, outside) = (inner.name(), algorithm.name());
            self.add(
                "signature-odd",
                format!("it names two signature algorithms, {inside} inside and {outside} outside"),
            );
        }
    }

    fn extensions<'a>(&mut self, extensions: impl IntoIterator<Item = &'a Extension>) {
        for extension in extensions {
            let name = extension.oid.name().map_or_else(|| extension.oid.to_string(), str::to_owned);
            if let Err(fault) = &extension.value {
                self.add("extension-malformed", format!("its extension {name} is malformed: {fault}"));
            }
            if extension.repeated {
                self.add("extension-repeated", format!("its extension {name} stands in it more than once"));
            }
            if extension.critical && extension.value == Ok(ExtensionValue::Unknown) {
                self.add(
                    "critical-unknown",
                    format!("it has a critical extension that is not known here, {name}"),
                );
            }
        }
    }
}
