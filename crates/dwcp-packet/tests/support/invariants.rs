//! What holds for any bytes that are taken for a packet, random, mutated or fuzzed.
#![allow(unreachable_pub, reason = "shared by a test and a fuzz target")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_packet::transport::{TransportError, locate, split};
use dwcp_packet::{Extent, Fit, IpVersion, MAX_EXTENSION_BYTES, MAX_EXTENSION_HEADERS, PacketMetadata};

/// Checks everything that can be said of `bytes`; answers whether they are a packet.
pub fn hold(bytes: &[u8]) -> bool {
    let extent = Extent::read(bytes);
    if let Some(extent) = extent {
        // Of the first header alone: what is cut off there is cut off for everybody.
        assert!(extent.total_len >= 20 && extent.total_len <= bytes.len());
        assert_eq!(Extent::read(&bytes[..extent.total_len - 1]), None);
    }
    let Ok(metadata) = PacketMetadata::read(bytes) else {
        assert!(split(bytes).is_err() && locate(bytes).is_err());
        return false;
    };
    assert_eq!(extent, Some(Extent { version: metadata.version, total_len: metadata.total_len }));
    lengths(bytes, &metadata);
    words(&metadata);
    nothing_else_is_read(bytes, &metadata);
    surgery(bytes, &metadata);
    true
}

fn lengths(bytes: &[u8], metadata: &PacketMetadata) {
    assert_eq!(metadata.total_len + metadata.trailing, bytes.len());
    assert!(metadata.header_len <= metadata.total_len);
    let (own, most) = match metadata.version {
        IpVersion::V4 => (usize::from(bytes[0] & 15) * 4, 65_535),
        IpVersion::V6 => (40, 65_575),
    };
    assert!((own..=own + MAX_EXTENSION_BYTES).contains(&metadata.header_len) && metadata.total_len <= most);
    assert!(metadata.extension_headers <= MAX_EXTENSION_HEADERS);
    assert_eq!(metadata.extension_headers == 0, metadata.header_len == own);
    // One byte fewer than it says is not this packet.
    assert!(PacketMetadata::read(&bytes[..metadata.total_len - 1]).is_err());
}

fn words(metadata: &PacketMetadata) {
    assert_eq!(
        metadata.version == IpVersion::V4,
        metadata.source.is_ipv4() && metadata.destination.is_ipv4()
    );
    assert!(metadata.flow_label < 1 << 20);
    assert_eq!(metadata.dscp() << 2 | metadata.ecn(), metadata.traffic_class);
    let payload = metadata.total_len - metadata.header_len;
    assert!(metadata.ports.is_none() || (metadata.upper_layer().is_some() && payload >= 8));
    assert!(metadata.icmp.is_none() || (metadata.upper_layer().is_some() && payload >= 8));
    assert!(metadata.ports.is_none() || metadata.icmp.is_none());
    if let Some(fragment) = metadata.fragment {
        assert_eq!(fragment.offset % 8, 0);
        assert_eq!(fragment.is_atomic(), metadata.is_whole());
        if !metadata.is_whole() {
            assert!(payload > 0 && usize::from(fragment.offset) + payload <= 65_535);
            assert!(
                !fragment.more || metadata.version == IpVersion::V4 || !fragment.is_first() || payload >= 1
            );
        }
    }
    assert_eq!(metadata.fit(metadata.total_len), Fit::Whole);
    assert_ne!(metadata.fit(metadata.total_len - 1), Fit::Whole);
    let _ = metadata.is_answerable();
}

/// What follows the packet, and what follows the first twenty bytes of its upper layer, has no say.
fn nothing_else_is_read(bytes: &[u8], metadata: &PacketMetadata) {
    let mut cut = PacketMetadata::read(&bytes[..metadata.total_len]).unwrap();
    assert_eq!(cut.trailing, 0);
    cut.trailing = metadata.trailing;
    assert_eq!(cut, *metadata);
    let mut other = bytes.to_vec();
    other.iter_mut().skip(metadata.header_len + 20).for_each(|byte| *byte ^= 0xFF);
    assert_eq!(PacketMetadata::read(&other).unwrap(), *metadata);
}

fn surgery(bytes: &[u8], metadata: &PacketMetadata) {
    let (sealing, opening) = (split(bytes), locate(bytes));
    if !metadata.is_whole() {
        assert_eq!((sealing, opening), (Err(TransportError::Fragment), Err(TransportError::Fragment)));
        return;
    }
    if !metadata.header_intact {
        assert_eq!((sealing, opening), (Err(TransportError::Checksum), Err(TransportError::Checksum)));
        let mended = mended(bytes);
        return surgery(&mended, &PacketMetadata::read(&mended).unwrap());
    }
    let sealing = sealing.unwrap();
    assert!(sealing.before() <= metadata.header_len && sealing.protocol_at() < sealing.before());
    assert_eq!(bytes[sealing.protocol_at()], sealing.protocol());
    match opening {
        Ok(opening) => {
            assert_eq!((opening.before(), opening.protocol()), (metadata.header_len, metadata.protocol));
            assert_eq!(bytes[opening.protocol_at()], opening.protocol());
        }
        Err(error) => {
            assert_eq!(error, TransportError::Authentication);
            assert!(metadata.extension_headers > 0 && bytes[..metadata.header_len].contains(&51));
        }
    }

    let mut outer = bytes[..sealing.before()].to_vec();
    outer.resize(sealing.before() + 24, 0);
    let length = outer.len();
    sealing.rewrite(&mut outer, 50, length).unwrap();
    let sealed = PacketMetadata::read(&outer).unwrap();
    assert_eq!((sealed.protocol, sealed.header_len, sealed.total_len), (50, sealing.before(), length));
    assert!(sealed.header_intact);
    // Back again: the same bytes.
    sealing.rewrite(&mut outer, sealing.protocol(), metadata.total_len).unwrap();
    assert!(same_header(&outer[..sealing.before()], &bytes[..sealing.before()], metadata.version));
}

/// The packet with the right checksum in its IPv4 header.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut packet = bytes.to_vec();
    packet[10..12].fill(0);
    let header = &packet[..usize::from(packet[0] & 0x0F) * 4];
    let mut sum = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    packet[10..12].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    packet
}

/// Equal, where a checksum of zero and one of all ones count as the same sum.
fn same_header(one: &[u8], other: &[u8], version: IpVersion) -> bool {
    let both_zero = |at: usize| {
        matches!((&one[at..at + 2], &other[at..at + 2]), ([0, 0] | [255, 255], [0, 0] | [255, 255]))
    };
    one == other
        || (version == IpVersion::V4 && one[..10] == other[..10] && both_zero(10) && one[12..] == other[12..])
}
