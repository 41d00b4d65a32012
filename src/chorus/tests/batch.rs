//! Fluxes of many invoices, and which syntax a file goes under.

use std::io::Read;

use proptest::prelude::*;

use super::super::batch::split;
use super::super::*;

fn unpack(batch: &Batch) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&batch.content[..]));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert!(header.as_ustar().is_some());
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, content)
    });
    entries.collect()
}

#[test]
fn a_batch_has_the_same_bytes_for_the_same_files_and_unpacks_to_them() {
    let files = [
        BatchFile { name: "lot/É 1.xml", content: b"<a/>" },
        BatchFile { name: "autre\\é 1.XML", content: b"<b/>" },
        BatchFile { name: "_ 1.xml", content: b"<c/>" },
        BatchFile { name: "a%$!&;#@.xml", content: b"" },
    ];
    let batch = Batch::pack(&files, FluxSyntax::E1UblInvoice).unwrap();
    assert_eq!(batch, Batch::pack(&files, FluxSyntax::E1UblInvoice).unwrap());
    assert_eq!(batch.names, ["_ 1.xml", "_ 1-2.xml", "_ 1-3.xml", "a_______.xml"]);
    let unpacked = unpack(&batch);
    assert_eq!(unpacked.len(), 4);
    for ((name, content), (wanted, file)) in unpacked.iter().zip(batch.names.iter().zip(files)) {
        assert_eq!((name, content.as_slice()), (wanted, file.content));
    }
    assert_eq!(batch.content[4..8], [0; 4], "no time in the gzip header either");
    // The bytes themselves are part of the promise: a flux deposited again must be the same file.
    let other = Batch::pack(&files[..1], FluxSyntax::E1UblInvoice).unwrap();
    assert_ne!(other.content, batch.content);
}

#[test]
fn a_batch_over_a_limit_is_refused_and_says_which() {
    let file = |name, content| BatchFile { name, content };
    assert_eq!(Batch::pack(&[], FluxSyntax::E1Cii16B), Err(BatchError::Empty));
    let many = vec![file("a.xml", b"x".as_slice()); BATCH_LIMIT + 1];
    assert_eq!(Batch::pack(&many, FluxSyntax::E1Cii16B), Err(BatchError::TooMany { count: 501 }));
    let full = Batch::pack(&many[..BATCH_LIMIT], FluxSyntax::E1Cii16B).unwrap();
    assert_eq!(full.names.iter().collect::<std::collections::HashSet<_>>().len(), BATCH_LIMIT);
    let large = vec![b'x'; BATCH_FILE_LIMIT + 1];
    let refused = Batch::pack(&[file("gros.xml", &large)], FluxSyntax::E1Cii16B);
    assert_eq!(refused, Err(BatchError::FileTooLarge { name: "gros.xml".into(), size: BATCH_FILE_LIMIT + 1 }));
    // Four files of nearly 10 MB that nothing compresses.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(BATCH_FILE_LIMIT)
    .collect();
    let files = [file("1.xml", &noise[..]); 4];
    assert!(matches!(Batch::pack(&files, FluxSyntax::E1Cii16B), Err(BatchError::TooLarge { .. })));
    assert_eq!(split(&[BATCH_FILE_LIMIT; 4]), [0..2, 2..4]);
    assert!(Batch::pack(&files[..2], FluxSyntax::E1Cii16B).is_ok());
}

#[test]
fn archives_are_named_after_what_was_dropped() {
    let name = |dropped| FluxFileName::of_archive(dropped).as_str().to_owned();
    assert_eq!(name("lot du 12.zip"), "lot du 12.tar.gz");
    assert_eq!(name("LOT.TAR.GZ"), "LOT.tar.gz");
    assert_eq!(name("lot.tgz"), "lot.tar.gz");
    assert_eq!(name("é#"), "__.tar.gz");
    assert_eq!(name(".zip"), "facture.tar.gz");
}

#[test]
fn every_content_has_its_syntax_and_what_is_in_no_list_is_refused() {
    use FluxContent as C;
    let own = |content| announce(content, false, None, &[]).map(|a| a.syntax.as_str());
    let table = [
        (C::UblInvoice, "IN_DP_E1_UBL_INVOICE"),
        (C::UblCreditNote, "IN_DP_E1_UBL_INVOICE"),
        (C::UblInvoiceMin, "IN_DP_E2_UBL_INVOICE_MIN"),
        (C::Cii16B, "IN_DP_E1_CII_16B"),
        (C::Cii16BMin, "IN_DP_E2_CII_MIN_16B"),
        (C::Cii, "IN_DP_E1_CII"),
        (C::CiiMin, "IN_DP_E2_CII_MIN"),
        (C::FacturX, "IN_DP_E2_CII_FACTURX"),
        (C::Xcbl, "IN_DP_E1_XCBL"),
        (C::PesFacture, "IN_DP_E1_PES_FACTURE"),
        (C::PesFactureMin, "IN_DP_E2_PES_FACTURE_MIN"),
        (C::CppFactureMin, "IN_DP_E2_CPP_FACTURE_MIN"),
        (C::PdfArchiveUbl, "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG"),
        (C::PdfArchiveCii, "IN_DP_PDFARCHIVE_CII_MUG"),
    ];
    for (content, code) in table {
        assert_eq!(own(content), Ok(code));
        assert!(announce(content, true, Some(code), &[]).unwrap().signed);
    }
    let used: std::collections::BTreeSet<_> = table.iter().map(|(_, code)| *code).collect();
    assert_eq!(used.len(), 13, "each code of the swagger is some content's own");
    assert_eq!(own(C::Pivot), Err(SyntaxError::Pivot));
    assert_eq!(own(C::PlainPdf), Err(SyntaxError::PlainPdf));
    let wish = |code, offered: &[FluxSyntax]| announce(C::UblInvoice, false, Some(code), offered);
    assert!(matches!(wish("IN_DP_E3_FACTUR_X_10", &[]), Err(SyntaxError::NoSuchCode(_))), "invented (PROTOCOL §2.2)");
    assert!(matches!(wish("IN_DP_E1_UBL_201", FluxSyntax::ALL), Err(SyntaxError::NoSuchCode(_))));
    assert!(matches!(wish("IN_DP_E1_CII", &[]), Err(SyntaxError::NotForContent { .. })));
    assert_eq!(wish("IN_DP_E3_UBL_INVOICE", &[]), Err(SyntaxError::NotOffered(FluxSyntax::E3UblInvoice)));
    let e3 = wish(" IN_DP_E3_UBL_INVOICE ", &[FluxSyntax::E3UblInvoice]).unwrap();
    assert_eq!(e3, Announced { syntax: FluxSyntax::E3UblInvoice, signed: false });
    assert_eq!(wish("", &[]).unwrap().syntax, FluxSyntax::E1UblInvoice, "an empty wish is none");
}

proptest! {
    #[test]
    fn names_inside_are_legal_and_unique_whatever_was_dropped(names in proptest::collection::vec("[A-Za-zé%/ .x]{0,130}", 1..40)) {
        let files: Vec<BatchFile<'_>> = names.iter().map(|name| BatchFile { name, content: b"x" }).collect();
        let batch = Batch::pack(&files, FluxSyntax::E1UblInvoice).unwrap();
        let mut seen = std::collections::HashSet::new();
        for name in &batch.names {
            prop_assert!(name.len() <= 100 && name.ends_with(".xml"), "{}", name);
            prop_assert!(!name.contains(['%', '$', '!', '&', '/', '\\', ':', ';', '#', '@', '«', '»']));
            prop_assert!(seen.insert(name.to_ascii_lowercase()));
        }
        prop_assert_eq!(unpack(&batch).len(), names.len());
    }

    #[test]
    fn splitting_keeps_every_file_in_order_and_every_flux_within_limits(sizes in proptest::collection::vec(0usize..12_000_000, 0..60)) {
        let ranges = split(&sizes);
        let together: Vec<usize> = ranges.iter().flat_map(|r| r.clone()).collect();
        prop_assert_eq!(together, (0..sizes.len()).collect::<Vec<_>>());
        for range in ranges {
            let total: usize = sizes[range.clone()].iter().sum();
            prop_assert!(range.len() == 1 || (range.len() <= BATCH_LIMIT && total < BATCH_BYTES_LIMIT));
        }
    }
}
