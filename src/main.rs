//! presend
fn main() {}
