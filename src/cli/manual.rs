//! What a shell and `man` want to know of the command line.

use clap::{Args, CommandFactory};

use super::{Cli, Exit};

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Whose
    shell: clap_complete::Shell,
}

/// Prints the completions for a shell.
pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "presend", &mut script);
    print(&script)
}

/// Prints the manual page.
pub(super) fn page() -> anyhow::Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&page)
}

fn print(bytes: &[u8]) -> anyhow::Result<Exit> {
    use std::io::Write as _;
    std::io::stdout().lock().write_all(bytes)?;
    Ok(Exit::Done)
}
