//! pcapng (draft-ietf-opsawg-pcapng): sections with interfaces of their own link types, in byte orders of their own.

use super::{CaptureError, Frame, Link, MOST_INTERFACES, refused};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, parse_block_be, parse_block_le};

/// What the section that is being read said of itself.
#[derive(Debug, Default)]
pub(super) struct Section {
    big_endian: bool,
    links: Vec<Link>,
}

impl Section {
    /// The next frame; blocks that hold none are passed over.
    pub(super) fn next<'a>(
        &mut self,
        rest: &mut &'a [u8],
        number: u64,
    ) -> Option<Result<Frame<'a>, CaptureError>> {
        while !rest.is_empty() {
            let parsed = if self.big_endian { parse_block_be(rest) } else { parse_block_le(rest) };
            let (after, block) = match parsed {
                Ok(parsed) => parsed,
                Err(error) => return Some(Err(refused(&error, number))),
            };
            *rest = after;
            match self.take(block, number) {
                Ok(None) => {}
                Ok(Some(frame)) => return Some(Ok(frame)),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    fn take<'a>(&mut self, block: Block<'a>, number: u64) -> Result<Option<Frame<'a>>, CaptureError> {
        let (interface, bytes) = match block {
            Block::SectionHeader(header) => {
                *self = Self { big_endian: header.big_endian(), links: Vec::new() };
                return Ok(None);
            }
            Block::InterfaceDescription(described) => {
                if self.links.len() >= MOST_INTERFACES {
                    return Err(CaptureError::Interfaces);
                }
                self.links.push(Link::from(described.linktype.0.cast_unsigned() & 0xffff));
                return Ok(None);
            }
            // The packet's length is the block's word; the bytes that are there bound it.
            Block::EnhancedPacket(packet) => {
                let captured = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
                (usize::try_from(packet.if_id).ok(), packet.data.get(..captured).unwrap_or(packet.data))
            }
            Block::SimplePacket(packet) => {
                let original = usize::try_from(packet.orig_len()).unwrap_or(usize::MAX);
                (Some(0), packet.data.get(..original).unwrap_or(packet.data))
            }
            _ => return Ok(None),
        };
        let link = interface.and_then(|interface| self.links.get(interface));
        let link = *link.ok_or(CaptureError::Interface { number })?;
        Ok(Some(Frame { number, link, bytes }))
    }
}
