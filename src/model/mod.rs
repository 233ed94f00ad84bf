//! The vocabulary: what is held to be true of an address, on what evidence, and what it blames.

pub mod columns;
pub mod count;
pub mod dns;
pub mod echo;
pub mod ending;
#[cfg(test)]
pub(crate) mod error_texts;
pub mod flag;
pub mod limits;
pub mod page;
pub mod provider;
pub mod rate;
pub mod reading;
pub mod reason;
pub mod seeded;
pub mod stage;
pub mod text;
pub mod timestamp;
pub mod top_k;
pub mod verdict;
pub mod wait;
