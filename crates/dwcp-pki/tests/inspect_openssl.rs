//! What is shown is what OpenSSL shows, field by field.
//!
//! Without an `openssl` program the tests say that they were skipped; with `CI=true` they fail then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod openssl_peer;

use dwcp_pki::inspect::{
    Contents, ExtensionValue, GeneralName, Inspected, InspectedCertificate, KeyDetail, OwnSignature, hex,
};
use openssl_peer::{iso, openssl, openssl_is_there, plain};
use std::fs;
use std::path::Path;

fn certificate(at: &Path, file: &str) -> InspectedCertificate {
    match Contents::read(&fs::read(at.join(file)).unwrap()).unwrap().documents.remove(0) {
        Ok(Inspected::Certificate(certificate)) => *certificate,
        other => panic!("{other:?}"),
    }
}

const CONFIG: &str = "
[req]
distinguished_name=dn
[dn]
[x]
basicConstraints=critical,CA:TRUE,pathlen:3
keyUsage=critical,digitalSignature,keyCertSign,cRLSign,decipherOnly
extendedKeyUsage=serverAuth,clientAuth,OCSPSigning,1.2.3.4
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always,issuer:always
subjectAltName=@san
issuerAltName=URI:http://issuer.example
nameConstraints=critical,permitted;DNS:example.org,permitted;IP:192.0.2.0/255.255.255.0,excluded;email:example.com
certificatePolicies=2.23.140.1.2.1,@policy
policyMappings=1.2.3:1.2.4
policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:0
inhibitAnyPolicy=2
crlDistributionPoints=point
freshestCRL=URI:http://delta.example/d.crl
authorityInfoAccess=OCSP;URI:http://ocsp.example,caIssuers;URI:http://ca.example/ca.crt
subjectInfoAccess=1.3.6.1.5.5.7.48.5;URI:http://repo.example
tlsfeature=status_request
noCheck=ignored
nsComment=a comment
nsCertType=server,sslCA
1.2.3.4.5=ASN1:UTF8String:whatever
[san]
DNS.1=a.example.org
DNS.2=*.example.org
IP.1=192.0.2.7
IP.2=2001:db8::7
URI.1=spiffe://example.org/a
email.1=a@example.org
RID.1=1.2.3.4
dirName.1=directory
otherName.1=1.3.6.1.4.1.311.20.2.3;UTF8:user@example.org
[directory]
C=CH
O=In a name
[policy]
policyIdentifier=1.3.5.8
CPS.1=http://cps.example
userNotice.1=@notice
[notice]
explicitText=UTF8:Notice this
organization=Somebody
noticeNumbers=1,2
[point]
fullname=URI:http://crl.example/a.crl
CRLissuer=dirName:directory
reasons=keyCompromise,CACompromise
";

#[test]
fn every_extension_that_openssl_makes_is_read_as_what_it_is() {
    if !openssl_is_there("every_extension_that_openssl_makes_is_read_as_what_it_is") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("x.cnf"), CONFIG).unwrap();
    let subject =
        "/C=CH/ST=Zürich/O=A, B + C/OU=one/OU=#two/CN= spaced /emailAddress=a@example.org/1.2.3.4=odd";
    openssl(
        at,
        &[
            "req",
            "-x509",
            "-utf8",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-config",
            "x.cnf",
            "-extensions",
            "x",
            "-subj",
            subject,
            "-days",
            "30",
            "-keyout",
            "k",
            "-out",
            "c.crt",
        ],
    );
    let read = certificate(at, "c.crt");
    assert!(read.extensions.iter().all(|extension| extension.value.is_ok()), "{:?}", read.extensions);
    let unknown: Vec<String> = read
        .extensions
        .iter()
        .filter(|extension| extension.value == Ok(ExtensionValue::Unknown))
        .map(|extension| extension.oid.to_string())
        .collect();
    assert_eq!(unknown, ["1.2.3.4.5"]);
    assert_eq!(read.extensions.len(), 21);

    assert_eq!(
        openssl(at, &["x509", "-in", "c.crt", "-noout", "-serial"]).to_ascii_lowercase(),
        format!("serial={}", read.serial)
    );
    let name =
        openssl(at, &["x509", "-in", "c.crt", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb,utf8"]);
    // OpenSSL escapes a space at both ends as well, and writes an unknown attribute's DER the same way.
    assert_eq!(name, format!("subject={}", read.subject).replace("#0c03", "#0C03"));
    let names: Vec<String> = read.names().iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "DNS:a.example.org",
            "DNS:*.example.org",
            "IP:192.0.2.7",
            "IP:2001:db8::7",
            "URI:spiffe://example.org/a",
            "EMAIL:a@example.org",
            "RID:1.2.3.4",
            "DirName:O=In a name,C=CH",
            "othername:userPrincipalName:user@example.org"
        ]
    );
    let shown = format!("{:?}", read.extensions);
    for part in [
        "keyCertSign",
        "decipherOnly",
        "1.2.3.4",
        "http://cps.example",
        "Notice this",
        "Somebody",
        "http://crl.example/a.crl",
        "cACompromise",
        "http://ocsp.example",
        "http://ca.example/ca.crt",
        "http://repo.example",
        "http://delta.example/d.crl",
        "a comment",
        "sslServer",
        "Network { address: 192.0.2.0",
    ] {
        assert!(shown.contains(part), "{part}");
    }
    let key_id = openssl(at, &["x509", "-in", "c.crt", "-noout", "-ext", "subjectKeyIdentifier"]);
    let key_id = plain(key_id.lines().last().unwrap().trim());
    let own = read.extensions.iter().find_map(|e| match &e.value {
        Ok(ExtensionValue::SubjectKeyId(id)) => Some(hex(id)),
        _ => None,
    });
    assert_eq!(own, Some(key_id.clone()));
    let issuer = read.extensions.iter().find_map(|e| match &e.value {
        Ok(ExtensionValue::AuthorityKeyId(id)) => Some(id.clone()),
        _ => None,
    });
    let issuer = issuer.unwrap();
    assert_eq!((issuer.key_id.map(|id| hex(&id)), issuer.serial), (Some(key_id), Some(read.serial)));
    assert_eq!(issuer.issuer, [GeneralName::Directory(read.issuer)]);
}

#[test]
fn keys_dates_and_fingerprints_are_those_that_openssl_shows() {
    if !openssl_is_there("keys_dates_and_fingerprints_are_those_that_openssl_shows") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let keys: [(&[&str], &str, usize); 7] = [
        (&["rsa:1024"], "RSA", 1_024),
        (&["rsa:2048"], "RSA", 2_048),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "P-384", 384),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "P-521", 521),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "secp256k1", 256),
        (&["ed25519"], "Ed25519", 256),
        (&["ed448"], "Ed448", 456),
    ];
    for (key, name, bits) in keys {
        let mut arguments = vec![
            "req",
            "-x509",
            "-nodes",
            "-subj",
            "/CN=x",
            "-addext",
            "subjectAltName=DNS:x",
            "-days",
            "12345",
        ];
        arguments.extend(["-set_serial", "0x00ff0102", "-keyout", "k", "-out", "c.crt", "-newkey"]);
        arguments.extend(key);
        openssl(at, &arguments);
        let read = certificate(at, "c.crt");
        assert_eq!((read.key.name().as_str(), read.key.size()), (name, Some(bits)));
        assert_eq!((read.serial.to_string().as_str(), read.version), ("ff0102", 3));
        for (digest, ours) in [("-sha256", hex(&read.sha256())), ("-sha1", hex(&read.sha1()))] {
            assert_eq!(
                plain(&openssl(at, &["x509", "-in", "c.crt", "-noout", "-fingerprint", digest])),
                ours
            );
        }
        let dates = openssl(at, &["x509", "-in", "c.crt", "-noout", "-dates", "-dateopt", "iso_8601"]);
        assert_eq!(dates, format!("notBefore={}\nnotAfter={}", iso(&read.not_before), iso(&read.not_after)));
        fs::write(at.join("p.pem"), openssl(at, &["x509", "-in", "c.crt", "-noout", "-pubkey"])).unwrap();
        openssl(at, &["pkey", "-pubin", "-in", "p.pem", "-outform", "DER", "-out", "p.der"]);
        let hash = openssl(at, &["dgst", "-sha256", "-r", "p.der"]);
        assert_eq!(hash.split(' ').next().unwrap(), hex(&read.key.sha256()));
        if let KeyDetail::Rsa { modulus, exponent, .. } = &read.key.detail {
            let theirs = openssl(at, &["x509", "-in", "c.crt", "-noout", "-modulus"]);
            assert_eq!(plain(&theirs), modulus.to_string());
            assert_eq!(exponent.as_u64(), Some(65_537));
        }
        let checked = if ["RSA", "P-384", "Ed25519"].contains(&name) && bits != 1_024 {
            OwnSignature::Good
        } else {
            OwnSignature::Unchecked
        };
        assert_eq!(read.own_signature(), checked, "{name}");
        // DER as well, and OpenSSL's text around PEM.
        openssl(at, &["x509", "-in", "c.crt", "-outform", "DER", "-out", "c.der"]);
        openssl(at, &["x509", "-in", "c.crt", "-text", "-out", "c.txt"]);
        assert_eq!((certificate(at, "c.der"), certificate(at, "c.txt")), (read.clone(), read));
    }
}

#[test]
fn signatures_and_times_at_their_borders_are_named_as_openssl_names_them() {
    if !openssl_is_there("signatures_and_times_at_their_borders_are_named_as_openssl_names_them") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    openssl(
        at,
        &["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", "k", "-out", "r"],
    );
    openssl(at, &["req", "-x509", "-key", "k", "-subj", "/CN=root", "-out", "ca.crt"]);
    fs::write(at.join("ca.cnf"), "[ca]\ndefault_ca=d\n[d]\ndatabase=db\nserial=s\nnew_certs_dir=.\npolicy=p\ncrlnumber=n\n[p]\nCN=supplied\n").unwrap();
    for (options, name, weak) in [
        (&["-md", "sha1"][..], "sha1WithRSAEncryption", true),
        (&["-md", "md5"], "md5WithRSAEncryption", true),
        (&["-md", "sha384"], "sha384WithRSAEncryption", false),
        (
            &["-md", "sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:17"],
            "RSASSA-PSS",
            false,
        ),
        (&["-md", "sha1", "-sigopt", "rsa_padding_mode:pss"], "RSASSA-PSS", true),
    ] {
        fs::write(at.join("db"), "").unwrap();
        fs::write(at.join("s"), "80\n").unwrap();
        let mut arguments = vec![
            "ca", "-batch", "-notext", "-config", "ca.cnf", "-keyfile", "k", "-cert", "ca.crt", "-in", "r",
            "-out", "c.crt",
        ];
        arguments.extend(["-startdate", "19500101000000Z", "-enddate", "99991231235959Z"]);
        arguments.extend(options);
        openssl(at, &arguments);
        let read = certificate(at, "c.crt");
        let theirs = openssl(at, &["x509", "-in", "c.crt", "-noout", "-text"]);
        let theirs =
            theirs.lines().find_map(|line| line.trim().strip_prefix("Signature Algorithm: ")).unwrap();
        assert_eq!(
            (theirs.to_ascii_lowercase().replace("rsassapss", "rsassa-pss"), read.signature_algorithm.name()),
            (name.to_ascii_lowercase(), name.to_owned())
        );
        assert_eq!(read.signature_algorithm.is_broken(), weak, "{name} {options:?}");
        assert_eq!(read.serial.to_string(), "80");
        assert!(read.not_after.is_no_end());
        let dates = openssl(at, &["x509", "-in", "c.crt", "-noout", "-dates", "-dateopt", "iso_8601"]);
        assert_eq!(dates, format!("notBefore={}\nnotAfter={}", iso(&read.not_before), iso(&read.not_after)));
        if options.contains(&"rsa_pss_saltlen:17") {
            let parameters = format!("{:?}", read.signature_algorithm.parameters);
            assert!(
                parameters.contains("salt: Some(17)") && parameters.contains("2.16.840.1.101.3.4.2.1"),
                "{parameters}"
            );
        }
    }
}
