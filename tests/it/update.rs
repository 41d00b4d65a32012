//! Signed update, from the publisher's keys to the box that runs the new version: every refusal with a release that is really
//! bad in that way, every cut with a box that must boot, every repair.

mod appliance;
mod commands;
mod cuts;
mod oracle;
pub mod publisher;
mod refusals;
mod slots;
