//! Authorities, certificates and lists as OpenSSL makes them, well or badly.

use super::judged::Files;
use std::process::Command;

/// OpenSSL at work in a directory. Names of parties are names of files: `NAME.crt` and `NAME.key`.
pub(crate) struct Foreign(pub(crate) Files);

/// What a sound root, authority and leaf have besides their key identifiers.
pub(crate) const ROOT: &str = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign";
pub(crate) const LEAF: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:a.example.org";
/// The key identifiers of a certificate that another one signed.
pub(crate) const IDS: &str = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid";

impl Foreign {
    pub(crate) fn new() -> Self {
        Self(Files::new())
    }

    /// A root of 10 days and below it `sub`, an authority of 100 days; all others live as long.
    pub(crate) fn chain() -> Self {
        let made = Self::new();
        made.party("root", "/CN=Root", None, &format!("{ROOT}\nsubjectKeyIdentifier=hash"), &["-days", "10"]);
        made.party("sub", "/CN=Sub", Some("root"), &format!("{ROOT}\n{IDS}"), &[]);
        made
    }

    /// A key and a certificate with exactly these extensions, signed by `issuer` or by itself.
    pub(crate) fn party(
        &self,
        name: &str,
        subject: &str,
        issuer: Option<&str>,
        extensions: &str,
        more: &[&str],
    ) {
        // OpenSSL adds the identifiers that nobody mentions.
        let unsaid = ["subjectKeyIdentifier", "authorityKeyIdentifier"].into_iter();
        let none: String =
            unsaid.filter(|id| !extensions.contains(id)).map(|id| format!("{id}=none\n")).collect();
        let config = format!("[req]\ndistinguished_name=dn\n[dn]\n[made]\n{none}{extensions}\n");
        self.0.write(&format!("{name}.cnf"), config);
        let (config, out, key) = (format!("{name}.cnf"), format!("{name}.crt"), format!("{name}.key"));
        let mut arguments = vec!["req", "-x509", "-config", &config, "-extensions", "made", "-subj", subject];
        arguments.extend(["-out", &out, "-keyout", &key, "-nodes", "-days", "100"]);
        arguments.extend(more);
        if !more.contains(&"-newkey") {
            arguments.extend(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        }
        let signer = issuer.map(|issuer| (format!("{issuer}.crt"), format!("{issuer}.key")));
        if let Some((certificate, key)) = &signer {
            arguments.extend(["-CA", certificate, "-CAkey", key]);
        }
        self.holds(&arguments);
    }

    /// A sound leaf of `sub`, but for these extensions.
    pub(crate) fn leaf(&self, name: &str, extensions: &str) {
        self.party(name, &format!("/CN={name}"), Some("sub"), extensions, &[]);
    }

    /// The list of an authority, with what OpenSSL is to be told besides.
    pub(crate) fn list(&self, name: &str, issuer: &str, extensions: &str, more: &[&str]) {
        self.0.write("index.txt", "");
        self.0.write("number.txt", "01\n");
        let config = format!(
            "[ca]\ndefault_ca=one\n[one]\ndatabase=index.txt\ncrlnumber=number.txt\ndefault_md=sha256\n[made]\n{extensions}\n"
        );
        self.0.write(&format!("{name}.cnf"), config);
        let (config, certificate, key) =
            (format!("{name}.cnf"), format!("{issuer}.crt"), format!("{issuer}.key"));
        let common =
            ["ca", "-gencrl", "-config", &config, "-cert", &certificate, "-keyfile", &key, "-out", name];
        self.holds(&[&common[..], &["-crlexts", "made", "-crldays", "30"], more].concat());
    }

    #[track_caller]
    pub(crate) fn holds(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.0.path("")).output().unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
