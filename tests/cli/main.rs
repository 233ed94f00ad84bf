//! Runs of the real program.

mod bounces;
mod config;
mod list;
mod nameserver;
mod start;
mod verify;
