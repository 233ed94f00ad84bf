//! One seed is one run.

use std::time::Duration;

use presend::sim::net::Internet;
use tokio::time::Instant;

use super::visitor::Visitor;
use super::zones::ZONES;

/// Everything heard in a conversation with jitter, loss and resets, with the time it took.
async fn replay(seed: u64) -> (String, Duration) {
    let text = format!("[network]\nloss = 0.1\nreset = 0.02\n{ZONES}");
    let sim = Internet::from_toml(&text, "zones.toml")
        .expect("a world")
        .start(seed);
    let begun = Instant::now();
    let mut heard = String::new();
    for _ in 0..10 {
        let mut visitor = Visitor::at(&sim.world, "192.0.2.10".parse().expect("an address")).await;
        heard += &visitor.hear().await;
        for line in [
            "EHLO v.test",
            "MAIL FROM:<>",
            "RCPT TO:<anna@host.test>",
            "RCPT TO:<zoe@host.test>",
            "QUIT",
        ] {
            heard += &visitor.ask(line).await;
        }
    }
    sim.settle().await;
    (heard + &format!("{:?}", sim.log.hosts()), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn one_seed_is_one_run() {
    let (first, again, other) = (replay(1).await, replay(1).await, replay(2).await);
    assert_eq!(first, again);
    assert_ne!(first.1, other.1);
}
