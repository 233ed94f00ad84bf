//! How long one row costs before any host is asked: parse, key, flags, suggestion.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use presend::input::address::{Address, suggest_domain};
use presend::input::flags::Lists;
use presend::model::provider::Providers;

/// Rows of one measurement.
const ROWS: u32 = 200_000;

/// Measurements, of which the fastest counts: the machine is shared.
const ROUNDS: u32 = 9;

fn main() {
    let plain = [
        "anna.schmidt@firma-meier.de",
        "j.doe+news@example.com",
        "Maria.Rossi@libero.it",
        "x1978@gmail.com",
    ];
    let pasted = [
        "Anna Schmidt <anna.schmidt@firma-meier.de>",
        " mailto:j.doe@example.com",
        "'maria@libero.it'",
        "x@gmail.com.",
    ];
    let international = [
        "anna@bücher.de",
        "josé@correo.es",
        "a@xn--bcher-kva.de",
        "用户@例子.cn",
    ];
    let parse = |text: &&str| Address::parse(text).is_ok();
    measure("parse, ordinary", &plain, parse);
    measure("parse, pasted", &pasted, parse);
    measure("parse, international", &international, parse);
    let unknown = [
        "firma-meier.de",
        "example.com",
        "gemeinde-nord.ch",
        "acme.co.uk",
    ];
    measure("suggest, unknown domain", &unknown, |domain| {
        suggest_domain(domain).is_some()
    });
    let known = ["gmail.com", "libero.it", "web.de", "orange.fr"];
    measure("suggest, known domain", &known, |domain| {
        suggest_domain(domain).is_some()
    });
    let addresses = plain.map(|text| Address::parse(text).expect("an ordinary address"));
    measure("key", &addresses, |address| address.key().len());
    let lists =
        Lists::new(Arc::new(Providers::built_in()), &[]).expect("the built-in lists are in order");
    measure("flags", &addresses, |address| lists.flags(address));
    measure("envelope", &addresses, |address| address.envelope().is_ok());
}

/// Prints the time of `work` for one of `rows`, in nanoseconds.
fn measure<Row, Result>(name: &str, rows: &[Row], work: impl Fn(&Row) -> Result) {
    let round = || {
        let begin = Instant::now();
        for row in rows.iter().cycle().take(ROWS as usize) {
            black_box(work(black_box(row)));
        }
        begin.elapsed() / ROWS
    };
    let fastest = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    println!("{name:28} {:>6} ns", fastest.as_nanos());
}
