//! TLS records, and a ClientHello put together from them: whole, and cut into segments as the first byte says.
#![no_main]
use dwcp_tls::TlsRecord;
use dwcp_tls::inspect::{HelloAssembler, LARGEST_RECORD, Progress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((record, behind))) = TlsRecord::parse(rest) {
        assert!(record.payload().len() <= LARGEST_RECORD);
        assert_eq!(behind.len() + 5 + record.payload().len(), rest.len());
        rest = behind;
    }
    let Some((cut, bytes)) = data.split_first() else { return };
    let mut whole = HelloAssembler::new();
    let at_once = whole.push(bytes);
    let mut pieces = HelloAssembler::new();
    let (mut taken, mut last) = (0, Ok(Progress::More));
    for segment in bytes.chunks(1 + usize::from(*cut)) {
        last = pieces.push(segment);
        let Ok(progress) = last else { break };
        taken += match progress {
            Progress::More => segment.len(),
            Progress::Whole { taken } => taken,
        };
        assert!(pieces.held() <= taken + 512);
        if progress != Progress::More {
            break;
        }
    }
    match (at_once, last) {
        (Ok(Progress::Whole { taken: expected }), Ok(Progress::Whole { .. })) => {
            assert_eq!(taken, expected);
            assert_eq!(pieces.message(), whole.message());
            let _ = pieces.hello().map(|hello| hello.ja4());
        }
        (at_once, last) => assert_eq!(at_once, last),
    }
});
