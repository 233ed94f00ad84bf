//! Where the program keeps what outlives a run.

use std::path::PathBuf;

use super::usage;

/// The ledger of a command that names none.
pub(super) fn own_ledger() -> anyhow::Result<PathBuf> {
    Ok(state_directory()?.join("presend/ledger.db"))
}

/// Where programs keep their state (XDG base directory specification).
pub(super) fn state_directory() -> anyhow::Result<PathBuf> {
    let from = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| usage("neither XDG_STATE_HOME nor HOME is set: say where the ledger goes with --ledger FILE"))
}
