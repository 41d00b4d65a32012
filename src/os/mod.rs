//! The operating system: the only unsafe of the house.

pub mod descriptor;
