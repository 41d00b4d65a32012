//! `deposer/flux`: hands a file to Chorus Pro. It has no idempotency key (PROTOCOL §5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::chorus::{FluxFileName, FluxSyntax, Service, Unreadable, WireDate, field};
use crate::domain::DepositNumber;

/// A file to deposit.
#[derive(Debug, Clone)]
pub struct DeposerFlux {
    pub content: Bytes,
    pub file_name: FluxFileName,
    pub syntax: FluxSyntax,
    /// The content carries a signature and is passed on untouched.
    pub signed: bool,
}

/// The flux has a number; nothing is said yet about what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposited {
    pub number: DepositNumber,
    pub deposited_on: Option<WireDate>,
}

impl Service for DeposerFlux {
    const NAME: &'static str = "deposer/flux";
    const PATH: &'static str = "/cpro/factures/v1/deposer/flux";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Deposited;

    fn body(&self) -> Value {
        json!({
            "fichierFlux": STANDARD.encode(&self.content),
            "nomFichier": self.file_name.as_str(),
            "syntaxeFlux": self.syntax.as_str(),
            "avecSignature": self.signed,
        })
    }

    fn read(answer: &Value) -> Result<Deposited, Unreadable> {
        Ok(Deposited {
            number: field::needed(answer, "", "numeroFluxDepot")?,
            deposited_on: field::date(answer, "dateDepot"),
        })
    }
}
