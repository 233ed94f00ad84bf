//! Whether a host still tells the truth: what its answers show of each other, and what follows for those heard before.

pub(crate) mod history;
pub(crate) mod known;
pub(crate) mod monitor;
pub(crate) mod resume;
pub(crate) mod streak;
