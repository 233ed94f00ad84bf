//! Runs of the real program.

mod anomaly;
mod bounces;
mod config;
mod estimate;
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
mod start;
mod system;
mod verify;
mod wire;
