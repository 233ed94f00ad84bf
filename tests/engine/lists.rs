//! The real program over a real server: the lists are the same whichever process asks, and whichever dies meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use crate::internet::{assert_one_visitor, counts};
use crate::place::{Place, Worker, alone, list};
use crate::server::{self, Cluster, Server};

/// Domains of a list.
const DOMAINS: usize = 24;

#[test]
fn a_list_is_the_same_whichever_process_asks() {
    if !server::is_there() {
        return;
    }
    let list = list(DOMAINS, 10);
    let wanted = alone(&list);
    assert_eq!(wanted.len(), DOMAINS * 10);
    for count in [1, 2, 4] {
        let server = Server::start();
        let place = Place::new(&list, Duration::from_millis(1), Some(server.url()));
        let _workers: Vec<Worker> = (0..count).map(|number| place.worker(number)).collect();
        place.finish(place.verify());
        assert_eq!(place.lists(), wanted, "{count} workers");
        let asked = place.internet.asked();
        assert_one_visitor(&asked);
        // A machine may be asked once more about an address that it accepted, to see whether it is in step.
        let twice: Vec<String> = counts(&asked)
            .into_iter()
            .filter(|(_, times)| *times > 1)
            .map(|(recipient, times)| format!("{recipient}: {times}"))
            .collect();
        assert!(twice.len() <= DOMAINS, "{count} workers: {twice:?}");
        // A run that is complete leaves nothing.
        let left = server.files_with("@d1.test");
        assert_eq!(left, Vec::<PathBuf>::new(), "{count} workers");
    }
}

/// How often a process is killed: few in an ordinary test run.
fn kills() -> usize {
    let wanted = std::env::var("PRESEND_KILLS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(4)
}

#[test]
fn a_list_is_the_same_whichever_process_is_killed() {
    if !server::is_there() {
        return;
    }
    let list = list(48, 30);
    let wanted = alone(&list);
    let server = Server::start();
    let place = Place::new(&list, Duration::from_millis(30), Some(server.url()));
    let mut workers: Vec<Worker> = (0..3).map(|number| place.worker(number)).collect();
    let mut run = place.verify();
    let mut chance: u64 = 7;
    for kill in 0..kills() {
        place.wait_for(20 + place.internet.count());
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if run.try_wait().unwrap().is_some() {
            eprintln!("the run was over after {kill} kills");
            break;
        }
        match usize::try_from(chance >> 33).unwrap() % 4 {
            0 => {
                run.kill().unwrap();
                run.wait().unwrap();
                run = place.verify();
            }
            which => {
                let number = workers[which - 1].number;
                workers[which - 1].child.kill().unwrap();
                workers[which - 1].child.wait().unwrap();
                workers[which - 1] = place.worker(number);
            }
        }
    }
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}

#[test]
fn a_worker_that_was_stopped_for_a_while_asks_nothing_that_is_anothers() {
    if !server::is_there() {
        return;
    }
    let list = list(48, 20);
    let wanted = alone(&list);
    let server = Server::start();
    let place = Place::new(&list, Duration::from_millis(50), Some(server.url()));
    let workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(60);
    workers[0].signal("-STOP");
    std::thread::sleep(Duration::from_secs(30));
    workers[0].signal("-CONT");
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}

#[test]
fn a_cluster_may_lose_its_leader() {
    if !server::is_there() {
        return;
    }
    let list = list(48, 20);
    let wanted = alone(&list);
    let mut cluster = Cluster::start();
    let place = Place::new(
        &list,
        Duration::from_millis(20),
        Some(cluster.urls().join(",")),
    );
    let _workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(100);
    cluster.kill_leader();
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}
