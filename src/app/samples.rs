//! Own-made French invoices, carried by the binary: what the demo drops and the manual shows.
//!
//! Sender and recipients are of Chorus Pro's qualification data set (PROTOCOL §1); the unknown recipient's SIRET fails the
//! check digit too, which only warns outside production.

/// What becomes of a sample on a blocking route towards the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Checked, deposited, integrated.
    Integrated,
    /// Refused by our own check: never sent.
    RefusedByCheck,
    /// Accepted by our check and rejected by Chorus Pro: it does not know the recipient.
    RejectedByChorus,
    /// Accepted by Chorus Pro, whose answer is lost; found again and integrated.
    AnswerLost,
}

/// A file to drop.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The file's name in the drop folder.
    pub name: &'static str,
    pub bytes: &'static [u8],
    pub expect: Expect,
}

macro_rules! samples {
    ($($name:literal $expect:ident),* $(,)?) => {
        /// All samples, the plain ones first.
        pub const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            bytes: include_bytes!(concat!("samples/", $name)),
            expect: Expect::$expect,
        },)*];
    };
}

samples! {
    "facture-ubl.xml" Integrated,
    "avoir-ubl.xml" Integrated,
    "facture-cii.xml" Integrated,
    "facture-facturx.pdf" Integrated,
    "facture-totaux-faux.xml" RefusedByCheck,
    "facture-destinataire-inconnu.xml" RejectedByChorus,
    "facture-reponse-perdue.xml" AnswerLost,
}

#[cfg(test)]
#[path = "samples/tests.rs"]
mod tests;
