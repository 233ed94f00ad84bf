//! Has what is written reach the disk while more is written.
//!
//! Lists must be on the disk before they get their names. Left to the end, that alone takes a quarter of the time of a
//! large list that nobody is asked about; so a thread sees to it meanwhile, and only the last part is left.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Brings files in the making to the disk, on a thread of its own once there is one to bring.
#[derive(Default)]
pub(super) struct Flusher {
    thread: Option<(SyncSender<File>, JoinHandle<io::Result<()>>)>,
}

/// Whether what was written to a file is on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// It is.
    Taken,
    /// Not yet: another file is.
    Busy,
}

impl Flusher {
    /// Offers a file that more was written to.
    ///
    /// # Errors
    ///
    /// When there is no further handle for the file, or no further thread.
    pub(super) fn offer(&mut self, file: &File) -> io::Result<Offered> {
        let (files, _) = match &mut self.thread {
            Some(thread) => thread,
            None => self.thread.insert(start()?),
        };
        match files.try_send(file.try_clone()?) {
            Ok(()) => Ok(Offered::Taken),
            // One that has failed says so at the end.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Ok(Offered::Busy),
        }
    }

    /// Waits until it is done with what it has taken.
    ///
    /// # Errors
    ///
    /// When something could not be written: the system tells of that once, so who is told here is told nowhere else.
    pub(super) fn finish(self) -> io::Result<()> {
        let Some((files, thread)) = self.thread else {
            return Ok(());
        };
        drop(files);
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A thread that takes a file when it is done with the one before.
fn start() -> io::Result<(SyncSender<File>, JoinHandle<io::Result<()>>)> {
    let (files, taken) = sync_channel::<File>(0);
    let thread = Builder::new().name("to the disk".to_owned());
    let thread = thread.spawn(move || taken.into_iter().try_for_each(|file| file.sync_data()))?;
    Ok((files, thread))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    /// Offers a file until it is taken.
    fn offered(file: &File) -> Flusher {
        let mut flusher = Flusher::default();
        while flusher.offer(file).unwrap() == Offered::Busy {
            std::thread::yield_now();
        }
        flusher
    }

    #[test]
    fn a_file_is_brought_to_the_disk() {
        offered(&tempfile::tempfile().unwrap()).finish().unwrap();
        Flusher::default().finish().unwrap();
    }

    #[test]
    fn what_cannot_be_brought_there_is_told() {
        // A pipe is on no disk.
        let (_, pipe) = io::pipe().unwrap();
        let flusher = offered(&File::from(OwnedFd::from(pipe)));
        assert!(flusher.finish().is_err());
    }
}
