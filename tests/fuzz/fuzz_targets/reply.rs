//! The target `reply` for the engine.

#![no_main]

#[path = "../targets/mod.rs"]
#[allow(dead_code, reason = "each program runs one target")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::reply::run(data));
