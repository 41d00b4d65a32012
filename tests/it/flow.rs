//! Is every `decide` the table that LIFECYCLE.md shows, and total over every state and event?

use fluxgate::domain::Timestamp;
use fluxgate::flow::{Decision, Job, Policy, deposit, reception, status_change};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// The machine as a table: `state event -> state`, one line a possible pair, sorted as the enums are.
fn table<S: Copy + ToString, E: Copy + ToString>(
    states: &[S],
    events: &[E],
    decide: impl Fn(S, E) -> Decision<S>,
) -> (String, usize) {
    let mut lines = String::new();
    let mut impossible = 0;
    for &state in states {
        for &event in events {
            match decide(state, event) {
                Decision::Move { to, work } => {
                    let work: Vec<String> = work
                        .iter()
                        .map(|due| match due.at.since(NOW).as_secs() {
                            0 => due.job.as_str().to_owned(),
                            wait => format!("{} in {wait} s", due.job.as_str()),
                        })
                        .collect();
                    lines.push_str(&format!(
                        "| {} | {} | {} | {} |\n",
                        state.to_string(),
                        event.to_string(),
                        to.to_string(),
                        work.join(", ")
                    ));
                }
                Decision::Impossible => impossible += 1,
            }
        }
    }
    (lines, impossible)
}

fn assert_in_lifecycle(name: &str, lines: &str) {
    let lifecycle = include_str!("../../src/flow/LIFECYCLE.md");
    assert!(lifecycle.contains(lines), "src/flow/LIFECYCLE.md does not show {name} as decide has it:\n{lines}");
}

#[test]
fn deposit_is_the_table_shown() {
    let policy = Policy::default();
    let (lines, impossible) =
        table(deposit::State::ALL, deposit::Event::ALL, |s, e| deposit::decide(s, e, NOW, &policy));
    assert_in_lifecycle("deposit", &lines);
    assert_eq!(lines.lines().count() + impossible, deposit::State::ALL.len() * deposit::Event::ALL.len());
}

#[test]
fn reception_is_the_table_shown() {
    let policy = Policy::default();
    let (lines, _) = table(reception::State::ALL, reception::Event::ALL, |s, e| reception::decide(s, e, NOW, &policy));
    assert_in_lifecycle("reception", &lines);
}

#[test]
fn status_change_is_the_table_shown() {
    let policy = Policy::default();
    let (lines, _) =
        table(status_change::State::ALL, status_change::Event::ALL, |s, e| status_change::decide(s, e, NOW, &policy));
    assert_in_lifecycle("status_change", &lines);
}

#[test]
fn nothing_leaves_a_final_state_and_nothing_doubtful_is_sent_without_a_look() {
    let policy = Policy::default();
    for &state in deposit::State::ALL {
        for &event in deposit::Event::ALL {
            let Decision::Move { to, work } = deposit::decide(state, event, NOW, &policy) else { continue };
            // What nobody could confirm may yet show.
            let shows = (deposit::State::PartlyIntegrated, deposit::Event::Integrated, deposit::State::Integrated);
            assert!(!state.is_final() || (state, event, to) == shows, "{state} {event}");
            let deposits = work.iter().any(|due| due.job == Job::Deposit);
            assert_eq!(deposits, to == deposit::State::Ready, "{state} {event}");
            if state == deposit::State::Doubtful && deposits {
                assert!(
                    matches!(event, deposit::Event::AbsentAtChorus | deposit::Event::ResendByPerson),
                    "{event} sends a doubtful deposit again"
                );
            }
            if to == deposit::State::Sending {
                assert_eq!((state, event), (deposit::State::Ready, deposit::Event::Sending));
            }
        }
    }
}
