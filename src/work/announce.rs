//! How a checked file is announced to Chorus Pro: its syntax code, and whether as signed.
//!
//! The route's wish counts where it fits what the file is. Where it does not, the file goes under its own code and a
//! warning says so: an invoice must not wait because a folder was set up for another kind.

use crate::chorus::{Announced, FluxContent, FluxSyntax, SyntaxError, announce};
use crate::fault::{Code, Fault, Language};
use crate::store::{Announcement, FindingRecord};
use crate::work::settings::{RouteSection, Signed};

/// What a route says about announcing; without a route each file goes as what it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wish {
    syntax: Option<FluxSyntax>,
    signed: Signed,
}

impl Wish {
    pub(super) fn of(route: Option<&RouteSection>) -> Self {
        route.map_or_else(Self::default, |route| Self { syntax: route.syntax, signed: route.signed })
    }

    /// The announcement of a file that the check calls `checked`, with what there is to say about it; `None` for what is
    /// no flux.
    pub(super) fn announce(
        &self,
        checked: &str,
        is_signed: bool,
        language: Language,
    ) -> Option<(Announcement, Option<FindingRecord>)> {
        let content = FluxContent::of(checked)?;
        let signed = match self.signed {
            Signed::Auto => is_signed,
            Signed::Yes => true,
            Signed::No => false,
        };
        let words = |announced: Announced| Announcement {
            syntax: announced.syntax.as_str().to_owned(),
            signed: announced.signed,
        };
        match announce(content, signed, self.syntax.map(FluxSyntax::as_str), &[]) {
            Ok(announced) => Some((words(announced), None)),
            Err(SyntaxError::NotForContent { wish, .. }) => {
                let own = announce(content, signed, None, &[]).ok()?;
                let fault = Fault::new(Code::SyntaxNotForContent)
                    .with("wish", wish.as_str())
                    .with("syntax", own.syntax.as_str());
                Some((words(own), Some(warning(&fault, "[[route]]", language))))
            }
            Err(_) => None,
        }
    }
}

/// A fault that hinders nothing, as a finding.
pub(super) fn warning(fault: &Fault, place: &str, language: Language) -> FindingRecord {
    FindingRecord {
        rule: fault.code.to_string(),
        severity: "warning".to_owned(),
        place: place.to_owned(),
        message: fault.title(language),
        remedy: fault.remedy(language),
    }
}

/// The code that the flow goes, or went, under: flows checked before announcements were kept have what their kind says.
pub(super) fn syntax_of(announced: Option<&Announcement>, checked: Option<&str>) -> Option<FluxSyntax> {
    match announced {
        Some(announced) => FluxSyntax::of(&announced.syntax),
        None => checked.and_then(FluxSyntax::for_invoice),
    }
}
