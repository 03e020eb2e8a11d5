//! GeneralName in all its nine kinds (RFC 5280 §4.2.1.6).

use super::text;
use super::tlv::{Cursor, Fault, SEQUENCE, Value, wrapped};
use super::{DistinguishedName, Oid, hex};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One name. Texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeneralName {
    /// A name of another kind.
    Other {
        /// Which kind.
        kind: Oid,
        /// Its text, where it is one.
        text: Option<String>,
        /// The DER of its value.
        der: Vec<u8>,
    },
    /// A mail address.
    Email(String),
    /// A DNS name.
    Dns(String),
    /// An X.400 address, by its content octets.
    X400(Vec<u8>),
    /// A distinguished name.
    Directory(DistinguishedName),
    /// The name of an EDI party, by its content octets.
    EdiParty(Vec<u8>),
    /// A URI.
    Uri(String),
    /// An address.
    Ip(IpAddr),
    /// An address and a mask, as name constraints have them (RFC 5280 §4.2.1.10).
    Network {
        /// The address.
        address: IpAddr,
        /// The mask.
        mask: IpAddr,
    },
    /// An address of a length that none has.
    BadIp(Vec<u8>),
    /// An object identifier.
    RegisteredId(Oid),
}

impl GeneralName {
    /// What kind it is: `DNS`, `IP`, `URI`, `EMAIL`, `DirName`, `RID`, `othername`, `X400` or `EdiParty`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Other { .. } => "othername",
            Self::Email(_) => "EMAIL",
            Self::Dns(_) => "DNS",
            Self::X400(_) => "X400",
            Self::Directory(_) => "DirName",
            Self::EdiParty(_) => "EdiParty",
            Self::Uri(_) => "URI",
            Self::Ip(_) | Self::Network { .. } | Self::BadIp(_) => "IP",
            Self::RegisteredId(_) => "RID",
        }
    }

    /// Every name of a GeneralNames value, which must be there and not empty.
    pub(super) fn list(names: &Value<'_>) -> Result<Vec<Self>, Fault> {
        if names.content.is_empty() {
            return Err(names.fault("a list of names without a name"));
        }
        let mut cursor = names.inside();
        let mut found = Vec::new();
        while let Some(name) = cursor.next()? {
            found.push(Self::read(&name)?);
        }
        Ok(found)
    }

    pub(super) fn read(name: &Value<'_>) -> Result<Self, Fault> {
        Ok(match name.tag {
            0xa0 => other(name)?,
            0x81 => Self::Email(text::of_bytes(name.content)),
            0x82 => Self::Dns(text::of_bytes(name.content)),
            0xa3 => Self::X400(name.content.to_vec()),
            // A CHOICE is tagged explicitly whatever the module says (X.680 §31.2.7).
            0xa4 => {
                let mut inside = name.inside();
                let found = Self::Directory(DistinguishedName::next(&mut inside)?);
                inside.finish()?;
                found
            }
            0xa5 => Self::EdiParty(name.content.to_vec()),
            0x86 => Self::Uri(text::of_bytes(name.content)),
            0x87 => address(name.content),
            0x88 => Self::RegisteredId(
                Oid::of_content(name.content).ok_or(name.fault("a registered identifier that is none"))?,
            ),
            _ => return Err(name.fault("a name of a kind that does not exist")),
        })
    }
}

impl fmt::Display for GeneralName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind())?;
        match self {
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) => f.write_str(text),
            Self::Directory(name) => name.fmt(f),
            Self::Ip(address) => address.fmt(f),
            Self::Network { address, mask } => match prefix(*mask) {
                Some(length) => write!(f, "{address}/{length}"),
                None => write!(f, "{address}/{mask}"),
            },
            Self::BadIp(octets) => write!(f, "#{}", hex(octets)),
            Self::RegisteredId(oid) => oid.fmt(f),
            Self::X400(content) | Self::EdiParty(content) => write!(f, "#{}", hex(content)),
            Self::Other { kind, text, der } => {
                match kind.name() {
                    Some(name) => write!(f, "{name}:")?,
                    None => write!(f, "{kind}:")?,
                }
                match text {
                    Some(text) => f.write_str(text),
                    None => write!(f, "#{}", hex(der)),
                }
            }
        }
    }
}

fn other(name: &Value<'_>) -> Result<GeneralName, Fault> {
    let mut fields = name.inside();
    let kind = Oid::next(&mut fields)?;
    let mut inside = fields.expect(wrapped(0), "another name without a value")?.inside();
    let missing = inside.fault("another name without a value");
    let value = inside.next()?.ok_or(missing)?;
    inside.finish()?;
    fields.finish()?;
    Ok(GeneralName::Other { kind, text: text::shown(value.tag, value.content), der: value.whole.to_vec() })
}

fn address(octets: &[u8]) -> GeneralName {
    if let Some(address) = ip(octets) {
        return GeneralName::Ip(address);
    }
    let halves = octets.split_at_checked(octets.len() / 2);
    match halves.and_then(|(address, mask)| ip(address).zip(ip(mask))) {
        Some((address, mask)) => GeneralName::Network { address, mask },
        None => GeneralName::BadIp(octets.to_vec()),
    }
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// How many ones a mask begins with, where nothing but zeros follows them.
fn prefix(mask: IpAddr) -> Option<u32> {
    let bits = match mask {
        IpAddr::V4(mask) => u128::from(mask.to_bits()) << 96,
        IpAddr::V6(mask) => mask.to_bits(),
    };
    let ones = bits.leading_ones();
    (bits.checked_shl(ones).unwrap_or(0) == 0).then_some(ones)
}

/// The names of the one SEQUENCE that an extension's value is.
pub(super) fn names(der: &[u8], at: usize) -> Result<Vec<GeneralName>, Fault> {
    let value = Cursor::single(der, at)?;
    if value.tag != SEQUENCE {
        return Err(value.fault("no SEQUENCE of names"));
    }
    GeneralName::list(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(der: &[u8]) -> Result<String, Fault> {
        GeneralName::read(&Cursor::single(der, 0)?).map(|name| name.to_string())
    }

    #[test]
    fn every_kind_of_name_has_a_text() {
        let v6 = [&[0x87, 0x20][..], &[0x20, 1, 0xd, 0xb8], &[0; 12], &[0xff; 4], &[0; 12]].concat();
        for (der, text) in [
            (&[0x82, 1, b'a'][..], "DNS:a"),
            (&[0x82, 3, b'a', 0, 0xff], "DNS:a\\u{0}\\xff"),
            (&[0x81, 1, b'a'], "EMAIL:a"),
            (&[0x86, 1, b'a'], "URI:a"),
            (&[0x87, 4, 192, 0, 2, 1], "IP:192.0.2.1"),
            (&[0x87, 8, 192, 0, 2, 0, 255, 255, 255, 0], "IP:192.0.2.0/24"),
            (&[0x87, 8, 192, 0, 2, 0, 255, 0, 255, 0], "IP:192.0.2.0/255.0.255.0"),
            (&[0x87, 8, 0, 0, 0, 0, 0, 0, 0, 0], "IP:0.0.0.0/0"),
            (&v6, "IP:2001:db8::/32"),
            (&[0x87, 3, 1, 2, 3], "IP:#010203"),
            (&[0x88, 2, 0x2a, 3], "RID:1.2.3"),
            (&[0xa3, 0], "X400:#"),
            (&[0xa5, 2, 0x81, 0], "EdiParty:#8100"),
            (&[0xa4, 2, 0x30, 0], "DirName:"),
            (&[0xa0, 7, 6, 2, 0x2a, 3, 0xa0, 1, 5], "fault"),
            (&[0xa0, 9, 6, 2, 0x2a, 3, 0xa0, 3, 0x0c, 1, b'u'], "othername:1.2.3:u"),
            (&[0xa0, 9, 6, 2, 0x2a, 3, 0xa0, 3, 0x02, 1, 5], "othername:1.2.3:#020105"),
            (&[0xa7, 4, 192, 0, 2, 1], "fault"),
            (&[0x89, 0], "fault"),
        ] {
            assert_eq!(shown(der).unwrap_or("fault".to_owned()), text, "{der:x?}");
        }
    }
}
