//! Why a run cannot go on, with what to change.

use crate::engine::EngineError;
use crate::input::list::IntakeError;
use crate::ledger::LedgerError;
use crate::probe::run::SpillError;
use crate::verify::output::OutletError;

/// Why a run cannot go on. What was learned until then is kept.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The list cannot be read.
    #[error(transparent)]
    List(#[from] IntakeError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What comes out cannot be written.
    #[error(transparent)]
    Output(#[from] OutletError),
    /// No room is left for the addresses that wait for their host.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// Those who are to ask cannot be told, or heard.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
