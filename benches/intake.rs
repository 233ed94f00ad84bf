//! How fast rows come in, against a plain copy of the same list with the csv crate.
//!
//! Run with `cargo bench --bench intake`. Prints MB/s of each and how many times longer intake takes.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use presend::input::list::{Options, Source};

const ROWS: u32 = 1_000_000;
const ROUNDS: usize = 5;

/// How the fields of the generated list are written.
#[derive(Clone, Copy, Debug)]
enum Quotes {
    Never,
    OneRowInSeven,
    EveryField,
}

fn main() -> io::Result<()> {
    for quotes in [Quotes::Never, Quotes::OneRowInSeven, Quotes::EveryField] {
        let mut file = tempfile::NamedTempFile::new()?;
        let bytes = write_list(file.as_file_mut(), quotes)?;
        let csv = fastest(|| copy_with_csv(file.path()));
        let intake = fastest(|| read_with_intake(file.path()));
        let speed = |time: Duration| f64::from(bytes) / 1e6 / time.as_secs_f64();
        println!(
            "{quotes:?}: {ROWS} rows, {:.1} MB; csv copy {:.0} ms ({:.0} MB/s); intake {:.0} ms ({:.0} MB/s); ratio {:.2}",
            f64::from(bytes) / 1e6,
            csv.as_secs_f64() * 1e3,
            speed(csv),
            intake.as_secs_f64() * 1e3,
            speed(intake),
            intake.as_secs_f64() / csv.as_secs_f64(),
        );
    }
    Ok(())
}

fn write_list(file: &mut File, quotes: Quotes) -> io::Result<u32> {
    let mut out = BufWriter::new(&mut *file);
    writeln!(out, "id,first name,last name,email,company,city,note")?;
    for row in 0..ROWS {
        let marked = match quotes {
            Quotes::Never => false,
            Quotes::OneRowInSeven => row % 7 == 0,
            Quotes::EveryField => true,
        };
        if marked {
            writeln!(
                out,
                "\"{row}\",\"Maria\",\"Oberhuber\",\"maria.{row}@mail{}.example\",\"Huber, Sons & Co\",\"Klagenfurt\",\"asked for \"\"a\"\" call\"",
                row % 5000
            )?;
        } else {
            writeln!(
                out,
                "{row},Maria,Oberhuber,maria.{row}@mail{}.example,Huber and Sons Limited,Klagenfurt,asked for a call back",
                row % 5000
            )?;
        }
    }
    let bytes = out.stream_position()?;
    out.flush()?;
    Ok(u32::try_from(bytes).expect("the list is far below 4 GB"))
}

fn copy_with_csv(path: &Path) {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .expect("the list is there");
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(io::sink());
    let mut record = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .expect("the list is sound")
    {
        writer.write_byte_record(&record).expect("a sink takes all");
    }
}

fn read_with_intake(path: &Path) {
    let source = Source::open(path).expect("the list is there");
    let mut list = source.list(&Options::default()).expect("the list is sound");
    let mut octets = 0;
    while let Some(row) = list.next_row().expect("the list is sound") {
        octets += row.raw.len() + row.address.map_or(0, |address| address.len());
    }
    std::hint::black_box(octets);
    assert_eq!(list.tally().rows, u64::from(ROWS));
}

fn fastest(mut run: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}
