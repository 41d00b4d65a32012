//! `facture.json`: what a delivery is, for the application that takes it. Signed like a receipt.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::domain::DocumentHash;
use crate::fault::{Language, Text};
use crate::invoice::pivot::PivotInvoice;
use crate::store::InvoiceRecord;
use crate::work::core::JobError;
use crate::work::delivery::Delivery;
use crate::work::delivery_files::Part;
use crate::work::receipts::fault_json;
use crate::work::reception;
use crate::work::seal::{self, Purpose};

impl Delivery<'_> {
    /// `facture.json`, sealed.
    pub(super) fn description(
        &self,
        parts: &[Part<'_>],
        read: Option<&(Option<String>, PivotInvoice)>,
    ) -> Result<Vec<u8>, JobError> {
        let (flow, facts) = (self.flow, &self.invoice.facts);
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        put("flow", flow.id.as_str().into());
        put("account", flow.account.as_str().into());
        put("establishment", flow.realm.establishment.as_str().into());
        put("environment", flow.realm.environment.as_str().into());
        put("found_at", flow.received_at.to_string().into());
        put("chorus_id", self.id.0.into());
        put("role", flow.role.as_str().into());
        put("number", facts.number.as_str().into());
        put("status", self.invoice.status.as_ref().map(|s| s.as_str()).into());
        put("status_at", self.invoice.status_at.as_deref().filter(|at| !at.is_empty()).into());
        put(
            "complement",
            self.complement.as_ref().map_or(Value::Null, |complement| {
                json!({
                    "of": complement.of,
                    "n": complement.record.n,
                    "completed_at": complement.record.completed_at.as_str(),
                })
            }),
        );
        match read {
            Some((_, pivot)) => described(pivot, &mut put),
            None => searched(self.invoice, &mut put),
        }
        put(
            "pivot",
            json!({
                "version": read.and_then(|(version, _)| version.as_deref()),
                "sha256": self.hash.to_string(),
            }),
        );
        put("readable", self.readable_json(read));
        put("others", self.others()?.into());
        put("files", parts.iter().map(|part| file_json(part, self.language())).collect());
        put("fault", self.fault.map_or(Value::Null, |f| fault_json(f, self.language())));
        let checkpoint = self.core.store.checkpoint(self.core.now()).wait()?;
        put("checkpoint", checkpoint.into());
        seal::seal(&self.core.signer, Purpose::Invoice, &mut document)?;
        Ok(serde_json::to_vec_pretty(&document).unwrap_or_default())
    }

    /// What Chorus Pro says of the invoice in fields that nobody knows yet.
    fn others(&self) -> Result<Map<String, Value>, JobError> {
        let kept = self.core.store.reader()?.remembered(&self.flow.realm, &reception::others_name(self.id))?;
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Where the readable copy is from, or why there is none.
    fn readable_json(&self, read: Option<&(Option<String>, PivotInvoice)>) -> Value {
        let (source, remark) = match self.copy {
            Some(Ok(_)) => (Some("chorus_pro"), None),
            Some(Err(why)) => {
                let said = Text::new(
                    format!("Ni le pivot ni Chorus Pro n'ont donné de copie lisible : {}", why.fr),
                    format!("Neither the pivot nor Chorus Pro gave a readable copy: {}", why.en),
                );
                (None, Some(said.get(self.language()).to_owned()))
            }
            None => (read.and_then(|(_, pivot)| pivot.readable()).map(|_| "pivot"), None),
        };
        json!({"source": source, "remark": remark})
    }

    fn language(&self) -> Language {
        self.core.options.load().language
    }
}

/// What the pivot says of the invoice.
fn described(pivot: &PivotInvoice, put: &mut impl FnMut(&str, Value)) {
    let filled = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    put("type", filled(&pivot.type_code));
    put("frame", filled(&pivot.frame));
    put("issued_on", filled(&pivot.issued_on));
    put("received_on", filled(&pivot.received_on));
    let supplier = &pivot.supplier;
    put("supplier", json!({"id": filled(&supplier.id), "name": filled(&supplier.name), "country": supplier.country}));
    let recipient = &pivot.recipient;
    put(
        "recipient",
        json!({
            "id": filled(&recipient.id), "name": filled(&recipient.name), "service": pivot.service_code,
        }),
    );
    put("engagement", pivot.engagement.as_deref().into());
    put("market", pivot.market.as_deref().into());
    put("currency", filled(&pivot.currency));
    put(
        "amounts",
        json!({
            "without_tax": filled(&pivot.without_tax),
            "with_tax": filled(&pivot.with_tax),
            "payable": filled(&pivot.payable),
        }),
    );
}

/// What the search said of it, where the pivot cannot be read.
fn searched(invoice: &InvoiceRecord, put: &mut impl FnMut(&str, Value)) {
    let facts = &invoice.facts;
    let filled = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let (payable, currency) = match facts.payable.as_deref().map(|text| text.split_once(' ').unwrap_or((text, ""))) {
        Some((payable, currency)) => (filled(payable), filled(currency)),
        None => (Value::Null, Value::Null),
    };
    put("type", filled(&facts.type_code));
    put("frame", Value::Null);
    put("issued_on", facts.issued_on.as_deref().into());
    put("received_on", Value::Null);
    put("supplier", json!({"id": filled(&facts.supplier), "name": filled(&facts.supplier_name), "country": null}));
    put("recipient", json!({"id": filled(&facts.recipient), "name": filled(&facts.recipient_name), "service": null}));
    put("engagement", Value::Null);
    put("market", Value::Null);
    put("currency", currency);
    put("amounts", json!({"without_tax": null, "with_tax": null, "payable": payable}));
}

fn file_json(part: &Part<'_>, language: Language) -> Value {
    let members = part.attachment.map(|attachment| &attachment.members).filter(|members| !members.is_empty());
    let remark = part.attachment.and_then(|attachment| attachment.unopened.as_ref()).map(|reason| {
        Text::technical("Archive livrée telle quelle", "The archive is delivered as it came", reason)
            .get(language)
            .to_owned()
    });
    let hash: [u8; 32] = Sha256::digest(part.content).into();
    json!({
        "role": part.role,
        "name": part.name,
        "given_name": part.given.filter(|name| !name.is_empty()),
        "mime": Some(part.mime).filter(|mime| !mime.is_empty()),
        "size": part.content.len(),
        "sha256": DocumentHash(hash).to_string(),
        "members": members.map(|members| {
            members.iter().map(|member| json!({"name": member.name, "size": member.size})).collect::<Vec<_>>()
        }),
        "remark": remark,
    })
}
