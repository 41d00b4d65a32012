//! The named limits of reading: every body, depth, count and inflation that hostile bytes could push.

/// What [`super::examine`] accepts at most. [`Default`] is what the product runs with; tests make them smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The file, in bytes.
    pub file_bytes: usize,
    /// An XML document once it is UTF-8, in bytes (attachments travel inside it as base64).
    pub xml_bytes: usize,
    /// Element nesting. UBL and CII nest about a dozen deep, extensions and signatures inside them some more.
    pub xml_depth: usize,
    /// Elements of a document.
    pub xml_elements: usize,
    /// Attributes of one element, namespace declarations apart.
    pub xml_attributes: usize,
    /// One attribute's value, in bytes.
    pub xml_attribute_bytes: usize,
    /// One name (element, attribute, processing instruction), in bytes.
    pub xml_name_bytes: usize,
    /// The text of one element, in bytes: an attachment of 10 MB in base64 and room to say it is too big.
    pub xml_text_bytes: usize,
    /// Namespace declarations of a document.
    pub xml_namespaces: usize,
    /// Elements that repeat a sibling's name, invoice lines apart: what the readers compare pair by pair.
    pub xml_repeats: usize,
    /// VAT breakdown entries (BG-23): the rules compare each with every line.
    pub vat_entries: usize,
    /// Invoice lines. Chorus Pro's own limit is 999,999 (BR-FR-CPRO-19); memory bounds us first.
    pub lines: usize,
    /// A Factur-X PDF, in bytes (Chorus Pro takes 30 MB a flux by API, PROTOCOL §2.2).
    pub pdf_bytes: usize,
    /// What a PDF holds outside its streams, in bytes.
    pub pdf_structure_bytes: usize,
    /// Indirect objects of a PDF.
    pub pdf_objects: usize,
    /// Bytes of all object streams of a PDF, inflated.
    pub pdf_object_stream_bytes: usize,
    /// One attached file of a PDF, inflated.
    pub pdf_attachment_bytes: usize,
    /// All attached files of a PDF, inflated.
    pub pdf_attachments_bytes: usize,
    /// Files attached to a PDF.
    pub pdf_attachments: usize,
    /// Files in an archive. Chorus Pro advises a flux to hold 500 at most (PROTOCOL §4): more go as several fluxes.
    pub archive_members: usize,
    /// One file of an archive, inflated: Chorus Pro's limit of a file in a flux (PROTOCOL §2.2).
    pub archive_member_bytes: usize,
    /// All files of an archive, inflated.
    pub archive_bytes: usize,
    /// Findings kept of one invoice; the rest is counted.
    pub findings: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 120 * MIB,
            xml_bytes: 120 * MIB,
            xml_depth: 100,
            xml_elements: 1_000_000,
            xml_attributes: 32,
            xml_attribute_bytes: 16 * KIB,
            xml_name_bytes: 256,
            xml_text_bytes: 20 * MIB,
            xml_namespaces: 256,
            xml_repeats: 4_000,
            vat_entries: 200,
            lines: 20_000,
            pdf_bytes: 30 * MIB,
            pdf_structure_bytes: 8 * MIB,
            pdf_objects: 200_000,
            pdf_object_stream_bytes: 8 * MIB,
            pdf_attachment_bytes: 24 * MIB,
            pdf_attachments_bytes: 64 * MIB,
            pdf_attachments: 100,
            archive_members: 2_000,
            archive_member_bytes: 10_000_000,
            archive_bytes: 128 * MIB,
            findings: 300,
        }
    }
}
