//! Certificate compression (RFC 8879) with zlib, bounded by what a handshake may bring.

use crate::settings::{LARGEST_CLIENT_FLIGHT, LARGEST_HANDSHAKE};
use miniz_oxide::deflate::{CompressionLevel as Effort, compress_to_vec_zlib};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use rustls::CertificateCompressionAlgorithm;
use rustls::compress::{
    CertCompressor, CertDecompressor, CompressionCache, CompressionFailed, CompressionLevel,
    DecompressionFailed,
};

/// Whether chains are sent and taken compressed. The default is [`Off`](Self::Off).
///
/// It is for long chains on slow links: keys and signatures do not shrink, so that a mesh chain of one or two certificates saves little and
/// costs a few microseconds of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateCompression {
    /// Neither offered nor used.
    #[default]
    Off,
    /// `zlib` with peers that offer it as well, in both directions.
    ///
    /// # Security
    /// What is unpacked is bounded as what is sent is, by [`LARGEST_CLIENT_FLIGHT`] of a client and [`LARGEST_HANDSHAKE`] of a server, and to
    /// the length that was announced.
    Zlib,
}

impl CertificateCompression {
    /// What the engine packs with.
    pub(crate) fn compressors(self) -> Vec<&'static dyn CertCompressor> {
        match self {
            Self::Off => Vec::new(),
            Self::Zlib => vec![&OF_SERVERS],
        }
    }

    /// What the engine unpacks chains of clients with.
    pub(crate) fn decompressors_of_clients(self) -> Vec<&'static dyn CertDecompressor> {
        match self {
            Self::Off => Vec::new(),
            Self::Zlib => vec![&OF_CLIENTS],
        }
    }

    /// What the engine unpacks chains of servers with.
    pub(crate) fn decompressors_of_servers(self) -> Vec<&'static dyn CertDecompressor> {
        match self {
            Self::Off => Vec::new(),
            Self::Zlib => vec![&OF_SERVERS],
        }
    }

    /// Packed chains for the next handshake: one for each certificate of a small set. The engine looks through all of them under a lock.
    pub(crate) fn cache(self, certificates: usize) -> CompressionCache {
        match self {
            Self::Off => CompressionCache::Disabled,
            Self::Zlib => CompressionCache::new(certificates.min(MOST_CACHED)),
        }
    }
}

#[derive(Debug)]
struct Zlib {
    /// How much is unpacked.
    most: usize,
}

static OF_CLIENTS: Zlib = Zlib { most: LARGEST_CLIENT_FLIGHT };
static OF_SERVERS: Zlib = Zlib { most: LARGEST_HANDSHAKE };

impl CertCompressor for Zlib {
    fn compress(&self, input: Vec<u8>, level: CompressionLevel) -> Result<Vec<u8>, CompressionFailed> {
        let effort = match level {
            CompressionLevel::Interactive => Effort::BestSpeed,
            CompressionLevel::Amortized => Effort::BestCompression,
        };
        Ok(compress_to_vec_zlib(&input, effort as u8))
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

impl CertDecompressor for Zlib {
    /// RFC 8879 §4: the length that was announced, no more and no less; and nothing follows the stream. The engine has allocated `output` for
    /// at most 64 KiB, for as long as this takes.
    fn decompress(&self, input: &[u8], output: &mut [u8]) -> Result<(), DecompressionFailed> {
        if output.len() > self.most {
            return Err(DecompressionFailed);
        }
        let mut state = Box::<DecompressorOxide>::default();
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        match decompress(&mut state, input, output, 0, flags) {
            (TINFLStatus::Done, read, written) if read == input.len() && written == output.len() => Ok(()),
            _ => Err(DecompressionFailed),
        }
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

const MOST_CACHED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        OF_SERVERS.compress(plain.to_vec(), CompressionLevel::Amortized).unwrap()
    }

    fn unpacked(packed: &[u8], announced: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; announced];
        OF_SERVERS.decompress(packed, &mut output).ok().map(|()| output)
    }

    #[test]
    fn what_is_packed_is_unpacked_to_its_length_and_to_no_other() {
        for length in [0, 1, 500, LARGEST_HANDSHAKE] {
            let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let packed = packed(&plain);
            assert_eq!(unpacked(&packed, length).as_ref(), Some(&plain));
            assert_eq!(unpacked(&packed, length + 1), None);
            assert_eq!(length.checked_sub(1).and_then(|shorter| unpacked(&packed, shorter)), None);
            assert_eq!(unpacked(&packed[..packed.len() - 1], length), None, "cut off");
            assert_eq!(unpacked(&[&packed[..], &[0]].concat(), length), None, "followed by more");
            let mut altered = packed.clone();
            *altered.last_mut().unwrap() ^= 1;
            assert_eq!(unpacked(&altered, length), None, "its checksum");
        }
    }

    #[test]
    fn at_t8_a_bomb_is_not_unpacked_beyond_the_bound() {
        let bomb = packed(&vec![0; 16 << 20]);
        assert!(bomb.len() < LARGEST_HANDSHAKE, "it would fit into a handshake");
        assert_eq!(unpacked(&bomb, 500), None);
        assert_eq!(unpacked(&bomb, LARGEST_HANDSHAKE), None);
        assert!(unpacked(&packed(&vec![0; LARGEST_HANDSHAKE]), LARGEST_HANDSHAKE).is_some());
        assert_eq!(unpacked(&packed(&vec![0; LARGEST_HANDSHAKE + 1]), LARGEST_HANDSHAKE + 1), None);
    }
}
