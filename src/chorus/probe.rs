//! `recuperer/tauxtva` with `{}`: the smallest call that passes all three layers, token, subscription and account
//! (PROTOCOL §1).

use serde_json::{Value, json};

use crate::chorus::{Service, Unreadable};

/// Asks for the VAT rates; the answer's content does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecupererTauxTva;

impl Service for RecupererTauxTva {
    const NAME: &'static str = "recuperer/tauxtva";
    const PATH: &'static str = "/cpro/transverses/v1/recuperer/tauxtva";
    type Answer = ();

    fn body(&self) -> Value {
        json!({})
    }

    fn read(_: &Value) -> Result<(), Unreadable> {
        Ok(())
    }
}
