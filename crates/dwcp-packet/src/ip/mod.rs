//! What an IP packet says of itself, read without trust (RFC 791, RFC 8200).
