//! Packets of the Encapsulating Security Payload (RFC 4303), sealed and opened in place.
