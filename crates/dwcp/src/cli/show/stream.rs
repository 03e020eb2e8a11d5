//! The one JSON object of `cert show`, written as it goes: a revocation list has more entries than memory should hold.

use super::{crl, json};
use dwcp_base::UnixTime;
use dwcp_pki::inspect::{Contents, InspectError, Inspected, InspectedCrl};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, BufWriter, Write};

/// The fields of the first document, then `further` with those after it, `left_out` and `private_keys`.
pub(super) fn write(out: &mut dyn Write, contents: &Contents, now: UnixTime) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, &Whole { contents, now })?;
    out.write_all(b"\n")?;
    out.flush()
}

struct Whole<'a> {
    contents: &'a Contents,
    now: UnixTime,
}

struct Document<'a> {
    document: &'a Result<Inspected, InspectError>,
    now: UnixTime,
}

struct Entries<'a>(&'a InspectedCrl);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut documents =
            self.contents.documents.iter().map(|document| Document { document, now: self.now });
        if let Some(first) = documents.next() {
            first.fields(&mut map)?;
        }
        map.serialize_entry("further", &documents.collect::<Vec<_>>())?;
        map.serialize_entry("left_out", &self.contents.left_out)?;
        map.serialize_entry("private_keys", &self.contents.private_keys)?;
        map.end()
    }
}

impl Document<'_> {
    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (key, value) in json(self.document, self.now) {
            map.serialize_entry(&key, &value)?;
        }
        if let Ok(Inspected::Crl(crl)) = self.document {
            map.serialize_entry("entries", &Entries(crl))?;
        }
        Ok(())
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut map)?;
        map.end()
    }
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.entries().map(crl::entry))
    }
}
