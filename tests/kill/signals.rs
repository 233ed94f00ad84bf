//! Ctrl-C, once, twice, three times, while hosts keep conversations waiting.

use std::fmt::Write as _;
use std::io::Read;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Place, list, runs_until};

/// A run that is held up by every host, with what it says.
struct Held {
    place: Place,
    child: Child,
    said: Arc<Mutex<String>>,
    rows: usize,
}

impl Held {
    fn start() -> Held {
        let mut text = list(12, 4);
        let rows = text.lines().count() - 1 + 6;
        for domain in [0, 1, 2, 4, 8, 9] {
            let _ = writeln!(text, "held,z@d{domain}.test");
        }
        let place = Place::new(&text);
        let mut child = place.start_with(&[], "list.csv", &place.path("ledger.db"));
        let said = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().unwrap();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut bytes = [0; 1000];
            while let Ok(count @ 1..) = errors.read(&mut bytes) {
                heard
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        let mut held = Held {
            place,
            child,
            said,
            rows,
        };
        let began = Instant::now();
        assert!(runs_until(&held.place, &mut held.child, 1));
        let waits = |held: &Held| {
            let asked = held.place.internet.asked();
            asked.iter().any(|one| one.recipient.starts_with('z'))
        };
        while !waits(&held) {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", held.said());
            std::thread::sleep(Duration::from_millis(10));
        }
        held
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn interrupt(&self) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the program says `words`: at once, as far as a loaded machine can.
    fn is_told(&self, words: &str) {
        let began = Instant::now();
        while !self.said().contains(words) {
            assert!(
                began.elapsed() < Duration::from_secs(3),
                "{words}: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end; returns the exit code and how long it took.
    fn end(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let status = self.child.wait().unwrap();
        (status.code(), began.elapsed())
    }

    fn rows_listed(&self) -> usize {
        let lists = self.place.lists("list.csv");
        let rows = |list: &Vec<u8>| String::from_utf8_lossy(list).lines().count() - 2;
        lists.values().map(rows).sum()
    }
}

#[test]
fn the_first_is_answered_at_once_and_lets_conversations_end() {
    let mut held = Held::start();
    held.interrupt();
    held.is_told("finishing ");
    held.is_told("again to write what is known now");
    let (code, took) = held.end();
    assert_eq!(code, Some(130), "{}", held.said());
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(held.rows_listed(), held.rows);
}

#[test]
fn the_second_writes_every_row_with_what_is_known() {
    let mut held = Held::start();
    held.interrupt();
    held.is_told("finishing ");
    held.interrupt();
    let (code, took) = held.end();
    assert_eq!(code, Some(130), "{}", held.said());
    // Conversations under way would have had six seconds.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(held.rows_listed(), held.rows);
}

#[test]
fn the_third_ends_the_program() {
    let mut held = Held::start();
    for _ in 0..3 {
        held.interrupt();
        // Signals of one kind that come together are one.
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, took) = held.end();
    assert_eq!(code, Some(130), "{}", held.said());
    assert!(took < Duration::from_secs(3), "{took:?}");
}
