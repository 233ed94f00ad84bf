//! What the drawing of worlds promises.

use std::collections::BTreeSet;

use super::*;
use crate::sim::net::Persona;

#[test]
fn a_seed_says_everything_of_a_world() {
    let (one, two, other) = (create(5, 80), create(5, 80), create(6, 80));
    assert_eq!(one.list, two.list);
    assert_eq!(one.rows, two.rows);
    assert_eq!(format!("{:?}", one.sites), format!("{:?}", two.sites));
    assert_ne!(one.list, other.list);
}

#[test]
fn a_list_has_as_many_rows_as_were_asked_for() {
    for addresses in [1, 2, 37, 500] {
        let creation = create(9, addresses);
        assert_eq!(creation.rows.len(), addresses);
        assert_eq!(creation.list.rows.len(), addresses);
    }
}

#[test]
fn two_hundred_worlds_hold_every_kind_of_host_and_domain() {
    let mut personas = BTreeSet::new();
    let mut natures = BTreeSet::new();
    let mut truths = BTreeSet::new();
    for seed in 0..200 {
        let creation = create(seed, 100);
        personas.extend(creation.sites.iter().filter_map(|site| site.persona));
        for row in creation.rows {
            natures.extend(row.nature.map(|nature| format!("{nature:?}")));
            truths.extend(row.truth.map(|truth| format!("{truth:?}")));
        }
    }
    for persona in Persona::ALL {
        assert!(personas.contains(persona), "no {persona:?}");
    }
    assert_eq!(natures.len(), 14, "{natures:?}");
    assert_eq!(truths.len(), 10, "{truths:?}");
}

#[test]
fn where_nobody_tells_a_message_bounces_unless_there_is_a_mailbox() {
    for seed in 0..40 {
        for row in create(seed, 200).rows {
            if row.nature == Some(Nature::CatchAll) && row.truth != Some(Truth::HostsDead) {
                assert_eq!(row.bounces, row.truth != Some(Truth::Exists), "{row:?}");
            }
        }
    }
}

#[test]
fn many_worlds_bounce_as_the_beliefs_say_on_average() {
    let (mut bounces, mut rows) = (0.0, 0.0);
    for seed in 0..300 {
        for row in create(seed, 200).rows {
            if row.truth == Some(Truth::Exists) && row.nature == Some(Nature::Ordinary) {
                rows += 1.0;
                bounces += f64::from(u8::from(row.bounces));
            }
        }
    }
    let share: f64 = bounces / rows;
    assert!(share < 0.02, "{share} of {rows}");
}
