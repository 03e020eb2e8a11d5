//! What the sections of Vault and ACME become, and what of them is refused with which fix.

use super::{ChallengePlan, ConfigProblem, Loaded, LoginPlan, NodePlan, ProviderPlan, check, parse};
use dwcp_pki::SubjectName;
use std::path::PathBuf;
use std::time::Duration;

const LISTENER: &str =
    "node: {listeners: [{name: w, listen: '127.0.0.1:443', target: 'a:1', allow: [anonymous]}]}";

fn judged(text: &str) -> Result<NodePlan, ConfigProblem> {
    let config = parse(text, &[])?;
    check(&Loaded { config, base: PathBuf::from("/etc/dwcp"), file: PathBuf::from("/etc/dwcp/dwcp.yaml") })
}

fn refused(text: &str) -> ConfigProblem {
    judged(text).map(|plan| format!("{plan:?}")).unwrap_err()
}

fn vault(keys: &str) -> String {
    format!("security: {{cert_management: {{provider: vault, vault: {{{keys}}}}}}}")
}

fn acme(keys: &str) -> String {
    format!(
        "security: {{cert_management: {{provider: acme, acme: {{domains: [a.example], {keys}}}}}}}\n{LISTENER}"
    )
}

const ENOUGH: &str = "address: 'https://v.example:8200', role: dwcp-role, ca_file: v.crt, token_file: token";

#[test]
fn what_vault_needs_is_asked_for_one_after_the_other() {
    let mut keys = String::new();
    for (key, value) in [
        ("address", "'https://v.example:8200'"),
        ("role", "dwcp-role"),
        ("ca_file", "v.crt"),
        ("token_file", "token"),
    ] {
        let problem = refused(&vault(&keys));
        assert_eq!(problem.key, format!("security.cert_management.vault.{key}"));
        assert!(problem.what.starts_with("is missing") && !problem.fix.is_empty(), "{problem:?}");
        keys.push_str(&format!("{key}: {value}, "));
    }
    let plan = judged(&vault(&keys)).unwrap();
    let ProviderPlan::Vault { vault, renewals } = &plan.provider else { panic!("{:?}", plan.provider) };
    assert_eq!((vault.mount.as_str(), vault.role.as_str()), ("pki", "dwcp-role"));
    assert_eq!(vault.login, LoginPlan::Token(PathBuf::from("/etc/dwcp/token")));
    assert_eq!(vault.kept_roots, Some(PathBuf::from("/etc/dwcp/vault-ca.crt")));
    assert!(renewals.auto_renew && vault.names.is_none());
}

#[test]
fn the_names_follow_from_name_and_trust_domain_unless_they_are_written() {
    let named = |keys: &str| {
        let text = format!("{}\nnode: {{name: n1, trust_domain: novacron.local}}", vault(keys));
        let plan = judged(&text).unwrap();
        let ProviderPlan::Vault { vault, .. } = plan.provider else { panic!() };
        let names = vault.names.unwrap();
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(named(ENOUGH), ["URI:spiffe://novacron.local/node/n1", "DNS:n1.novacron.local"]);
    let written = format!("{ENOUGH}, names: ['DNS:x.novacron.local', 'IP:10.0.0.7']");
    assert_eq!(named(&written), ["DNS:x.novacron.local", "IP:10.0.0.7"]);
    for bad in
        ["[]", "[x]", "['DNS:a.b', 'DNS:a.b']", "['IP:1']", "['DNS:*.novacron.local']", "[\"DNS:a\\u000ab\"]"]
    {
        let problem = refused(&vault(&format!("{ENOUGH}, names: {bad}")));
        assert_eq!(problem.key, "security.cert_management.vault.names", "{bad}");
    }
}

#[test]
fn at_p6_a_token_is_never_sent_in_clear_nor_to_what_is_no_plain_server() {
    let problem = refused(&vault(&ENOUGH.replace("https://", "http://")));
    assert!(problem.what.contains("in clear") && problem.fix.contains("https://"), "{problem}");
    for bad in [
        "https://u:p@v.example",
        "https://v.example/#x",
        "https://v.example:8200/v1",
        "ftp://v.example",
        "v.example:8200",
        "https://",
    ] {
        let problem = refused(&vault(&ENOUGH.replace("https://v.example:8200", bad)));
        assert_eq!(problem.key, "security.cert_management.vault.address", "{bad}");
        assert!(!problem.to_string().contains("u:p"), "{problem}");
    }
}

#[test]
fn at_p9_a_mount_a_role_and_a_namespace_stay_inside_of_their_place() {
    for (key, bad) in [
        ("pki_path", "../sys"),
        ("pki_path", "pki//x"),
        ("pki_path", "a?b"),
        ("pki_path", "%2e%2e"),
        ("role", "a/b"),
        ("role", "a?x"),
        ("role", ".."),
        ("role", ""),
        ("namespace", "a\\r\\nX-Evil: 1"),
        ("issuer", "a/../b"),
    ] {
        let text = match key {
            "role" => vault(&ENOUGH.replace("role: dwcp-role", &format!("role: \"{bad}\""))),
            _ => vault(&format!("{ENOUGH}, {key}: \"{bad}\"")),
        };
        let problem = refused(&text);
        assert_eq!(problem.key, format!("security.cert_management.vault.{key}"), "{bad}");
        assert!(!problem.what.chars().any(char::is_control), "{problem:?}");
    }
    assert!(judged(&vault(&format!("{ENOUGH}, namespace: team/a, pki_path: /pki/int/"))).is_ok());
}

#[test]
fn there_is_one_way_to_log_in_and_its_secrets_are_files() {
    let without = "address: 'https://v.example:8200', role: r, ca_file: v.crt";
    let login = |keys: &str| {
        let plan = judged(&vault(&format!("{without}, {keys}"))).unwrap();
        let ProviderPlan::Vault { vault, .. } = plan.provider else { panic!() };
        vault.login
    };
    let etc = |name: &str| PathBuf::from("/etc/dwcp").join(name);
    assert_eq!(
        login("approle: {role_id_file: r, secret_id_file: s}"),
        LoginPlan::AppRole { mount: "approle".to_owned(), role_id: etc("r"), secret_id: etc("s") }
    );
    assert_eq!(
        login("cert_login: {cert_file: c.crt, key_file: c.key}"),
        LoginPlan::Certificate {
            mount: "cert".to_owned(),
            role: None,
            cert: etc("c.crt"),
            key: etc("c.key")
        }
    );
    assert_eq!(
        login("jwt: {mount: k8s, role: n, file: j}"),
        LoginPlan::Jwt { mount: "k8s".to_owned(), role: "n".to_owned(), file: etc("j") }
    );
    for (keys, at) in [
        ("token_file: t, jwt: {role: n, file: j}", "jwt"),
        ("approle: {role_id_file: r, secret_id_file: s}, token_file: t", "approle"),
        ("approle: {role_id_file: r}", "approle.secret_id_file"),
        ("cert_login: {cert_file: c}", "cert_login.key_file"),
        ("jwt: {file: j}", "jwt.role"),
        ("jwt: {role: n}", "jwt.file"),
    ] {
        let problem = refused(&vault(&format!("{without}, {keys}")));
        assert_eq!(problem.key, format!("security.cert_management.vault.{at}"), "{keys}");
    }
    // Written out it is an unknown key, and is not said back.
    let problem = refused(&vault(&format!("{without}, token: hvs.secret")));
    assert!(problem.fix.contains("token_file") && !problem.to_string().contains("hvs"), "{problem}");
}

#[test]
fn what_the_mount_brings_is_not_asked_for_elsewhere() {
    let with = |tls: &str| {
        refused(&format!(
            "security: {{tls: {{{tls}}}, cert_management: {{provider: vault, vault: {{{ENOUGH}}}}}}}"
        ))
    };
    assert_eq!(with("crl_url: 'http://a/x'").key, "security.tls.crl_url");
    let below = format!(
        "security: {{tls: {{crl_file: root.crl}}, cert_management: {{provider: vault, vault: {{{ENOUGH}}}}}}}"
    );
    let plan = judged(&below).expect("the list of a root above the mount, whose key is not there");
    assert_eq!(plan.identity.crl, Some(PathBuf::from("/etc/dwcp/root.crl")));
    let beside = format!("security: {{cert_management: {{provider: embedded, vault: {{{ENOUGH}}}}}}}");
    let warnings = judged(&beside).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("vault is without effect")), "{warnings:?}");
}

#[test]
fn use_staging_chooses_the_directory_for_tries() {
    let directory = |keys: &str| {
        let ProviderPlan::Acme { acme, .. } = judged(&acme(keys)).unwrap().provider else { panic!() };
        acme.issuers.iter().map(|issuer| issuer.directory.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(directory(""), ["https://acme-v02.api.letsencrypt.org/directory"]);
    assert_eq!(directory("use_staging: false"), ["https://acme-v02.api.letsencrypt.org/directory"]);
    assert_eq!(
        directory("use_staging: true, issued_by: staging.pem"),
        ["https://acme-staging-v02.api.letsencrypt.org/directory"]
    );
    assert_eq!(directory("directory: 'https://ca.example/d'"), ["https://ca.example/d"]);
    let two = "issuers: [{directory: 'https://one.example/d'}, {directory: 'https://two.example/d', profile: p, \
               eab: {kid: k, hmac_file: h}}]";
    assert_eq!(directory(two), ["https://one.example/d", "https://two.example/d"]);
    for (keys, at) in [
        // What is issued for tries leads to roots that no system has, and `ca_file` is for the TLS of the directory.
        ("use_staging: true", "issued_by"),
        ("use_staging: true, ca_file: roots.pem", "issued_by"),
        ("issued_by: i.pem, issuers: [{directory: 'https://one.example/d'}]", "issued_by"),
        // What the provider would refuse at the start.
        ("profile: 'short/lived'", "profile"),
        ("email: 'a%b@c.example'", "email"),
        ("email: a@b..example", "email"),
        ("issuers: [{directory: 'https://one.example/d', profile: 'a+b'}]", "issuers[0].profile"),
        (
            "issuers: [{directory: 'https://one.example/d'}, {directory: 'https://one.example/d', profile: p}]",
            "issuers[1].directory",
        ),
        ("use_staging: true, directory: 'https://ca.example/d'", "use_staging"),
        ("directory: 'http://ca.example/d'", "directory"),
        ("directory: 'https://ca.example/d', issuers: [{directory: 'https://one.example/d'}]", "directory"),
        ("use_staging: true, issuers: [{directory: 'https://one.example/d'}]", "use_staging"),
        ("issuers: [{directory: 'https://u:p@one.example/d'}]", "issuers[0].directory"),
        ("eab: {kid: '', hmac_file: h}", "eab.kid"),
        ("profile: 'a b'", "profile"),
        ("email: nobody", "email"),
        ("email: 'a@b,c@d'", "email"),
        ("challenge: dns-01", "challenge"),
        ("challenge: tls-alpn-01, http_challenge_port: 80", "http_challenge_port"),
        ("http_challenge_port: 0", "http_challenge_port"),
        ("enabled: false", "enabled"),
    ] {
        let problem = refused(&acme(keys));
        assert_eq!(problem.key, format!("security.cert_management.acme.{at}"), "{keys}");
    }
}

#[test]
fn the_roots_of_a_directory_and_of_what_it_issues_are_two_things() {
    let plan = |keys: &str| {
        let ProviderPlan::Acme { acme, .. } = judged(&acme(keys)).unwrap().provider else { panic!() };
        acme
    };
    let etc = |name: &str| Some(PathBuf::from("/etc/dwcp").join(name));
    let one = plan("ca_file: tls.pem, issued_by: issued.pem, account_key_file: acme.key");
    assert_eq!((&one.issuers[0].roots, &one.issuers[0].issued_by), (&etc("tls.pem"), &etc("issued.pem")));
    assert_eq!(one.account_key, etc("acme.key"));
    let listed = plan("issuers: [{directory: 'https://one.example/d', issued_by: i.pem}]");
    assert_eq!((&listed.issuers[0].roots, &listed.issuers[0].issued_by), (&None, &etc("i.pem")));
    assert_eq!(listed.account_key, None);
}

#[test]
fn domains_are_names_and_addresses_and_no_wildcards() {
    let names = |domains: &str| {
        let text = acme("").replace("[a.example]", domains);
        judged(&text).map(|plan| match plan.provider {
            ProviderPlan::Acme { acme, .. } => acme.names,
            other => panic!("{other:?}"),
        })
    };
    let all = names("[a.example, 192.0.2.7, '::1', '[2001:db8::1]']").unwrap();
    assert!(matches!(
        &all[..],
        [SubjectName::Dns(_), SubjectName::Ip(_), SubjectName::Ip(_), SubjectName::Ip(_)]
    ));
    let hundred = format!("[{}]", (0..101).map(|n| format!("a{n}.example")).collect::<Vec<_>>().join(", "));
    for bad in [
        "[]",
        "['*.a.example']",
        "[a.example, A.EXAMPLE]",
        "['https://a.example']",
        "['a.example:80']",
        &hundred,
    ] {
        assert_eq!(names(bad).unwrap_err().key, "security.cert_management.acme.domains", "{bad}");
    }
}

#[test]
fn a_certificate_for_servers_alone_is_no_identity_of_a_node_that_dials() {
    let text = acme("")
        .replace("node: {", "node: {dialers: [{name: d, listen: '127.0.0.1:1', remote: 'b.example:2'}], ");
    let problem = refused(&text);
    assert_eq!(problem.key, "node.dialers");
    assert!(problem.what.contains("servers alone") && problem.what.contains("`d`"), "{problem}");
    // And nobody asks clients for certificates that nobody can judge.
    let asks = acme("").replace("[anonymous]", "['spiffe://a.example/*']");
    assert_eq!(refused(&asks).key, "security.tls.ca_file");
    let judges = asks.replace("security: {", "security: {tls: {ca_file: ca.crt, crl_file: ca.crl}, ");
    assert!(judged(&judges).is_ok());
    let mute = acme("").replace(LISTENER, "");
    assert_eq!(refused(&mute).key, "node.listeners");
    assert!(judged(&acme("http_challenge_port: 80").replace(LISTENER, "")).is_ok());
}

#[test]
fn where_a_public_authority_looks_is_said_and_the_section_has_its_own_renew_before() {
    let plan = judged(&acme("http_challenge_port: 8080, renew_before: 240h")).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("looks at port 80")), "{:?}", plan.warnings);
    let ProviderPlan::Acme { acme: of, renewals } = &plan.provider else { panic!() };
    assert_eq!(of.challenge, ChallengePlan::Http(8080));
    assert_eq!(renewals.renew_before, Some(Duration::from_secs(240 * 3_600)));
    let plan = judged(&acme("").replace(":443", ":7443")).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("port 443")), "{:?}", plan.warnings);
    let other =
        "security: {cert_management: {provider: embedded, acme: {enabled: true, domains: [a.example]}}}";
    assert_eq!(refused(other).key, "security.cert_management.acme.enabled");
    assert!(judged(&other.replace("true", "false")).is_ok());
}
