//! Which sequence numbers were seen (RFC 6479), for one receiver and for several.
