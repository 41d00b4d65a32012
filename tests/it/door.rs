//! The door with real sockets: what passes, what is cut, what is refused.

mod client;
mod limits;
mod relay;
mod upstream;
