//! Steering a running simulator: from the same process by [`Control`], from another by `POST /simulator/control`.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fault::FaultRule;
use super::pivot::{ATTACHMENTS_LIMIT, Attachment, ReceivedInvoice};
use super::readings::Readings;
use super::scenario::{
    DAYS_LIMIT, ErrorList, ErrorTransport, PathRule, PivotForm, RECEIVED_LIMIT, Recipient, ScenarioError, VerdictRule,
    at_most, check_speed, wrong,
};
use super::server::Shared;
use super::structure;
use super::weather::{Latency, OutageKind};
use crate::domain::{ChorusInvoiceId, Duration as TextDuration};

/// A handle on a running simulator; cheap to clone. Nothing it does waits.
#[derive(Clone)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

impl Control {
    /// Puts a fault in force; the number removes it.
    pub fn add_fault(&self, rule: FaultRule) -> Result<u64, ScenarioError> {
        self.shared.world().faults.add(rule)
    }

    /// Whether there was such a fault.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.shared.world().faults.remove(id)
    }

    /// Nothing is disturbed any more, but by an outage.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// From now on another client secret is right; tokens already given stay good.
    pub fn set_client_secret(&self, secret: &str) {
        self.shared.world().doors.client_secret = secret.to_owned();
    }

    /// From now on another password of the technical account is right.
    pub fn set_account_password(&self, password: &str) {
        self.shared.world().doors.account_password = password.to_owned();
    }

    /// No token given so far is good any more.
    pub fn expire_tokens(&self) {
        self.shared.world().doors.tokens.clear();
    }

    /// Simulated seconds per real second from now on; 0 freezes.
    pub fn set_speed(&self, speed: f64) -> Result<(), ScenarioError> {
        check_speed(speed)?;
        let mut world = self.shared.world();
        world.settle();
        world.clock.set_speed(speed);
        Ok(())
    }

    /// Stops the simulated clock; [`Self::advance`] still moves it.
    pub fn freeze(&self) {
        let mut world = self.shared.world();
        world.settle();
        world.clock.set_speed(0.0);
    }

    /// Ends a freeze, at the speed there was.
    pub fn resume(&self) {
        self.shared.world().clock.resume();
    }

    /// The simulated clock leaps ahead by this much.
    pub fn advance(&self, by: Duration) {
        let mut world = self.shared.world();
        world.settle();
        world.clock.advance(by);
        world.settle();
    }

    /// An invoice arrives for the establishment.
    pub fn send_invoice(&self, invoice: ReceivedInvoice) -> ChorusInvoiceId {
        ChorusInvoiceId(self.shared.world().receive(invoice))
    }

    /// Own-made invoices arrive for the establishment.
    pub fn send_samples(&self, count: usize) -> Vec<ChorusInvoiceId> {
        let mut world = self.shared.world();
        let samples = (0..count.min(RECEIVED_LIMIT)).map(|_| {
            let sample = world.sample();
            ChorusInvoiceId(world.receive(sample))
        });
        samples.collect()
    }

    /// A sub-contractor's invoice for another buyer arrives, which the establishment must validate.
    pub fn ask_validation(&self, invoice: ReceivedInvoice) -> ChorusInvoiceId {
        ChorusInvoiceId(self.shared.world().ask_validation(invoice))
    }

    /// The supplier completes a received invoice that is suspended. False: there is none of this number.
    pub fn complete_invoice(&self, number: &str, comment: &str, attachments: Vec<Attachment>) -> bool {
        let mut world = self.shared.world();
        let now = world.settle();
        let place = world.invoices.iter().rposition(|invoice| {
            invoice.number == number && invoice.is_received() && invoice.status(now).status == "SUSPENDUE"
        });
        if let Some(place) = place {
            world.complete(place, now, comment, attachments);
        }
        place.is_some()
    }

    /// Plays other readings of the documents from now on.
    pub fn set_readings(&self, readings: Readings) -> Result<(), ScenarioError> {
        readings.check()?;
        self.shared.world().scenario.readings = readings;
        Ok(())
    }

    /// The readings in force.
    pub fn readings(&self) -> Readings {
        self.shared.world().scenario.readings.clone()
    }

    /// Nothing works any more, until [`Self::end_outage`].
    pub fn begin_outage(&self, kind: OutageKind) {
        self.shared.world().outage = Some(kind);
    }

    /// Ends an outage begun by hand.
    pub fn end_outage(&self) {
        self.shared.world().outage = None;
    }

    /// How long calls take from now on; `None`: no time.
    pub fn set_latency(&self, latency: Option<Latency>) -> Result<(), ScenarioError> {
        if let Some(latency) = &latency {
            latency.check()?;
        }
        self.shared.world().scenario.latency = latency;
        Ok(())
    }

    /// Days until the technical account's password ends, counted from the simulator's start.
    pub fn set_password_days(&self, days: i64) -> Result<(), ScenarioError> {
        if days.abs() > DAYS_LIMIT {
            return Err(wrong("password_days", format!("must be at most {DAYS_LIMIT} days away")));
        }
        self.shared.world().scenario.password_days = days;
        Ok(())
    }

    /// Another verdict for deposits to come.
    pub fn add_verdict(&self, rule: VerdictRule) -> Result<(), ScenarioError> {
        rule.check()?;
        add("verdict", &mut self.shared.world().scenario.verdict, rule)
    }

    /// Another way for invoices that will be integrated.
    pub fn add_path(&self, rule: PathRule) -> Result<(), ScenarioError> {
        rule.check()?;
        add("path", &mut self.shared.world().scenario.path, rule)
    }

    /// Gives an invoice another status now, and no further ones by itself. False: no such invoice.
    pub fn move_invoice(&self, number: &str, status: &str, comment: &str) -> bool {
        self.shared.world().move_invoice(number, status, comment)
    }

    /// The recipient orders an invoice's payment (MANDATEE) under this number (numeroDPMandat), and no further status comes by
    /// itself. False: no such invoice.
    pub fn order_payment(&self, number: &str, mandate: &str, comment: &str) -> bool {
        self.shared.world().order_payment(number, mandate, comment)
    }

    /// For the catalogue of tests: the client stopped the second deposit of `CAT-DOUBLE` by itself, which no call shows.
    /// False: the catalogue is not played.
    pub fn declare_double_stopped(&self) -> bool {
        self.shared.world().declare_double_stopped()
    }

    /// Replaces the scenario's recipients: what they demand from now on, everywhere.
    pub fn set_recipients(&self, recipients: Vec<Recipient>) {
        let mut world = self.shared.world();
        world.scenario.recipient = recipients;
        world.structures = structure::known(&world.scenario);
    }

    /// How business errors travel from now on.
    pub fn set_errors(&self, errors: ErrorTransport) {
        self.shared.world().scenario.errors = errors;
    }

    /// How a compte rendu lists a single refused invoice from now on.
    pub fn set_error_list(&self, list: ErrorList) {
        self.shared.world().scenario.error_list = list;
    }

    /// How `telecharger/groupe` hands a pivot over from now on.
    pub fn set_pivot(&self, form: PivotForm) {
        self.shared.world().scenario.pivot = form;
    }
}

fn add<R>(key: &'static str, rules: &mut Vec<R>, rule: R) -> Result<(), ScenarioError> {
    at_most(key, rules.len() + 1)?;
    rules.push(rule);
    Ok(())
}

/// The JSON of `POST /simulator/control`: `{"action": "advance", "by": "24h"}`.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Order {
    AddFault {
        fault: FaultRule,
    },
    RemoveFault {
        id: u64,
    },
    ClearFaults,
    SetClientSecret {
        value: String,
    },
    SetAccountPassword {
        value: String,
    },
    ExpireTokens,
    SetSpeed {
        speed: f64,
    },
    Freeze,
    Resume,
    Advance {
        by: TextDuration,
    },
    SendInvoice {
        invoice: Box<ReceivedInvoice>,
    },
    SendSamples {
        count: usize,
    },
    AddVerdict {
        verdict: VerdictRule,
    },
    AddPath {
        path: PathRule,
    },
    MoveInvoice {
        number: String,
        status: String,
        #[serde(default)]
        comment: String,
    },
    AskValidation {
        invoice: Box<ReceivedInvoice>,
    },
    CompleteInvoice {
        number: String,
        #[serde(default)]
        comment: String,
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// Only the keys named change.
    SetReadings {
        readings: Map<String, Value>,
    },
    BeginOutage {
        #[serde(default)]
        kind: OutageKind,
    },
    EndOutage,
    SetLatency {
        #[serde(default)]
        latency: Option<Latency>,
    },
    SetPasswordDays {
        days: i64,
    },
    SetErrors {
        value: ErrorTransport,
    },
    SetErrorList {
        value: ErrorList,
    },
    SetPivot {
        value: PivotForm,
    },
    DeclareDoubleStopped,
}

/// Obeys one order; the error is for a person.
pub(super) fn obey(body: &[u8], shared: &Arc<Shared>) -> Result<Value, String> {
    let order: Order = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let control = Control { shared: shared.clone() };
    let text = |error: ScenarioError| error.to_string();
    match order {
        Order::AddFault { fault } => {
            let id = control.add_fault(fault).map_err(text)?;
            return Ok(json!({"ok": true, "id": id}));
        }
        Order::RemoveFault { id } => return Ok(json!({"ok": control.remove_fault(id)})),
        Order::ClearFaults => control.clear_faults(),
        Order::SetClientSecret { value } => control.set_client_secret(&value),
        Order::SetAccountPassword { value } => control.set_account_password(&value),
        Order::ExpireTokens => control.expire_tokens(),
        Order::SetSpeed { speed } => control.set_speed(speed).map_err(text)?,
        Order::Freeze => control.freeze(),
        Order::Resume => control.resume(),
        Order::Advance { by } => control.advance(by.get()),
        Order::SendInvoice { invoice } => {
            invoice.check()?;
            return Ok(json!({"ok": true, "id": control.send_invoice(*invoice)}));
        }
        Order::SendSamples { count } => return Ok(json!({"ok": true, "ids": control.send_samples(count)})),
        Order::AddVerdict { verdict } => control.add_verdict(verdict).map_err(text)?,
        Order::AddPath { path } => control.add_path(path).map_err(text)?,
        Order::MoveInvoice { number, status, comment } => {
            return Ok(json!({"ok": control.move_invoice(&number, &status, &comment)}));
        }
        Order::AskValidation { invoice } => {
            invoice.check()?;
            return Ok(json!({"ok": true, "id": control.ask_validation(*invoice)}));
        }
        Order::CompleteInvoice { number, comment, attachments } => {
            if attachments.len() > ATTACHMENTS_LIMIT {
                return Err(format!("attachments: must be at most {ATTACHMENTS_LIMIT}"));
            }
            return Ok(json!({"ok": control.complete_invoice(&number, &comment, attachments)}));
        }
        Order::SetReadings { readings } => {
            let changed = changed_readings(&control.readings(), readings)?;
            control.set_readings(changed).map_err(text)?;
        }
        Order::BeginOutage { kind } => control.begin_outage(kind),
        Order::EndOutage => control.end_outage(),
        Order::SetLatency { latency } => control.set_latency(latency).map_err(text)?,
        Order::SetPasswordDays { days } => control.set_password_days(days).map_err(text)?,
        Order::SetErrors { value } => control.set_errors(value),
        Order::SetErrorList { value } => control.set_error_list(value),
        Order::SetPivot { value } => control.set_pivot(value),
        Order::DeclareDoubleStopped => return Ok(json!({"ok": control.declare_double_stopped()})),
    }
    Ok(json!({"ok": true}))
}

/// These readings with the keys named changed; null takes one back to its default.
pub(super) fn changed_readings(readings: &Readings, changes: Map<String, Value>) -> Result<Readings, String> {
    let mut all = match serde_json::to_value(readings) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    };
    for (key, value) in changes {
        match value {
            Value::Null => drop(all.remove(&key)),
            value => drop(all.insert(key, value)),
        }
    }
    serde_json::from_value(Value::Object(all)).map_err(|e| format!("readings: {e}"))
}
