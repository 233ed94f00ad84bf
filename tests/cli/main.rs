//! Runs of the real program.

mod list;
mod nameserver;
mod start;
mod verify;
