//! Packets out of captures: pcap and pcapng, whoever wrote them. What they say of themselves is not believed further than their bytes go.

mod link;
mod ng;

pub use link::{Link, ip_within};

use pcap_parser::{PcapError, PcapHeader, nom};
use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header};

/// One frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its place, counted from 1 as Wireshark does.
    pub number: u64,
    /// What the bytes begin with.
    pub link: Link,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The IP packet in it with whatever follows that; `None` where the frame holds something else.
    pub fn ip(&self) -> Option<&'a [u8]> {
        ip_within(self.link, self.bytes)
    }
}

/// Why a capture gives no (further) frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// It begins like no capture.
    #[error("it is neither pcap nor pcapng")]
    Unknown,
    /// It ends within a frame, as the capture of a program that was killed does.
    #[error("the capture ends within frame {number}")]
    Cut {
        /// The frame that is not whole.
        number: u64,
    },
    /// A block contradicts itself or the format.
    #[error("frame {number} or a block before it is malformed")]
    Malformed {
        /// The frame that would have come next.
        number: u64,
    },
    /// A frame belongs to an interface that no block described.
    #[error("frame {number} is of an interface that the capture does not describe")]
    Interface {
        /// The frame.
        number: u64,
    },
    /// One section describes more than [`MOST_INTERFACES`].
    #[error("a section of the capture describes more than {MOST_INTERFACES} interfaces")]
    Interfaces,
}

/// The most interfaces of one section that are kept.
pub const MOST_INTERFACES: usize = 4_096;

/// Whether these bytes begin as pcap (either byte order, micro- or nanoseconds, the "modified" kind) or as pcapng do.
pub fn is_capture(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|magic| is_pcapng(*magic) || is_pcap(*magic))
}

/// The frames of a capture in the order of the file, to its end or the first error.
///
/// Nothing is copied and at most [`MOST_INTERFACES`] link types are kept; the caller bounds `bytes`.
///
/// # Errors
/// [`CaptureError::Unknown`] where it is no capture; each frame can be an error, which is the last item then.
pub fn frames(bytes: &[u8]) -> Result<Frames<'_>, CaptureError> {
    let magic = *bytes.first_chunk().ok_or(CaptureError::Unknown)?;
    if is_pcapng(magic) {
        return Ok(Frames { rest: bytes, read: 0, format: Format::Ng(ng::Section::default()), over: false });
    }
    if !is_pcap(magic) {
        return Err(CaptureError::Unknown);
    }
    let (rest, header) = parse_pcap_header(bytes).map_err(|_| CaptureError::Unknown)?;
    Ok(Frames { rest, read: 0, format: Format::Legacy(header), over: false })
}

/// The iterator of [`frames`].
#[derive(Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    read: u64,
    format: Format,
    over: bool,
}

#[derive(Debug)]
enum Format {
    Legacy(PcapHeader),
    Ng(ng::Section),
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.rest.is_empty() {
            return None;
        }
        let number = self.read + 1;
        let found = match &mut self.format {
            Format::Legacy(header) => legacy(header, &mut self.rest, number),
            Format::Ng(section) => section.next(&mut self.rest, number),
        };
        match &found {
            Some(Ok(_)) => self.read = number,
            // What follows a broken block begins nobody knows where.
            Some(Err(_)) | None => self.over = true,
        }
        found
    }
}

fn legacy<'a>(
    header: &PcapHeader,
    rest: &mut &'a [u8],
    number: u64,
) -> Option<Result<Frame<'a>, CaptureError>> {
    let parsed = if header.is_bigendian() {
        parse_pcap_frame_be(rest)
    } else if header.is_modified_format() {
        parse_pcap_frame_modified(rest)
    } else {
        parse_pcap_frame(rest)
    };
    Some(match parsed {
        Ok((after, block)) => {
            *rest = after;
            // The upper bits of a link type tell of checksums at the frame's end.
            let link = Link::from(header.network.0.cast_unsigned() & 0xffff);
            Ok(Frame { number, link, bytes: block.data })
        }
        Err(error) => Err(refused(&error, number)),
    })
}

fn refused(error: &nom::Err<PcapError<&[u8]>>, number: u64) -> CaptureError {
    match error {
        nom::Err::Incomplete(_) => CaptureError::Cut { number },
        _ => CaptureError::Malformed { number },
    }
}

fn is_pcapng(magic: [u8; 4]) -> bool {
    magic == [0x0a, 0x0d, 0x0d, 0x0a]
}

fn is_pcap(magic: [u8; 4]) -> bool {
    let known = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34];
    known.contains(&u32::from_le_bytes(magic)) || known[..2].contains(&u32::from_be_bytes(magic))
}

#[cfg(test)]
mod tests;
