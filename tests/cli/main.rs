//! Runs of the real program.

mod config;
mod list;
mod nameserver;
mod start;
mod verify;
