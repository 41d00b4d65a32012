//! What a refusal's code means. Codes mean different things in different services (20000 is "no row" in a search and
//! "unknown" in `completer`), so the table is keyed by both (PROTOCOL §5).

use crate::fault::{Code, Fault};

/// (service, code, fault). A pair that is not listed stops the item with the label shown and is never repeated by
/// itself: [`Code::DepositRefused`] for a deposit, [`Code::CallRefused`] for everything else.
const TABLE: &[(&str, i64, Code)] = &[
    // GDP_MSG_11.022: the flux is too big.
    ("deposer/flux", 20001, Code::DepositRefused),
    // HTTP 413 of the gateway, which has no codeRetour: same meaning.
    ("deposer/flux", 413, Code::DepositRefused),
    // Above 120 MB (PROTOCOL §2).
    ("telecharger/groupe", 413, Code::CallRefused),
];

/// The fault of a refused call, its blanks filled.
pub fn refusal_fault(service: &str, code: i64, label: &str) -> Fault {
    let listed = TABLE.iter().find(|(name, number, _)| *name == service && *number == code);
    let default = if service == "deposer/flux" { Code::DepositRefused } else { Code::CallRefused };
    Fault::new(listed.map_or(default, |(_, _, fault)| *fault))
        .with("service", service)
        .with("code", code)
        .with("label", label)
}
