//! What the operating system is asked for: durable files, descriptors, signals, the sandbox. The only `unsafe`.

pub mod durable;
