//! The simulated internet, visited by a client that knows nothing but bytes.

mod defences;
mod files;
mod hosts;
mod personas;
mod seeds;
mod visitor;
mod zones;
