//! AT-T9: odd certificates in real handshakes, shown by peers that no node of ours would be, in both roles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::foreign::{client, dialling, facing, server};
use common::{Authority, Leaf, expected, required};
use dwcp_base::Coded;
use dwcp_tls::{ClientSettings, TlsError};
use rcgen::ExtendedKeyUsagePurpose::{Any, ClientAuth, CodeSigning, ServerAuth};
use rcgen::{CertificateParams, CustomExtension};

type Edit = Box<dyn Fn(&mut CertificateParams)>;

/// Replaces all names by these: tag number and content, criticality as in a certificate with a subject.
fn names(list: &[(u8, &[u8])]) -> Edit {
    let mut content = Vec::new();
    for (tag, name) in list {
        content.extend([0x80 | tag, u8::try_from(name.len()).unwrap()]);
        content.extend(*name);
    }
    let length = u8::try_from(content.len()).unwrap();
    let value = [&[0x30, length][..], &content].concat();
    Box::new(move |params| {
        params.subject_alt_names.clear();
        let mut names = CustomExtension::from_oid_content(&[2, 5, 29, 17], value.clone());
        names.set_criticality(true);
        params.custom_extensions.push(names);
    })
}

const DNS: u8 = 2;
const URI: u8 = 6;

fn usages(usages: &[rcgen::ExtendedKeyUsagePurpose]) -> Edit {
    let usages = usages.to_vec();
    Box::new(move |params| params.extended_key_usages.clone_from(&usages))
}

/// What our server makes of a client whose certificate is edited so; the peer's label when it gets in.
async fn as_client(edit: &Edit) -> Result<String, (TlsError, Option<&'static str>)> {
    let authority = Authority::new("clients");
    let near = authority.node("server").server(required()).unwrap();
    let (der, key) = authority.sign(&Leaf::named("client"), edit);
    let (outcome, told) = facing(&near, client(&authority, vec![der], &key.serialize_der())).await;
    outcome.map(|session| session.peer().label()).map_err(|error| (error, told))
}

/// What our client makes of a server whose certificate is edited so, when it means `name`.
async fn as_server(edit: &Edit, name: &str) -> Result<String, (TlsError, Option<&'static str>)> {
    let authority = Authority::new("servers");
    let far = authority.node("client").client(ClientSettings::new()).unwrap();
    let (der, key) = authority.sign(&Leaf::named("server"), edit);
    let config = server(vec![der], &key.serialize_der(), None);
    let (outcome, told) = dialling(&far, &config, &expected(name)).await;
    outcome.map(|session| session.peer().label()).map_err(|error| (error, told))
}

#[tokio::test]
async fn at_t9_a_usage_that_is_missing_too_wide_or_another_is_refused_in_both_roles() {
    let told = Some("tls.peer.unsupported_certificate");
    for (edit, role) in [
        (usages(&[]), "both"),
        (usages(&[Any]), "both"),
        (usages(&[Any, ClientAuth, ServerAuth]), "both"),
        (usages(&[CodeSigning]), "both"),
        (usages(&[ServerAuth]), "client"),
        (usages(&[ClientAuth]), "server"),
    ] {
        if role != "server" {
            let (error, alert) = as_client(&edit).await.unwrap_err();
            assert_eq!((error.code(), alert), ("tls.certificate.wrong_purpose", told), "{role}");
        }
        if role != "client" {
            let (error, alert) = as_server(&edit, "DNS:server.mesh").await.unwrap_err();
            assert_eq!((error.code(), alert), ("tls.certificate.wrong_purpose", told), "{role}");
        }
    }
    // The same plumbing with the one usage that is right.
    assert_eq!(as_client(&usages(&[ClientAuth])).await.unwrap(), "spiffe://mesh/client");
    assert_eq!(as_server(&usages(&[ServerAuth]), "DNS:server.mesh").await.unwrap(), "spiffe://mesh/server");
}

#[tokio::test]
async fn at_t9_odd_spiffe_ids_identify_nobody() {
    let one: &[u8] = b"spiffe://mesh/client";
    let odd: &[&[(u8, &[u8])]] = &[
        // Two URIs, whatever the second one is.
        &[(URI, one), (URI, b"spiffe://mesh/admin")],
        &[(URI, one), (URI, one)],
        &[(URI, one), (URI, b"https://mesh/client")],
        &[(URI, b"https://mesh/client"), (URI, one)],
        // Percent-encoding, case, trailing dot, and what else the path and the trust domain may not hold.
        &[(URI, b"spiffe://mesh/cl%69ent")],
        &[(URI, b"spiffe://mesh/client%2fadmin")],
        &[(URI, b"spiffe://Mesh/client")],
        &[(URI, b"SPIFFE://mesh/client")],
        &[(URI, b"spiffe://mesh/client/")],
        &[(URI, b"spiffe://mesh//client")],
        &[(URI, b"spiffe://mesh/../client")],
        &[(URI, b"spiffe://mesh/client?x=1")],
        &[(URI, b"spiffe://mesh/client#x")],
        &[(URI, b"spiffe://user@mesh/client")],
        &[(URI, b"spiffe://mesh:443/client")],
        &[(URI, b"spiffe:///client")],
    ];
    for list in odd {
        let text: Vec<_> = list.iter().map(|(_, name)| String::from_utf8_lossy(name)).collect();
        for outcome in
            [as_client(&names(list)).await, as_server(&names(list), "URI:spiffe://mesh/client").await]
        {
            let Err((error, told)) = outcome else { panic!("{text:?} was let in as {:?}", outcome.unwrap()) };
            assert!(error.code().starts_with("tls.certificate."), "{text:?}: {error:?}");
            assert_eq!(told, Some("tls.peer.bad_certificate"), "{text:?}: {}", error.code());
        }
    }
    assert_eq!(as_client(&names(&[(URI, one)])).await.unwrap(), "spiffe://mesh/client");
    // A dot may end a trust domain. That is another one, and its peers are other peers.
    let dotted = names(&[(URI, b"spiffe://mesh./client")]);
    assert_eq!(as_client(&dotted).await.unwrap(), "spiffe://mesh./client");
    let (error, _) = as_server(&dotted, "URI:spiffe://mesh/client").await.unwrap_err();
    assert_eq!(error.code(), "tls.certificate.wrong_name");
}

#[tokio::test]
async fn at_t9_a_nul_or_an_address_or_a_trailing_dot_in_a_dns_name_is_refused() {
    let odd: &[&[u8]] = &[
        b"server.mesh\0.evil.example",
        b"\0server.mesh",
        b"server.mesh\0",
        b"server.mesh ",
        b"server.m\xc3\xa9sh",
        b"127.0.0.1",
        b"server.mesh.",
        b"",
    ];
    for name in odd {
        let list = names(&[(DNS, name)]);
        for outcome in [as_client(&list).await, as_server(&list, "DNS:server.mesh").await] {
            let (error, told) = outcome.unwrap_err();
            assert!(
                matches!(error.code(), "tls.certificate.wrong_name" | "tls.certificate.malformed"),
                "{name:?}: {error:?}"
            );
            assert_eq!(told, Some("tls.peer.bad_certificate"), "{name:?}");
        }
        // What is refused says no more than can be printed.
        let (error, _) = as_client(&list).await.unwrap_err();
        assert!(error.to_string().chars().all(|c| c.is_ascii_graphic() || c == ' '), "{error}");
    }
    // An address is one as an address alone, and no name is one.
    let (error, _) = as_server(&names(&[(DNS, b"server.mesh")]), "IP:127.0.0.1").await.unwrap_err();
    assert_eq!(error.code(), "tls.certificate.wrong_name");
    assert!(as_server(&names(&[(DNS, b"server.mesh")]), "DNS:server.mesh").await.is_ok());
}

#[tokio::test]
async fn at_t9_a_client_has_no_wildcard_and_a_server_has_it_for_one_label() {
    let wild = names(&[(DNS, b"*.node.mesh")]);
    let (error, told) = as_client(&wild).await.unwrap_err();
    assert_eq!((error.code(), told), ("tls.certificate.wrong_name", Some("tls.peer.bad_certificate")));
    let beside = names(&[(URI, b"spiffe://mesh/client"), (DNS, b"*.node.mesh")]);
    assert_eq!(as_client(&beside).await.unwrap_err().0.code(), "tls.certificate.wrong_name");
    assert!(as_server(&wild, "DNS:server.node.mesh").await.is_ok());
    for not_covered in ["DNS:a.server.node.mesh", "DNS:node.mesh"] {
        let (error, told) = as_server(&wild, not_covered).await.unwrap_err();
        let wanted = ("tls.certificate.wrong_name", Some("tls.peer.bad_certificate"));
        assert_eq!((error.code(), told), wanted, "{not_covered}");
    }
}

#[tokio::test]
async fn a_certificate_of_a_public_authority_is_no_identity_of_a_client_whatever_is_trusted() {
    let marks: [(&[u64], &[u8]); 3] = [
        // extended and domain validation, receipts of logs
        (&[2, 5, 29, 32], &[0x30, 9, 0x30, 7, 6, 5, 0x67, 0x81, 0x0c, 1, 1]),
        (&[2, 5, 29, 32], &[0x30, 10, 0x30, 8, 6, 6, 0x67, 0x81, 0x0c, 1, 2, 1]),
        (&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], EMPTY_RECEIPTS),
    ];
    for (oid, content) in marks {
        // With the usage that such certificates once had, and as they are issued now.
        for wanted in [vec![ServerAuth, ClientAuth], vec![ServerAuth]] {
            let edit: Edit = Box::new(move |params| {
                params.extended_key_usages.clone_from(&wanted);
                params.custom_extensions = vec![CustomExtension::from_oid_content(oid, content.to_vec())];
            });
            let (error, told) = as_client(&edit).await.unwrap_err();
            assert_eq!(
                (error.code(), told),
                ("tls.certificate.public", Some("tls.peer.unsupported_certificate")),
                "{error:?}"
            );
            assert_eq!(error.reason(), "certificate_public");
            let why = std::error::Error::source(&error).unwrap().to_string();
            assert!(why.contains("client authentication") && why.contains("web site"), "{why}");
            // As a server it may be shown.
            assert!(as_server(&edit, "DNS:server.mesh").await.is_ok());
        }
    }
    let own: Edit = Box::new(|params| {
        let content = vec![0x30, 6, 0x30, 4, 6, 2, 0x2a, 3];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], content)];
    });
    assert_eq!(as_client(&own).await.unwrap(), "spiffe://mesh/client", "a policy of one's own marks nothing");
}

/// A list with one receipt: version 1, a log, a time, no extensions, an ECDSA signature.
const EMPTY_RECEIPTS: &[u8] = &{
    let mut bytes = [7_u8; 57];
    bytes[0] = 4;
    bytes[1] = 55;
    bytes[2] = 0;
    bytes[3] = 53;
    bytes[4] = 0;
    bytes[5] = 51;
    // The version, 32 bytes of log, 8 of time.
    bytes[6] = 0;
    bytes[47] = 0;
    bytes[48] = 0;
    bytes[49] = 4;
    bytes[50] = 3;
    bytes[51] = 0;
    bytes[52] = 4;
    bytes
};
