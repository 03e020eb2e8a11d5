//! Documents to look at: whatever they are, what is shown of them is inert, bounded, and the same for the same bytes.
#![no_main]
use dwcp_base::UnixTime;
use dwcp_pki::Document;
use dwcp_pki::inspect::{
    Contents, Inspected, InspectedCertificate, InspectedCrl, InspectedRequest, documents,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for kind in [Document::Certificate, Document::Crl] {
        if let Ok(cut) = documents(data, kind, 1 << 20) {
            assert!(!cut.is_empty() && cut.iter().map(Vec::len).sum::<usize>() <= data.len());
        }
    }
    let Ok(contents) = Contents::read(data) else {
        // As a document all the same, should it look like none.
        let _ = InspectedCertificate::from_der(data);
        let _ = InspectedRequest::from_der(data);
        let _ = InspectedCrl::from_der(data);
        return;
    };
    assert_eq!(Contents::read(data).as_ref(), Ok(&contents));
    let now = UnixTime::from_secs(1_790_000_000);
    for document in contents.documents.iter().flatten() {
        let text = match document {
            Inspected::Certificate(read) => format!("{read:?} {} {:?}", read.subject, read.remarks(now)),
            Inspected::Request(read) => format!("{read:?} {} {:?}", read.subject, read.remarks()),
            Inspected::Crl(read) => {
                assert_eq!(read.entries().count(), read.len());
                format!("{read:?} {:?}", read.entries().take(100).collect::<Vec<_>>())
            }
            _ => String::new(),
        };
        assert!(!text.chars().any(|c| c.is_control()), "nothing in it can move a terminal");
        assert!(text.len() <= 20_000 + 200 * data.len(), "it is as long as the document makes it");
    }
});
