//! `presend serve` as its clients meet it: the real program, real HTTP on loopback, a simulated world behind it.

mod again;
mod check;
mod client;
mod dropin;
mod guard;
mod kills;
mod lists;
mod load;
mod metrics;
mod proxy;
mod reading;
mod tools;
mod webhook;
