//! What a dropped file is, by its content and its name: decided here for the door and for `fluxgate check`.

use crate::fault::{Code, Fault, Text};
use crate::invoice::{Limits, archive, pdf_data, pivot_conversion};
use crate::work::{complement, status_requests};

/// How a dropped file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Each of its members is read by itself.
    Archive,
    /// An archive that completes a suspended invoice.
    Complement,
    /// Each of its invoices is sent as what is made of it.
    Pivot,
    /// Statuses of received invoices.
    Statuses,
    /// What a plain PDF says.
    PdfData,
    /// An invoice, or nothing that is known.
    Invoice,
}

impl Dropped {
    pub fn of(bytes: &[u8], name: &str, limits: &Limits) -> Self {
        if archive::is_archive(bytes) {
            return if complement::is_complement(bytes, limits) { Dropped::Complement } else { Dropped::Archive };
        }
        if pivot_conversion::is_pivot(bytes) {
            Dropped::Pivot
        } else if status_requests::are_in(bytes, name) {
            Dropped::Statuses
        } else if pdf_data::is_sidecar(name, bytes) {
            Dropped::PdfData
        } else {
            Dropped::Invoice
        }
    }

    /// The same for a member of an archive: it holds invoices only, or the data of plain PDFs.
    pub fn of_member(bytes: &[u8], name: &str) -> Result<Self, Fault> {
        if archive::is_archive(bytes) {
            let nested = Text::new("archive dans l'archive", "an archive inside the archive");
            return Err(Fault::new(Code::ArchiveUnreadable).with_text("detail", &nested));
        }
        Ok(if pivot_conversion::is_pivot(bytes) {
            Dropped::Pivot
        } else if pdf_data::is_sidecar(name, bytes) {
            Dropped::PdfData
        } else {
            Dropped::Invoice
        })
    }
}
