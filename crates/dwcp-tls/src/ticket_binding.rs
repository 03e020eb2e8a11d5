//! What shared tickets are bound to besides their secret: own leaf, trust and listener (`docs/formats/ticket-keys.md`).

use crate::settings::{ClientAuth, ServerSettings, UnknownName, WithoutAlpn};
use dwcp_crypto::digest::sha256_of;
use dwcp_pki::Generation;

/// Equal for two processes only when both would serve and judge a client alike; CRLs are left out, since a resumed peer is judged
/// by those of now.
pub(crate) fn binding(generation: &Generation, settings: &ServerSettings, listener: &str) -> [u8; 32] {
    let mut leaves: Vec<_> =
        generation.served().iter().map(|shown| shown.credential().chain().leaf().fingerprint()).collect();
    leaves.sort_unstable();
    let leaves: Vec<&[u8]> = leaves.iter().map(|leaf| &leaf[..]).collect();
    digest(&sha256_of(&leaves), &generation.trust().rules_digest(), &listener_parts(settings, listener))
}

fn digest(leaf: &[u8; 32], rules: &[u8; 32], listener: &[Vec<u8>]) -> [u8; 32] {
    let mut parts: Vec<&[u8]> = vec![b"dwcp-tls ticket binding v1", leaf, rules];
    parts.extend(listener.iter().map(Vec::as_slice));
    let lengths: Vec<_> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    let prefixed: Vec<&[u8]> =
        lengths.iter().zip(&parts).flat_map(|(length, part)| [&length[..], part]).collect();
    sha256_of(&prefixed)
}

/// Each setting has to be here that changes who is served, or as what; hence no setting can be left out by accident.
fn listener_parts(settings: &ServerSettings, listener: &str) -> Vec<Vec<u8>> {
    // Rules on peers are asked anew of whoever comes back, groups are agreed on anew, a root behind the chain changes nothing of it, and
    // what a resolver shows is not resumed.
    let ServerSettings {
        client_auth,
        alpn,
        without_alpn,
        unknown_name,
        tickets: _,
        early_data: _,
        rules: _,
        compression: _,
        root_shown: _,
        policy: _,
        resolving: _,
    } = settings;
    let client_auth = match client_auth {
        ClientAuth::Required => 1,
        ClientAuth::Optional => 2,
    };
    let without_alpn = match without_alpn {
        WithoutAlpn::Accept => 1,
        WithoutAlpn::Refuse => 2,
        WithoutAlpn::AcceptOthers => 3,
    };
    let unknown_name = match unknown_name {
        UnknownName::Refuse => 1,
        UnknownName::Serve => 2,
    };
    let mut parts = vec![listener.as_bytes().to_vec(), vec![client_auth, without_alpn, unknown_name]];
    parts.extend(alpn.iter().cloned());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_binding_counts() {
        let settings = || ServerSettings::new(ClientAuth::Required).with_alpn(["a", "b"]);
        let others = [
            (settings(), "other"),
            (ServerSettings::new(ClientAuth::Optional).with_alpn(["a", "b"]), "one"),
            (settings().with_alpn(["ab"]), "one"),
            (settings().with_alpn(["b", "a"]), "one"),
            (settings().without_alpn(WithoutAlpn::Refuse), "one"),
            (settings().with_unknown_name(UnknownName::Serve), "one"),
        ];
        let of =
            |settings: &ServerSettings, name| digest(&[1; 32], &[2; 32], &listener_parts(settings, name));
        let ours = of(&settings(), "one");
        assert_eq!(ours, of(&settings(), "one"));
        for (at, (settings, name)) in others.iter().enumerate() {
            assert_ne!(ours, of(settings, name), "{at}");
        }
        let parts = listener_parts(&settings(), "one");
        assert_ne!(digest(&[2; 32], &[1; 32], &parts), ours);
        assert_ne!(digest(&[1; 32], &[1; 32], &parts), ours);
    }
}
