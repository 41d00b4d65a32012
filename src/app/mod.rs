//! The commands.

pub mod check;
pub mod samples;
pub mod simulate;
