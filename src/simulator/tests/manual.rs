//! Does the manual for integrators say what the simulator does?

use super::*;

const MANUAL: &str = include_str!("../PRACTICE.md");

#[test]
fn it_lists_every_service_with_its_path() {
    for (name, path, _) in service::paths() {
        assert!(MANUAL.contains(&format!("| `{name}` | `{path}` |")), "{name} at {path}");
    }
}

#[test]
fn it_lists_every_scenario_of_the_catalogue_in_its_words() {
    for entry in crate::simulator::catalogue::ALL {
        let required = if entry.required { "yes" } else { "no" };
        let row = format!("| `{}` | {required} | {} | {} |", entry.id, entry.play.1, entry.expected.1);
        assert!(MANUAL.contains(&row), "PRACTICE.md must hold: {row}");
    }
}

#[test]
fn it_names_every_reading_every_order_and_every_structure() {
    let all = serde_json::to_value(Readings { recycling_until: Some(String::new()), ..Readings::default() }).unwrap();
    for key in all.as_object().unwrap().keys() {
        assert!(MANUAL.contains(&format!("`{key}`")), "reading {key}");
    }
    // What an unknown order is answered with lists the known ones.
    let known = serde_json::from_str::<control::Order>("{\"action\":\"explode\"}").err().unwrap().to_string();
    let orders: Vec<&str> = known.split('`').skip(3).step_by(2).collect();
    assert!(orders.len() > 20, "{known}");
    let sample = include_str!("../../../config/simulate.toml");
    for order in orders {
        assert!(MANUAL.contains(&format!("`{order}`")), "order {order} in PRACTICE.md");
        assert!(sample.contains(order), "order {order} in config/simulate.toml");
    }
    for structure in structure::known(&Scenario::default()) {
        let row = MANUAL.lines().find(|line| line.starts_with(&format!("| {} |", structure.siret)));
        let row = row.unwrap_or_else(|| panic!("{} is not in the data set", structure.siret));
        for unit in structure.services.iter().filter(|unit| unit.code != structure::PUBLIC_INVOICES) {
            assert!(row.contains(&unit.code), "{}: {}", structure.siret, unit.code);
        }
        assert!(structure.commitments.iter().all(|commitment| row.contains(commitment)), "{row}");
    }
}
