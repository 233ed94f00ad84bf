//! Whether this machine is fit to ask: its names, its addresses, its way out on port 25.

pub mod checks;
pub mod clock;
pub mod interfaces;
pub mod own;
pub mod port25;
pub mod resolver;
pub mod start;
