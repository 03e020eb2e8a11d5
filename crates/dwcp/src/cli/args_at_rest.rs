//! The command line of data at rest: `dwcp encrypt`, `dwcp decrypt`, `dwcp keyring`.

use super::args_packet::PacketJob;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `dwcp encrypt …`
#[derive(Debug, Subcommand)]
pub enum Encrypt {
    /// Encrypt a file, a directory (one file each, resumable) or a stream
    File(FileJob),
    /// Encrypt standard input to standard output in one piece (at most 64 MiB)
    Data(DataJob),
    /// Seal one packet (ESP) and take it apart, or open one
    Packet(PacketJob),
    /// Measure key derivation on this machine and say which parameters take the wanted time
    KdfBench(KdfBench),
}

/// `dwcp decrypt …`
#[derive(Debug, Subcommand)]
pub enum Decrypt {
    /// Decrypt a file, a directory or a stream; nothing is at OUT unless all of it is authentic
    File(FileJob),
    /// Decrypt standard input to standard output in one piece
    Data(DataJob),
}

/// `dwcp encrypt file`, `dwcp decrypt file`
#[derive(Debug, Args)]
pub struct FileJob {
    /// File or directory to read; - is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// File or directory to write; - is standard output
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// The keyring
    #[arg(long, value_name = "FILE")]
    pub keyring: PathBuf,
    #[command(flatten)]
    pub unlock: Unlock,
    /// Associated data: not stored, must be the same to decrypt
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub aad: String,
    /// tink: AES-GCM-HKDF streaming; c2sp: chunked encryption v1, which commits to its key
    #[arg(long, value_enum, default_value_t = Format::Tink)]
    pub format: Format,
}

/// `dwcp encrypt data`, `dwcp decrypt data`
#[derive(Debug, Args)]
pub struct DataJob {
    /// A keyring of type aead
    #[arg(long, value_name = "FILE")]
    pub keyring: PathBuf,
    #[command(flatten)]
    pub unlock: Unlock,
    /// Associated data: not stored, must be the same to decrypt
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub aad: String,
}

/// `dwcp encrypt kdf-bench`
#[derive(Debug, Args)]
pub struct KdfBench {
    /// How long one derivation may take
    #[arg(long, default_value = "500ms")]
    pub target: crate::config::GoDuration,
}

/// What opens a keyring; without any of these the passphrase is asked for on the terminal.
#[derive(Debug, Args)]
pub struct Unlock {
    /// File that holds the passphrase; its last newline does not count
    #[arg(long, value_name = "P", conflicts_with_all = ["passphrase_fd", "key_file"], help_heading = UNLOCK)]
    pub passphrase_file: Option<PathBuf>,
    /// Open file descriptor to read the passphrase from
    #[arg(long, value_name = "N", value_parser = descriptor, conflicts_with = "key_file", help_heading = UNLOCK)]
    pub passphrase_fd: Option<u32>,
    /// Key file instead of a passphrase; keyring create makes it if it does not exist
    #[arg(long, value_name = "K", help_heading = UNLOCK)]
    pub key_file: Option<PathBuf>,
}

/// The formats of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tink AES-GCM-HKDF
    Tink,
    /// C2SP chunked encryption v1
    C2sp,
}

impl Format {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tink => "tink",
            Self::C2sp => "c2sp",
        }
    }
}

/// `dwcp keyring …`
#[derive(Debug, Subcommand)]
pub enum Keyring {
    /// Make a keyring with one key, wrapped by a passphrase or a key file
    Create(Create),
    /// List the keys, without secrets
    List(One),
    /// Add a key and make it the primary one; older keys go on opening what they sealed
    Rotate(One),
    /// Make an existing key the primary one
    Promote(OneKey),
    /// Take a key out of use: it neither seals nor opens until it is restored
    Retire(OneKey),
    /// Put a retired key back into use
    Restore(OneKey),
    /// Destroy a key: what only it can open is lost for good
    Destroy(OneKey),
    /// Wrap the keyring anew, with the same or another passphrase or key file; no data is touched
    Rewrap(Rewrap),
    /// Write the clear keyset to standard output, for Tink
    Export(Export),
    /// Make a keyring of a clear Tink keyset (JSON); - is standard input
    Import(Import),
}

/// `dwcp keyring create`
#[derive(Debug, Args)]
pub struct Create {
    /// The keyring to make; must not exist yet
    pub file: PathBuf,
    /// stream: files and streams; aead: short messages (encrypt data)
    #[arg(long = "type", value_enum, default_value_t = Kind::Stream)]
    pub kind: Kind,
    /// Segment size of streams [default: 1m]
    #[arg(long, value_enum)]
    pub segment: Option<Segment>,
    #[command(flatten)]
    pub lock: Unlock,
    /// Make up a passphrase: written to --passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["passphrase_fd", "key_file"])]
    pub generate: bool,
}

/// What a keyring is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// AES-GCM-HKDF streaming keys
    Stream,
    /// AES-256-GCM keys
    Aead,
}

/// Segment sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Segment {
    /// 4 KiB: many small files, much random access
    #[value(name = "4k")]
    K4,
    /// 64 KiB
    #[value(name = "64k")]
    K64,
    /// 1 MiB: large files
    #[value(name = "1m")]
    #[default]
    M1,
}

/// A verb on a whole keyring.
#[derive(Debug, Args)]
pub struct One {
    /// The keyring
    pub file: PathBuf,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// A verb on one key.
#[derive(Debug, Args)]
pub struct OneKey {
    /// The keyring
    pub file: PathBuf,
    /// The key's id, as `keyring list` shows it
    pub id: String,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp keyring rewrap`
#[derive(Debug, Args)]
pub struct Rewrap {
    /// The keyring
    pub file: PathBuf,
    #[command(flatten)]
    pub unlock: Unlock,
    /// File with the new passphrase [default: the same again, under a fresh salt and today's parameters]
    #[arg(long, value_name = "P", conflicts_with_all = ["new_passphrase_fd", "new_key_file"])]
    pub new_passphrase_file: Option<PathBuf>,
    /// Open file descriptor to read the new passphrase from
    #[arg(long, value_name = "N", value_parser = descriptor, conflicts_with = "new_key_file")]
    pub new_passphrase_fd: Option<u32>,
    /// Key file to wrap with from now on; made if it does not exist
    #[arg(long, value_name = "K")]
    pub new_key_file: Option<PathBuf>,
    /// Ask for a new passphrase on the terminal
    #[arg(long, conflicts_with_all = ["new_passphrase_file", "new_passphrase_fd", "new_key_file", "generate"])]
    pub change: bool,
    /// Make up a passphrase: written to --new-passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["new_passphrase_fd", "new_key_file"])]
    pub generate: bool,
}

/// `dwcp keyring export`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["file", "keyring"]))]
pub struct Export {
    /// The keyring
    pub file: Option<PathBuf>,
    /// The same, as the other commands name it
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<PathBuf>,
    /// The format
    #[arg(long, value_enum, default_value_t = KeysetFormat::TinkJson)]
    pub format: KeysetFormat,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeysetFormat {
    /// Tink's JSON keyset
    TinkJson,
}

/// `dwcp keyring import`
#[derive(Debug, Args)]
pub struct Import {
    /// The keyring to make; must not exist yet
    pub file: PathBuf,
    /// The clear keyset (JSON, mode 0600); - is standard input
    #[arg(long, value_name = "KEYSET")]
    pub from: PathBuf,
    #[command(flatten)]
    pub lock: Unlock,
    /// Make up a passphrase: written to --passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["passphrase_fd", "key_file"])]
    pub generate: bool,
}

const UNLOCK: &str = "What opens the keyring";

/// A descriptor that can be read from: 1 and 2 are for writing.
pub(super) fn descriptor(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(1 | 2) => Err("standard output and standard error are not read from".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("no number of a descriptor: {error}")),
    }
}
