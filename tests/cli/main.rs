//! Runs of the real program.

mod bounces;
mod config;
mod list;
mod report;
mod schema;
mod nameserver;
mod preflight;
mod start;
mod verify;
