//! Tests of the whole module; `tests/fixtures/README.md` says why each bad file is bad.

mod bad;
mod conversion;
mod corpus;
mod facturx;
mod hostile;
mod hostile_pdf;
mod official;
mod pdf_data;
mod preflight;
mod render;
mod rules;
mod status_file;
mod tables;
mod words;
mod strangers;

use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The samples of the binary, read as files: this module stands above the commands and does not import them.
const SAMPLES: [(&str, &[u8]); 7] = [
    ("facture-ubl.xml", include_bytes!("../app/samples/facture-ubl.xml")),
    ("avoir-ubl.xml", include_bytes!("../app/samples/avoir-ubl.xml")),
    ("facture-cii.xml", include_bytes!("../app/samples/facture-cii.xml")),
    ("facture-facturx.pdf", include_bytes!("../app/samples/facture-facturx.pdf")),
    ("facture-totaux-faux.xml", include_bytes!("../app/samples/facture-totaux-faux.xml")),
    ("facture-destinataire-inconnu.xml", include_bytes!("../app/samples/facture-destinataire-inconnu.xml")),
    ("facture-reponse-perdue.xml", include_bytes!("../app/samples/facture-reponse-perdue.xml")),
];

fn sample(name: &str) -> &'static [u8] {
    SAMPLES.iter().find(|(n, _)| *n == name).unwrap().1
}
