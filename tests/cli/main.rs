//! Runs of the real program.

mod anomaly;
mod bounces;
mod config;
#[path = "../support/dns.rs"]
mod dns;
mod estimate;
mod exports;
mod files;
mod gate;
mod ledger;
mod list;
mod lists;
mod mailhosts;
mod nameserver;
mod pages;
mod pipes;
mod preflight;
mod proxy;
mod reading;
mod report;
mod rows;
mod schema;
mod schemas;
mod screens;
mod several;
#[path = "../support/smtp.rs"]
mod smtp;
mod start;
mod system;
mod verify;
mod wire;
