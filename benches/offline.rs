//! A million rows with nobody asked, against a plain copy with the csv crate in the same run: rows of the width that
//! exports have, and narrow ones, where our own columns are most of what is written.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use presend::input::flags::Lists;
use presend::input::list::Source;
use presend::input::suppression::Suppression;
use presend::ledger::{Ledger, Lifetimes, Realm};
use presend::model::ending::Ending;
use presend::model::provider::Providers;
use presend::model::timestamp::Timestamp;
use presend::model::verdict::Policy;
use presend::net::Clock;
use presend::probe::scheduler::Progress;
use presend::smtp::rules::Book;
use presend::verify::{Asking, Observer, Task, Tools, verify};

const ROWS: u32 = 1_000_000;
const ROUNDS: usize = 5;

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _rows: u64, _progress: &Progress) {}
    fn blocked(&mut self, _host: &str, _words: &str, _addresses: usize) {}
}

/// A kind of list.
struct Shape {
    name: &'static str,
    header: &'static str,
    row: fn(u32, &mut String),
}

const SHAPES: [Shape; 2] = [
    Shape {
        name: "seven columns",
        header: "id,first,last,company,email,city,note\n",
        row: |row, list| {
            let (name, company) = (row % 977, row % 50_021);
            let _ = writeln!(
                list,
                "{row},Anna,Example{name},\"Company {company}, Inc\",first{row}.last{name}@company{company}.de,Berlin,call back"
            );
        },
    },
    Shape {
        name: "narrow",
        header: "email,first,last,company,title,country\n",
        row: |row, list| {
            let (name, company) = (row % 977, row % 50_021);
            let _ = writeln!(
                list,
                "a{row}@company{company}.de,Anna,Ex{name},Company {company},CEO,DE"
            );
        },
    },
];

fn list(shape: &Shape) -> String {
    let mut list = shape.header.to_owned();
    for row in 0..ROWS {
        (shape.row)(row, &mut list);
    }
    list
}

/// Reads and writes every record, as a program would that changes nothing.
fn copy(from: &Path, to: &Path) -> Duration {
    let started = Instant::now();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(from)
        .unwrap();
    let mut writer = csv::Writer::from_writer(BufWriter::new(File::create(to).unwrap()));
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).unwrap() {
        writer.write_byte_record(&record).unwrap();
    }
    writer.flush().unwrap();
    started.elapsed()
}

fn offline(tools: &Tools, from: &Path, folder: &Path) -> Duration {
    let started = Instant::now();
    let task = Task::of(Source::open(from).unwrap(), folder.join("out"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = Clock::starting_at(Timestamp::from_millis(0));
        let path = folder.join("ledger.db");
        let mut ledger =
            Ledger::open(&path, &Realm::Real, Lifetimes::default(), clock.now()).unwrap();
        let never = std::future::pending::<Ending>();
        let summary = verify(
            &task,
            tools,
            Asking::Nobody(clock, Ending::Completed),
            &mut ledger,
            &mut Nobody,
            never,
        )
        .await
        .unwrap();
        assert_eq!(summary.list.rows, u64::from(ROWS));
    });
    started.elapsed()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let providers = Arc::new(Providers::built_in());
    let tools = Tools {
        suppression: Suppression::default(),
        lists: Arc::new(Lists::new(Arc::clone(&providers), &[]).unwrap()),
        providers,
        book: Arc::new(Book::built_in()),
        policy: Policy::built_in("balanced").unwrap(),
    };
    for shape in &SHAPES {
        let from = folder.path().join("list.csv");
        std::fs::write(&from, list(shape)).unwrap();
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let copied = copy(&from, &folder.path().join("copy.csv"));
            let listed = offline(&tools, &from, folder.path());
            let ratio = listed.as_secs_f64() / copied.as_secs_f64();
            println!(
                "csv copy {copied:>8.2?}   verify --offline {listed:>8.2?}   ratio {ratio:.2}"
            );
            ratios.push(ratio);
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "{}: median ratio {:.2} over {ROUNDS} rounds of {ROWS} rows (at most 3)",
            shape.name,
            ratios[ROUNDS / 2]
        );
    }
}
