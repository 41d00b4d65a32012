//! Core's jobs. (Contract for the first build.)
pub mod connector;
pub mod gatehouse;
