//! What a connection says before the handshake: records, the ClientHello in them and the ServerHello that answers it, read from bytes alone.
//!
//! Nothing here decides: it is for looking, for logs and for fingerprints. The engine reads the same bytes by itself and is
//! the one that accepts or refuses. All of it is bounded, borrows from its input, and takes no clock and no socket.
//!
//! ```
//! use dwcp_tls::inspect::{HelloAssembler, InspectError, Progress};
//!
//! fn look(segments: &[&[u8]]) -> Result<(), InspectError> {
//!     let mut assembler = HelloAssembler::new();
//!     for segment in segments {
//!         if let Progress::Whole { .. } = assembler.push(segment)? {
//!             let hello = assembler.hello()?;
//!             println!("{:?} {} {}", hello.server_name(), hello.ja4(), hello.weaknesses());
//!             break;
//!         }
//!     }
//!     Ok(())
//! }
//! # look(&[b"\x16\x03\x01", b"\x00"]).unwrap();
//! # look(&[b"GET / HTTP/1.1\r\n"]).unwrap_err();
//! ```

mod assembler;
mod code_points;
mod cursor;
mod error;
mod extension;
mod hello;
mod ja4;
mod key_shares;
mod names;
mod record;
mod server_hello;
mod suites;
mod views;
mod weak;

pub use assembler::{HelloAssembler, LARGEST_MESSAGE, Progress};
pub use code_points::{CodePoints, ExtensionCode, GroupCode, SchemeCode, SuiteCode, VersionCode};
pub use error::{Fault, InspectError};
pub use extension::{Extension, Extensions, MOST_EXTENSIONS};
pub use hello::ClientHello;
pub use ja4::Ja4;
pub use key_shares::{KeyShareGroups, MOST_KEY_SHARES};
pub use names::Protocols;
pub use record::{ContentType, LARGEST_RECORD, TlsRecord};
pub use server_hello::ServerHello;
pub use views::TicketRequest;
pub use weak::{WeakOffer, Weaknesses};
