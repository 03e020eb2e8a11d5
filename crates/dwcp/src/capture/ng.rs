//! pcapng (draft-ietf-opsawg-pcapng): sections with interfaces of their own link types, in byte orders of their own.

use super::{CaptureError, Frame, Link, MOST_INTERFACES, refused};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, parse_block_be, parse_block_le};

/// What becomes of a block.
enum Head {
    /// It is read.
    Read,
    /// It is of no interest; so many bytes.
    Skip(usize),
    /// No such block has this length.
    Large,
}

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
            match self.head(rest) {
                Some(Head::Read) => {}
                Some(Head::Skip(length)) => {
                    *rest = rest.get(length..).unwrap_or_default();
                    continue;
                }
                Some(Head::Large) => return Some(Err(CaptureError::Malformed { number })),
                None => return Some(Err(CaptureError::Cut { number })),
            }
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

    /// What is to be done with the next block, by its first bytes: options become a list of their own when they are read, so a block that may
    /// have them is bounded before, and one that holds no frame is not read at all. `None` where it is cut off.
    fn head(&self, rest: &[u8]) -> Option<Head> {
        let (kind, words) = rest.split_first_chunk::<4>()?;
        let (length, words) = words.split_first_chunk::<4>()?;
        // A section says its byte order itself, behind its length; its kind reads the same in both.
        let begins = kind == &SECTION;
        let big = if begins { words.first_chunk::<4>()? == &BIG_ENDIAN } else { self.big_endian };
        let number =
            |bytes: &[u8; 4]| if big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
        let length = usize::try_from(number(length)).ok()?;
        let most = match number(kind) {
            _ if begins => MOST_DESCRIPTION,
            INTERFACE => MOST_DESCRIPTION,
            SIMPLE | ENHANCED => MOST_FRAME,
            _ if length < 12 || length % 4 != 0 => return Some(Head::Large),
            _ => return (length <= rest.len()).then_some(Head::Skip(length)),
        };
        Some(if length <= most { Head::Read } else { Head::Large })
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

/// The kind of a section's header, in either byte order.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Its byte order magic.
const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
/// A section or an interface with its comments.
const MOST_DESCRIPTION: usize = 1 << 16;
/// A frame of 256 KiB, which is what captures are cut to, with its comments.
const MOST_FRAME: usize = (1 << 18) + (1 << 16);
