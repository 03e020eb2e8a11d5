//! What the keys of packets promise, with limits and first numbers that only tests may choose.
