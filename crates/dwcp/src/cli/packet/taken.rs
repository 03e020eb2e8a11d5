//! A sealed packet, taken apart: every field with what is on the wire and what it says.

use super::trial::Trial;
use dwcp_packet::{EncryptedPacket, Field, FieldKind};
use zeroize::Zeroizing;

/// One field.
pub(super) struct Part {
    pub(super) field: Field,
    /// What is sent.
    pub(super) wire: Vec<u8>,
    /// What was encrypted there.
    pub(super) clear: Option<Zeroizing<Vec<u8>>>,
}

/// All fields of `sealed`, in the order of its bytes, with what the opening side found. `None` where the two do not belong together.
pub(super) fn apart(sealed: &EncryptedPacket<'_>, tried: &Trial) -> Option<Vec<Part>> {
    // What it decrypted stays where it was, also where an IP header was moved up to it.
    let opened = tried.buffer.as_slice();
    let header = sealed.fields().find(|field| field.kind == FieldKind::IpHeader);
    let payload = tried.packet.len().checked_sub(header.map_or(0, |header| header.length))?;
    let mut parts = Vec::new();
    for field in sealed.fields() {
        match field.kind {
            FieldKind::Ciphertext => {
                for field in body(field, opened, payload)?.into_iter().filter(|field| field.length != 0) {
                    parts.push(part(field, sealed, opened)?);
                }
            }
            _ => parts.push(part(field, sealed, opened)?),
        }
    }
    Some(parts)
}

/// What a decrypted body consists of (RFC 4303 §2.3 to §2.7).
fn body(whole: Field, opened: &[u8], payload: usize) -> Option<[Field; 5]> {
    let bytes = opened.get(whole.range())?;
    let (rest, [padding, _]) = bytes.split_last_chunk::<2>()?;
    let hiding = rest.len().checked_sub(usize::from(*padding))?.checked_sub(payload)?;
    let mut offset = whole.offset;
    let lengths = [
        (FieldKind::Payload, payload),
        (FieldKind::ConfidentialityPadding, hiding),
        (FieldKind::Padding, usize::from(*padding)),
        (FieldKind::PadLength, 1),
        (FieldKind::NextHeader, 1),
    ];
    Some(lengths.map(|(kind, length)| {
        let field = Field { kind, offset, length };
        offset += length;
        field
    }))
}

fn part(field: Field, sealed: &EncryptedPacket<'_>, opened: &[u8]) -> Option<Part> {
    let wire = sealed.bytes().get(field.range())?.to_vec();
    let clear = match field.kind.is_encrypted() {
        true => Some(Zeroizing::new(opened.get(field.range())?.to_vec())),
        false => None,
    };
    Some(Part { field, wire, clear })
}
