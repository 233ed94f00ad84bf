//! What is known of the sender: blocklists, the rules of large receivers, volume.

pub mod audience;
pub mod blocklist;
pub mod checks;
pub mod listings;
pub mod options;
pub mod rules;
pub mod warm_up;
