//! A described internet behind the seams, and a random one with an oracle that shares no code with the client.

pub mod net;
pub mod score;
