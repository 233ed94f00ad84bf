//! What the system lets this program have, looked at before a run: too little of it would look like the fault of disks, ledgers
//! or hosts.

use super::{Exit, Refusal};
use crate::model::limits;
use crate::net::live::allowed_files;

/// Refuses to begin a run over so many `lists` where the first files or the first memory would fail; what may become too
/// little is told on the error stream.
///
/// # Errors
///
/// A refusal with [`Exit::CannotAsk`] that names the limit and what raises it.
pub(super) fn gives_enough(lists: usize) -> anyhow::Result<()> {
    let further = u64::try_from(lists).unwrap_or(u64::MAX).saturating_sub(1);
    let needed = limits::LEAST_FILES + limits::FILES_OF_A_LIST.saturating_mul(further);
    let files = allowed_files();
    if files < needed {
        let (of, or) = match lists {
            1 => (String::new(), ""),
            lists => (format!(" for {lists} lists"), ", or name fewer lists"),
        };
        return Err(refusal(format!(
            "the system lets this program open only {files} files at a time, and it needs {needed} at least{of}\n  \
             raise the limit: ulimit -n 1024{or}"
        )));
    }
    match memory(allowed_memory()) {
        Memory::Enough => Ok(()),
        Memory::MayRunOut(words) => {
            eprintln!("presend: {words}");
            Ok(())
        }
        Memory::TooLittle(words) => Err(refusal(words)),
    }
}

fn refusal(message: String) -> anyhow::Error {
    Refusal {
        exit: Exit::CannotAsk,
        message,
    }
    .into()
}

/// How far the memory goes that this program may have.
#[derive(Debug, PartialEq, Eq)]
enum Memory {
    Enough,
    /// For large lists it may not do.
    MayRunOut(String),
    TooLittle(String),
}

/// The most memory that this program may have, in bytes; none where nothing bounds it.
fn allowed_memory() -> Option<u64> {
    let soft = rlimit::Resource::AS.get_soft().ok()?;
    (soft != rlimit::INFINITY).then_some(soft)
}

fn memory(allowed: Option<u64>) -> Memory {
    let Some(allowed) = allowed.filter(|&bytes| bytes < limits::ENOUGH_MEMORY) else {
        return Memory::Enough;
    };
    let (mebibytes, kibibytes) = (allowed >> 20, limits::ENOUGH_MEMORY >> 10);
    if allowed < limits::LEAST_MEMORY {
        Memory::TooLittle(format!(
            "the system lets this program have only {mebibytes} MiB of memory, and it needs {} at least\n  raise the limit: \
         ulimit -v {kibibytes}",
            limits::LEAST_MEMORY >> 20
        ))
    } else {
        Memory::MayRunOut(format!(
            "the system lets this program have {mebibytes} MiB of memory (`ulimit -v`); that does for lists of some ten thousand \
         rows. Where it ends with \"memory allocation failed\" nothing is lost: raise the limit (ulimit -v {kibibytes}), and \
         the same command goes on"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_is_told_and_too_little_refused() {
        assert_eq!(memory(None), Memory::Enough);
        assert_eq!(memory(Some(limits::ENOUGH_MEMORY)), Memory::Enough);
        let Memory::MayRunOut(words) = memory(Some(limits::LEAST_MEMORY)) else {
            panic!("it may run out")
        };
        assert!(
            words.contains("256 MiB") && words.contains("ulimit -v 1048576"),
            "{words}"
        );
        let Memory::TooLittle(words) = memory(Some(limits::LEAST_MEMORY - 1)) else {
            panic!("it is too little")
        };
        assert!(words.contains("ulimit -v"), "{words}");
    }
}
