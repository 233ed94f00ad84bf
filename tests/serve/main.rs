//! `presend serve` as its clients meet it: the real program, real HTTP on loopback, a simulated world behind it.

mod check;
mod client;
mod dropin;
mod guard;
mod kills;
mod lists;
mod load;
mod tools;
mod webhook;
