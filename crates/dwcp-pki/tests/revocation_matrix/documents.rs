//! What can not be read, or can not be used.

use super::rows::Bench;
use super::{Given, Row};
use crate::lists::{entry, extension, integer, tlv};

pub(super) fn all() -> Vec<Row> {
    let b = Bench::new();
    let row = |name, edit: &dyn Fn(&mut crate::lists::List)| {
        let mut list = b.list(1);
        edit(&mut list);
        b.row(name, vec![b.complete(&list)])
    };
    let mut cut = b.list(1).sign(&b.root.key);
    cut.truncate(cut.len() - 1);
    let huge: Vec<u8> = tlv(0x30, &vec![0; 65 << 20]);
    let odd_entry = |extension: Vec<u8>| {
        let content = [&[2, 1, 9][..], b"\x17\x0d260101000000Z", &tlv(0x30, &extension)].concat();
        tlv(0x30, &content)
    };
    vec![
        b.row("a list that is cut off", vec![Given::complete(&cut)]),
        b.row("a list of 65 MiB", vec![Given::complete(&huge)]),
        row("a list without number", &|list| list.extensions.clear()),
        row("a list with a critical number", &|list| {
            list.extensions = vec![extension(20, true, &integer(1))];
        }),
        row("a list without nextUpdate", &|list| list.next_update = None),
        row("a list of version 1", &|list| list.version = None),
        row("an indirect CRL", &|list| *list = list.clone().about(&[0x84, 1, 0xff])),
        row("an entry that names another issuer", &|list| {
            list.entries = odd_entry(extension(29, true, &tlv(0x30, &[])));
        }),
        row("a critical extension that is not known", &|list| {
            list.extensions.push(extension(99, true, &[5, 0]));
        }),
        row("a critical extension of an entry that is not known", &|list| {
            list.entries = odd_entry(extension(99, true, &[5, 0]));
        }),
        row("a reason that is not known", &|list| list.entries = entry(&[9], Some(7))),
        row("a list for no reason", &|list| *list = list.clone().about(&[0x83, 1, 0])),
        row("a list for reasons in bits that are not used", &|list| {
            *list = list.clone().about(&[0x83, 2, 7, 0x7f])
        }),
        row("a delta as a complete CRL", &|list| *list = list.clone().delta(1)),
        b.row("a complete CRL as a delta", vec![Given::delta(&b.list(1).sign(&b.root.key))]),
    ]
}
