//! Runs of the real program.

mod bounces;
mod config;
mod estimate;
mod ledger;
mod list;
mod nameserver;
mod preflight;
mod report;
mod schema;
mod start;
mod verify;
