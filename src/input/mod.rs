//! What an operator brings: lists, addresses, the flags that their text earns, whom not to ask.

pub mod address;
pub mod flags;
pub mod list;
pub mod suppression;
