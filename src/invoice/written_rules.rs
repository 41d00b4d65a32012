//! How numbers and dates must be written wherever they stand, used by a rule or not: the schemas of UBL and CII say so, which
//! Chorus Pro applies before any rule (PROTOCOL §4). The official rules accept what none of them reads, so elsewhere it is
//! only told.

use super::official::number::{day, decimal};
use super::outline::Outline;
use super::rules::Findings;
use super::{Profile, Severity};

/// Whether an element of this name holds a number, in UBL or CII.
fn is_number(name: &str) -> bool {
    ["Amount", "Quantity", "Percent", "Numeric"].iter().any(|end| name.ends_with(end))
}

/// Adds what is no number or no day, where no rule has stumbled over it yet.
pub fn check(outline: &Outline<'_>, profile: Profile, findings: &mut Findings<'_, '_>) {
    let severity = if profile == Profile::Chorus { Severity::Fatal } else { Severity::Warning };
    for id in outline.all().filter(|id| outline.is_leaf(*id)) {
        let name = outline.name(id);
        if is_number(name) {
            if decimal(&outline.value(id)).is_none() {
                findings.once("FG-DECIMAL", severity, id);
            }
        } else if (name.ends_with("Date") || (name == "DateTimeString" && is_day_format(outline, id)))
            && day(&outline.value(id)).is_none()
        {
            findings.once("FG-VALUE", severity, id);
        }
    }
}

fn is_day_format(outline: &Outline<'_>, id: super::outline::Id) -> bool {
    outline.attribute(id, "format").is_some_and(|format| format == "102")
}
