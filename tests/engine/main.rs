//! The engine on real `nats-server`s on loopback: alone, in a cluster, full, gone, cut off, guarded.
//!
//! Where `nats-server` is missing the tests say so; with `CI` in the environment they fail.

mod adversity;
mod contract;
#[path = "../support/dns.rs"]
mod dns;
mod internet;
mod lists;
mod login;
mod place;
mod server;
#[path = "../support/smtp.rs"]
mod smtp;
