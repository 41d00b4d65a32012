//! What a PDF says about itself (XMP, ISO 16684-1), and the words by which it announces an invoice in it.
//!
//! Promises that every byte but the announcement stays as it was. Refuses to know the PDF around the packet.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::escape::escape;

use crate::fault::{Language, Text};

use super::outline::{Id, Outline};
use super::{Limits, encoding, guard};

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const PDFA_ID: &str = "http://www.aiim.org/pdfa/ns/id/";
const EXTENSION: &str = "http://www.aiim.org/pdfa/ns/extension/";
const SCHEMA: &str = "http://www.aiim.org/pdfa/ns/schema#";
const PROPERTY: &str = "http://www.aiim.org/pdfa/ns/property#";
/// Factur-X 1.0: its mixed case and the sign at its end are part of the name.
const FACTUR_X: &str = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#";
/// Parts of the namespaces by which Factur-X, its editions before and its sister for orders announce themselves.
const FAMILY: [&str; 4] = ["factur-x", "zugferd", "crossindustrydocument", "urn:ferd:"];
/// The four properties of an announcement, as PDF/A wants strange ones described; the words are Factur-X's own.
const PROPERTIES: [(&str, &str); 4] = [
    ("DocumentFileName", "name of the embedded XML invoice file"),
    ("DocumentType", "INVOICE"),
    ("Version", "The actual version of the Factur-X XML schema"),
    ("ConformanceLevel", "The conformance level of the embedded Factur-X data"),
];

/// The packet of a PDF/A-3 with the announcement of an invoice of this level in this attached file. The error says why this
/// PDF may not carry it.
pub fn announcing(packet: &[u8], file_name: &str, level: &str, limits: &Limits) -> Result<String, Text> {
    let unreadable = |fault: crate::fault::Fault| {
        let said = |language| fault.title(language);
        let (fr, en) = (said(Language::Fr), said(Language::En));
        Text::new(
            format!("ses métadonnées XMP ne se lisent pas. {fr}"),
            format!("its XMP metadata cannot be read. {en}"),
        )
    };
    let decoded = encoding::decode(packet).map_err(unreadable)?;
    let outline = guard::outline(&decoded.text, limits).map_err(unreadable)?;
    let xmp = Packet { text: &decoded.text, outline: &outline };
    match xmp.pdfa_part().as_deref().map(str::trim) {
        Some("3") => {}
        Some(part) => {
            return Err(Text::new(
                format!("il se dit PDF/A-{part}, et seul un PDF/A-3 peut porter une facture"),
                format!("it claims PDF/A-{part}, and only a PDF/A-3 may carry an invoice"),
            ));
        }
        None => return Err(not_pdfa()),
    }
    if xmp.announces() {
        return Err(Text::new(
            "ses métadonnées XMP annoncent déjà une facture",
            "its XMP metadata announce an invoice already",
        ));
    }
    let rdf = outline.all().find(|id| xmp.is(*id, RDF, "RDF")).ok_or_else(not_pdfa)?;
    Ok(xmp.with(rdf, file_name, level))
}

/// What a packet says of an invoice in its PDF, and of the PDF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Which part of PDF/A it is.
    pub part: Option<String>,
    /// The invoice's profile.
    pub level: Option<String>,
    /// The attached file that is the invoice.
    pub file_name: Option<String>,
    /// Anything else that only announcements say.
    announces: bool,
}

/// Reads what is claimed. A packet that is no XML claims nothing.
pub fn claims(packet: &[u8], limits: &Limits) -> Claims {
    let mut claims = Claims::default();
    let Ok(decoded) = encoding::decode(packet) else { return claims };
    let Ok(outline) = guard::outline(&decoded.text, limits) else { return claims };
    // The newest edition's word counts, and the first of one edition.
    let (mut level, mut file_name) = (None, None);
    let mut take = |namespace: &str, name: &str, value: &str| {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        if namespace == PDFA_ID {
            match name {
                "part" => drop(claims.part.get_or_insert_with(|| value.to_owned())),
                "conformance" => claims.announces = true,
                _ => {}
            }
            return;
        }
        let Some(edition) = edition(namespace) else { return };
        match name {
            "ConformanceLevel" => keep_newest(&mut level, edition, value),
            "DocumentFileName" => keep_newest(&mut file_name, edition, value),
            "DocumentType" | "Version" => claims.announces = true,
            _ => {}
        }
    };
    for id in outline.all() {
        if outline.children(id).next().is_none()
            && let Some(namespace) = outline.namespace(id, outline.prefix(id))
        {
            take(&namespace, outline.name(id), &outline.value(id));
        }
        for (key, value) in outline.attributes(id) {
            if let Some((prefix, name)) = key.split_once(':').filter(|(prefix, _)| *prefix != "xmlns")
                && let Some(namespace) = outline.namespace(id, prefix)
            {
                take(&namespace, name, &value);
            }
        }
    }
    let text = |kept: Option<(usize, String)>| kept.map(|(_, text)| text);
    Claims { level: text(level), file_name: text(file_name), ..claims }
}

fn keep_newest(kept: &mut Option<(usize, String)>, edition: usize, value: &str) {
    if kept.as_ref().is_none_or(|(other, _)| edition > *other) {
        *kept = Some((edition, value.to_owned()));
    }
}

/// The editions of the announcement, oldest first.
fn edition(namespace: &str) -> Option<usize> {
    const EDITIONS: [&str; 4] =
        ["urn:ferd:pdfa:invoice:rc", "urn:ferd:pdfa:crossindustrydocument:", "urn:zugferd:pdfa:", "urn:factur-x:pdfa:"];
    let namespace = namespace.trim().to_ascii_lowercase();
    EDITIONS.iter().position(|start| namespace.starts_with(start))
}

/// Why a PDF that says nothing about itself carries no invoice.
pub fn not_pdfa() -> Text {
    Text::new(
        "il ne se dit pas PDF/A-3 dans ses métadonnées XMP",
        "it does not claim to be a PDF/A-3 in its XMP metadata",
    )
}

struct Packet<'t, 'o> {
    text: &'t str,
    outline: &'o Outline<'t>,
}

impl Packet<'_, '_> {
    fn is(&self, id: Id, namespace: &str, name: &str) -> bool {
        let outline = self.outline;
        outline.name(id) == name && outline.namespace(id, outline.prefix(id)).as_deref() == Some(namespace)
    }

    /// An attribute of this name in that namespace.
    fn attribute(&self, id: Id, namespace: &str, name: &str) -> Option<Cow<'_, str>> {
        let mut attributes = self.outline.attributes(id).filter_map(|(key, value)| Some((key.split_once(':')?, value)));
        let is_it = |prefix: &str| self.outline.namespace(id, prefix).as_deref() == Some(namespace);
        attributes.find(|((prefix, local), _)| *local == name && is_it(prefix)).map(|(_, value)| value)
    }

    /// Which part of PDF/A it claims: a property may be an element, or an attribute of its description.
    fn pdfa_part(&self) -> Option<Cow<'_, str>> {
        let outline = self.outline;
        outline.all().find_map(|id| match self.is(id, PDFA_ID, "part") {
            true => Some(outline.value(id)),
            false if self.is(id, RDF, "Description") => self.attribute(id, PDFA_ID, "part"),
            false => None,
        })
    }

    /// Whether it speaks of an invoice: in the properties themselves, or in their description.
    fn announces(&self) -> bool {
        let of_family = |text: &str| {
            let text = text.trim().to_ascii_lowercase();
            text.starts_with("urn:") && FAMILY.iter().any(|part| text.contains(part))
        };
        self.outline.all().any(|id| {
            of_family(&self.outline.value(id))
                || self.outline.attributes(id).any(|(key, value)| key.starts_with("xmlns") && of_family(&value))
        })
    }

    fn with(&self, rdf: Id, file_name: &str, level: &str) -> String {
        let outline = self.outline;
        let about = outline
            .children(rdf)
            .find(|id| self.is(*id, RDF, "Description"))
            .and_then(|id| self.attribute(id, RDF, "about"))
            .unwrap_or_default();
        let (about, level) = (escape(&*about), escape(level));
        let mut said = format!(
            "<rdf:Description xmlns:rdf=\"{RDF}\" xmlns:fx=\"{FACTUR_X}\" rdf:about=\"{about}\">\
             <fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>{file_name}</fx:DocumentFileName>\
             <fx:Version>1.0</fx:Version><fx:ConformanceLevel>{level}</fx:ConformanceLevel></rdf:Description>"
        );
        // PDF/A has room for one list of described schemas (ISO 19005-3 §6.6.2.3.3): ours joins the one that is there.
        let schemas = outline.all().find(|id| self.is(*id, EXTENSION, "schemas"));
        let bag = schemas.and_then(|id| outline.children(id).find(|bag| self.is(*bag, RDF, "Bag")));
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        match (schemas, bag) {
            (_, Some(bag)) => edits.push(self.appended(bag, &schema())),
            (Some(schemas), None) => edits.push(self.appended(schemas, &bag_of_schema())),
            (None, None) => said.push_str(&format!(
                "<rdf:Description xmlns:rdf=\"{RDF}\" xmlns:pdfaExtension=\"{EXTENSION}\" rdf:about=\"{about}\">\
                 <pdfaExtension:schemas>{}</pdfaExtension:schemas></rdf:Description>",
                bag_of_schema()
            )),
        }
        edits.push(self.appended(rdf, &said));
        // From the end: what stands before keeps its place.
        edits.sort_by_key(|(place, _)| place.start);
        let mut text = self.text.to_owned();
        for (place, words) in edits.into_iter().rev() {
            text.replace_range(place, &words);
        }
        text
    }

    /// The edit that puts something at the end of an element's content.
    fn appended(&self, id: Id, what: &str) -> (Range<usize>, String) {
        let tag = self.outline.start_tag(id);
        match self.text[tag.clone()].strip_suffix("/>") {
            Some(open) => {
                let name = open.trim_start_matches('<').split_whitespace().next().unwrap_or_default();
                let words = format!("{open}>{what}</{name}>");
                (tag, words)
            }
            None => {
                let end = self.outline.content_end(id);
                (end..end, what.to_owned())
            }
        }
    }
}

fn bag_of_schema() -> String {
    format!("<rdf:Bag xmlns:rdf=\"{RDF}\">{}</rdf:Bag>", schema())
}

/// The description of the announcement's properties, with the prefixes it uses.
fn schema() -> String {
    let property = |(name, description): &(&str, &str)| {
        format!(
            "<rdf:li rdf:parseType=\"Resource\"><pdfaProperty:name>{name}</pdfaProperty:name>\
             <pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external\
             </pdfaProperty:category><pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"
        )
    };
    let properties: String = PROPERTIES.iter().map(property).collect();
    format!(
        "<rdf:li xmlns:rdf=\"{RDF}\" xmlns:pdfaSchema=\"{SCHEMA}\" xmlns:pdfaProperty=\"{PROPERTY}\" \
         rdf:parseType=\"Resource\"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>\
         <pdfaSchema:namespaceURI>{FACTUR_X}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>\
         <pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(packet: &str) -> Result<String, Text> {
        announcing(packet.as_bytes(), "factur-x.xml", "EN 16931", &Limits::default())
    }

    fn packet(inside: &str) -> String {
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
             <r:RDF xmlns:r=\"{RDF}\" xmlns:a=\"{PDFA_ID}\" xmlns:e=\"{EXTENSION}\">{inside}</r:RDF></x:xmpmeta>\n   \
             <?xpacket end=\"w\"?>"
        )
    }

    #[test]
    fn the_announcement_joins_what_is_there_and_changes_nothing_else() {
        let as_attribute = "<r:Description r:about=\"x&amp;y\" a:part=\"3\" a:conformance=\"B\"/>";
        let list = |inside: &str| format!("<r:Description><a:part> 3 </a:part>{inside}</r:Description>");
        for (inside, lists) in [
            (as_attribute.to_owned(), 1),
            (list(""), 1),
            (list("<e:schemas/>"), 1),
            (list("<e:schemas><r:Bag/></e:schemas>"), 1),
            (list("<e:schemas><r:Bag><r:li>other</r:li></r:Bag></e:schemas>"), 1),
        ] {
            let before = packet(&inside);
            let after = announced(&before).unwrap_or_else(|why| panic!("{inside}: {}", why.en));
            let outline = guard::outline(&after, &Limits::default()).unwrap();
            let xmp = Packet { text: &after, outline: &outline };
            let bags = outline.all().filter(|id| xmp.is(*id, RDF, "Bag")).count();
            assert_eq!((bags, after.matches(":schemas>").count()), (lists, 2), "one list only: {after}");
            let told =
                |name: &str| outline.all().find(|id| xmp.is(*id, FACTUR_X, name)).and_then(|id| outline.text(id));
            assert_eq!(told("DocumentType").as_deref(), Some("INVOICE"));
            assert_eq!(told("DocumentFileName").as_deref(), Some("factur-x.xml"));
            assert_eq!(told("Version").as_deref(), Some("1.0"));
            assert_eq!(told("ConformanceLevel").as_deref(), Some("EN 16931"));
            let (start, end) = before.split_at(before.find("<r:Description").unwrap());
            assert!(after.starts_with(start) && after.ends_with("</r:RDF></x:xmpmeta>\n   <?xpacket end=\"w\"?>"));
            assert!(end.contains("schemas") || after.contains(&inside), "{after}");
            assert!(!inside.contains("other") || after.contains("<r:li>other</r:li><rdf:li "), "{after}");
            assert!(!inside.contains("x&amp;y") || after.matches("rdf:about=\"x&amp;y\"").count() == 2, "{after}");
            assert!(announced(&after).unwrap_err().en.contains("announce an invoice already"));
        }
    }

    #[test]
    fn what_is_no_pdfa_3_says_what_it_is() {
        let of = |inside: &str| announced(&packet(inside)).unwrap_err().en;
        assert!(of("<r:Description><a:part>1</a:part></r:Description>").contains("PDF/A-1"));
        assert!(of("<r:Description/>").contains("does not claim"));
        // The word alone, in another namespace, is no claim.
        assert!(of("<r:Description><b:part xmlns:b=\"urn:b\">3</b:part></r:Description>").contains("does not claim"));
        assert!(announced("<x:xmpmeta").unwrap_err().fr.contains("ne se lisent pas"));
        assert!(announced("<!DOCTYPE x []><x/>").unwrap_err().en.contains("DOCTYPE"));
    }
}
