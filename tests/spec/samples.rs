//! The sample lists, which must agree with their world.

use std::collections::{BTreeMap, BTreeSet};

use presend::sim::net::{Internet, Truth};

/// Domains of the lists that do not exist, on purpose: closed companies, typing errors.
const ABSENT: [&str; 8] = [
    "gmail.con",
    "gmial.com",
    "gmx.d",
    "guerrillamail.com",
    "outlook.cm",
    "vega-motors.test",
    "web.dee",
    "yaho.com",
];

fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/sample_lists/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn world() -> Internet {
    let text = String::from_utf8(sample("world.toml")).expect("UTF-8");
    Internet::from_toml(&text, "world.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// The plain addresses in one column of a list.
fn addresses(name: &str, column: &str) -> Vec<String> {
    let list = sample(name);
    let mut reader = csv::Reader::from_reader(list.as_slice());
    let at = reader
        .headers()
        .expect("a header")
        .iter()
        .position(|header| header == column)
        .expect("the column");
    let fields = reader
        .records()
        .map(|record| record.expect("a record")[at].trim().to_lowercase());
    fields
        .filter(|field| field.matches('@').count() == 1 && !field.contains([' ', '<']))
        .collect()
}

fn absent(addresses: &[String]) -> BTreeSet<&str> {
    let world = world();
    let unknown = addresses
        .iter()
        .filter(|address| world.truth(address) == Truth::NoSuchDomain);
    unknown
        .filter_map(|address| address.split('@').next_back())
        .collect()
}

#[test]
fn every_domain_of_the_lists_is_in_the_world_or_missing_on_purpose() {
    let leads = addresses("leads.csv", "Email");
    // Two addresses of the list have mistakes of other kinds: a trailing dot, no top-level domain.
    let mut expected: BTreeSet<&str> = ABSENT.into();
    expected.extend(["nordlicht", "polaris-shipping.test."]);
    assert_eq!(absent(&leads), expected);
    assert_eq!(absent(&addresses("skewed.csv", "email")), BTreeSet::new());
}

#[test]
fn the_lists_bounce_as_much_as_bought_lists_do() {
    let world = world();
    let table = [
        ("leads.csv", "Email", 15..=22),
        ("skewed.csv", "email", 10..=16),
    ];
    for (list, column, percent) in table {
        let addresses = addresses(list, column);
        let bouncing = addresses
            .iter()
            .filter(|address| world.truth(address).bounces())
            .count();
        let share = bouncing * 100 / addresses.len();
        assert!(
            percent.contains(&share),
            "{list}: {bouncing} of {} bounce, {share} %",
            addresses.len()
        );
    }
}

#[test]
fn half_of_the_skewed_list_is_at_one_provider() {
    let addresses = addresses("skewed.csv", "email");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for address in &addresses {
        *counts
            .entry(address.split('@').next_back().unwrap_or_default())
            .or_default() += 1;
    }
    assert_eq!(counts["gmail.com"] * 2, addresses.len());
    assert!(counts.len() > 100, "a long tail: {} domains", counts.len());
}
