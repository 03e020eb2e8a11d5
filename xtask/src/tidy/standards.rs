//! RFC numbers: only those whose title somebody wrote down here, so that a slip of a digit is found.

use crate::report::Violation;
use crate::tree::Tree;

/// Number and title.
const KNOWN: &[(u32, &str)] = &[
    (791, "Internet Protocol"),
    (822, "Standard for the Format of ARPA Internet Text Messages"),
    (952, "DoD Internet Host Table Specification"),
    (1034, "Domain Names: Concepts and Facilities"),
    (1035, "Domain Names: Implementation and Specification"),
    (1071, "Computing the Internet Checksum"),
    (1122, "Requirements for Internet Hosts - Communication Layers"),
    (1123, "Requirements for Internet Hosts: Application and Support"),
    (1191, "Path MTU Discovery"),
    (1858, "Security Considerations for IP Fragment Filtering"),
    (2104, "HMAC: Keyed-Hashing for Message Authentication"),
    (2253, "LDAP (v3): UTF-8 String Representation of Distinguished Names (obsoleted by 4514)"),
    (2473, "Generic Packet Tunneling in IPv6 Specification"),
    (2474, "Definition of the Differentiated Services Field (DS Field) in the IPv4 and IPv6 Headers"),
    (2585, "Internet X.509 PKI Operational Protocols: FTP and HTTP"),
    (2675, "IPv6 Jumbograms"),
    (2698, "A Two Rate Three Color Marker"),
    (2985, "PKCS #9: Selected Object Classes and Attribute Types"),
    (2986, "PKCS #10: Certification Request Syntax"),
    (3128, "Protection Against a Variant of the Tiny Fragment Attack (RFC 1858)"),
    (3168, "The Addition of Explicit Congestion Notification (ECN) to IP"),
    (3279, "Algorithms and Identifiers for the Internet X.509 PKI"),
    (3280, "Internet X.509 PKI Certificate and CRL Profile (obsoleted by 5280)"),
    (3339, "Date and Time on the Internet: Timestamps"),
    (3602, "The AES-CBC Cipher Algorithm and Its Use with IPsec"),
    (3849, "IPv6 Address Prefix Reserved for Documentation"),
    (3948, "UDP Encapsulation of IPsec ESP Packets"),
    (3986, "Uniform Resource Identifier (URI): Generic Syntax"),
    (4055, "Additional Algorithms and Identifiers for RSA Cryptography for use in the Internet X.509 PKI"),
    (4106, "The Use of Galois/Counter Mode (GCM) in IPsec ESP"),
    (4291, "IP Version 6 Addressing Architecture"),
    (4301, "Security Architecture for the Internet Protocol"),
    (4302, "IP Authentication Header"),
    (4303, "IP Encapsulating Security Payload (ESP)"),
    (
        4443,
        "Internet Control Message Protocol (ICMPv6) for the Internet Protocol Version 6 (IPv6) Specification",
    ),
    (4514, "LDAP: String Representation of Distinguished Names"),
    (4519, "LDAP: Schema for User Applications"),
    (4632, "Classless Inter-domain Routing (CIDR): The Internet Address Assignment and Aggregation Plan"),
    (4648, "The Base16, Base32, and Base64 Data Encodings"),
    (4868, "Using HMAC-SHA-256, HMAC-SHA-384, and HMAC-SHA-512 with IPsec"),
    (5019, "The Lightweight Online Certificate Status Protocol (OCSP) Profile for High-Volume Environments"),
    (5095, "Deprecation of Type 0 Routing Headers in IPv6"),
    (5116, "An Interface and Algorithms for Authenticated Encryption"),
    (5246, "The TLS Protocol Version 1.2 (obsoleted by 8446)"),
    (5280, "Internet X.509 Public Key Infrastructure Certificate and CRL Profile"),
    (5424, "The Syslog Protocol"),
    (5425, "TLS Transport Mapping for Syslog"),
    (5480, "Elliptic Curve Cryptography Subject Public Key Information"),
    (5722, "Handling of Overlapping IPv6 Fragments"),
    (5737, "IPv4 Address Blocks Reserved for Documentation"),
    (5758, "Internet X.509 PKI: Additional Algorithms and Identifiers for DSA and ECDSA"),
    (5869, "HMAC-based Extract-and-Expand Key Derivation Function (HKDF)"),
    (5915, "Elliptic Curve Private Key Structure"),
    (5952, "A Recommendation for IPv6 Address Text Representation"),
    (5958, "Asymmetric Key Packages"),
    (6066, "TLS Extensions: Extension Definitions"),
    (6275, "Mobility Support in IPv6"),
    (6454, "The Web Origin Concept"),
    (6479, "IPsec Anti-Replay Algorithm without Bit Shifting"),
    (6761, "Special-Use Domain Names"),
    (6935, "IPv6 and UDP Checksums for Tunneled Packets"),
    (6936, "Applicability Statement for the Use of IPv6 UDP Datagrams with Zero Checksums"),
    (6946, "Processing of IPv6 'Atomic' Fragments"),
    (6960, "X.509 Internet PKI Online Certificate Status Protocol (OCSP)"),
    (6962, "Certificate Transparency"),
    (7011, "Specification of the IP Flow Information Export (IPFIX) Protocol"),
    (7012, "Information Model for IP Flow Information Export (IPFIX)"),
    (7112, "Implications of Oversized IPv6 Header Chains"),
    (7301, "TLS Application-Layer Protocol Negotiation Extension"),
    (7468, "Textual Encodings of PKIX, PKCS, and CMS Structures"),
    (7469, "Public Key Pinning Extension for HTTP"),
    (7633, "X.509v3 Transport Layer Security (TLS) Feature Extension"),
    (7634, "ChaCha20, Poly1305, and Their Use in IKE and IPsec"),
    (7685, "A Transport Layer Security (TLS) ClientHello Padding Extension"),
    (7748, "Elliptic Curves for Security"),
    (8017, "PKCS #1: RSA Cryptography Specifications 2.2"),
    (8018, "PKCS #5: Password-Based Cryptography Specification 2.1"),
    (8032, "Edwards-Curve Digital Signature Algorithm (EdDSA)"),
    (8200, "Internet Protocol, Version 6 (IPv6) Specification"),
    (8259, "The JavaScript Object Notation (JSON) Data Interchange Format"),
    (
        8265,
        "Preparation, Enforcement, and Comparison of Internationalized Strings Representing Usernames and Passwords",
    ),
    (8410, "Algorithm Identifiers for Ed25519, Ed448, X25519, and X448 in X.509"),
    (8439, "ChaCha20 and Poly1305 for IETF Protocols"),
    (8446, "The TLS Protocol Version 1.3 (obsoleted by 9846)"),
    (8448, "Example Handshake Traces for TLS 1.3"),
    (8449, "Record Size Limit Extension for TLS"),
    (8555, "Automatic Certificate Management Environment (ACME)"),
    (8701, "Applying Generate Random Extensions And Sustain Extensibility (GREASE) to TLS Extensibility"),
    (8737, "ACME TLS-ALPN Challenge Extension"),
    (8738, "ACME IP Identifier Validation Extension"),
    (8750, "Implicit Initialization Vector (IV) for Counter-Based Ciphers in ESP"),
    (8879, "TLS Certificate Compression"),
    (8883, "ICMPv6 Errors for Discarding Packets Due to Processing Limits"),
    (9106, "Argon2 Memory-Hard Function"),
    (9110, "HTTP Semantics"),
    (9112, "HTTP/1.1"),
    (9146, "Connection Identifier for DTLS 1.2"),
    (9147, "The Datagram Transport Layer Security (DTLS) Protocol Version 1.3"),
    (9149, "TLS Ticket Requests"),
    (9162, "Certificate Transparency Version 2.0"),
    (9266, "Channel Bindings for TLS 1.3"),
    (9293, "Transmission Control Protocol (TCP)"),
    (9325, "Recommendations for Secure Use of TLS and DTLS (BCP 195)"),
    (9525, "Service Identity in TLS"),
    (9618, "Updates to X.509 Policy Validation"),
    (9654, "OCSP Nonce Extension"),
    (9773, "ACME Renewal Information (ARI) Extension"),
    (9846, "The TLS Protocol Version 1.3"),
    (9850, "The SSLKEYLOGFILE Format for TLS"),
    (9853, "Return Routability Check for DTLS"),
    (10024, "Hybrid ECDHE-MLKEM Key Agreement for TLS 1.3"),
];

pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| judged(&file.path)) {
        for (number, line) in file.lines() {
            for rfc in mentioned(line) {
                if !KNOWN.iter().any(|(known, _)| *known == rfc) {
                    let what = format!("RFC {rfc} is not on the list in xtask/src/tidy/standards.rs");
                    found.push(Violation::new(format!("{}:{number}", file.path), "standard", what));
                }
            }
        }
    }
    found
}

fn judged(path: &str) -> bool {
    path.ends_with(".rs") || path.ends_with(".md") || path.ends_with(".toml")
}

/// The numbers after the word, with a space, a hyphen, a plural or nothing between.
fn mentioned(line: &str) -> impl Iterator<Item = u32> + '_ {
    line.match_indices("RFC").filter_map(|(at, _)| {
        let rest = line.get(at + 3..)?;
        let rest = rest.strip_prefix('s').unwrap_or(rest).trim_start_matches([' ', '-', '_']);
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest.get(..digits)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_has_a_title_for_each() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(KNOWN.iter().all(|(_, title)| title.len() > 5));
    }

    #[test]
    fn an_unknown_number_is_found_in_every_spelling() {
        // Put together at run time, so that the rule does not find this test.
        let word = ["R", "FC"].concat();
        for spelled in [" 9847", "9847", "s 9847", "-9847"] {
            let text = format!("//! see {word}{spelled} §5 and {word} 5280\n");
            assert_eq!(violations(&Tree::of(&[("a.rs", text.as_str())])).len(), 1, "{spelled}");
            assert_eq!(violations(&Tree::of(&[("a.json", text.as_str())])), []);
        }
        assert_eq!(violations(&Tree::of(&[("a.md", "RFC 3339 time, an RFC, the RFCs\n")])), []);
    }
}
