//! Judges a run by the truth, by what the servers saw, by the bytes of the lists: with no code of the program's own.
//!
//! Nothing here reads a reply, plans a question or decides a verdict. What the lists say is read by a reader of its
//! own; what is true comes from the creation; what was done comes from the servers' log.

mod finding;
mod ideal;
mod manners;
mod names;
mod outputs;
mod steady;
mod verdicts;

pub use finding::{Complaint, Finding};
pub use ideal::{Needs, ideal_time, needs};
pub use manners::{Counts, judge as judge_manners};
pub use outputs::{Listed, read};
pub use verdicts::{Confusion, judge as judge_verdicts};
