//! A client that is written out byte by byte.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use presend::net::{Stream, World};
use presend::sim::net::habits::Habits;
use presend::sim::net::{Plan, Simulation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Longer than anything a host does on purpose, but for its own silence.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// More than any client would take for one reply.
const ENDLESS: usize = 256 << 10;

/// A client that knows nothing but what its test says.
pub struct Visitor {
    pub wire: Box<dyn Stream>,
    pub heard: Vec<u8>,
}

impl Visitor {
    pub async fn at(world: &World, address: IpAddr) -> Self {
        let wire = world
            .dial
            .connect(SocketAddr::new(address, 25), None)
            .await
            .expect("a connection");
        Visitor {
            wire,
            heard: Vec::new(),
        }
    }

    /// The next whole reply; what came before the end of the connection, if it ends; `(silence)` if nothing comes,
    /// `(endless)` if too much.
    pub async fn hear(&mut self) -> String {
        loop {
            if self.heard.len() > ENDLESS {
                return "(endless)".to_owned();
            }
            let mut end = 0;
            for line in self.heard.split_inclusive(|byte| *byte == b'\n') {
                end += line.len();
                if line.ends_with(b"\n") && line.get(3) != Some(&b'-') {
                    let reply: Vec<u8> = self.heard.drain(..end).collect();
                    return String::from_utf8_lossy(&reply).into_owned();
                }
            }
            let mut chunk = [0; 1024];
            match timeout(PATIENCE, self.wire.read(&mut chunk)).await {
                Err(_) => return "(silence)".to_owned(),
                Ok(Ok(0) | Err(_)) => {
                    return String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned()
                        + "(end)";
                }
                Ok(Ok(count)) => self.heard.extend_from_slice(&chunk[..count]),
            }
        }
    }

    pub async fn say(&mut self, text: &str) {
        // A host that hung up already is what some tests are about.
        let _ = self.wire.write_all(text.as_bytes()).await;
    }

    pub async fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n")).await;
        self.hear().await
    }

    /// Up to an accepted MAIL.
    pub async fn begin(world: &World, address: IpAddr) -> Self {
        let mut visitor = Visitor::at(world, address).await;
        visitor.hear().await;
        visitor.ask("EHLO visitor.test").await;
        let reply = visitor.ask("MAIL FROM:<me@visitor.test>").await;
        assert!(reply.starts_with("250"), "{reply}");
        visitor
    }

    pub async fn rcpt(&mut self, local: &str) -> String {
        self.ask(&format!("RCPT TO:<{local}@host.test>")).await
    }
}

/// One host of the given habits at 192.0.2.2, which takes mail for `host.test` with one mailbox, `anna`.
pub fn with(habits: Habits) -> Simulation {
    let plan = Plan::default().host("mx.host.test", habits).domain(
        "host.test",
        &["mx.host.test"],
        &["anna", "bert"],
    );
    plan.build().start(1)
}

pub const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

pub fn code(reply: &str) -> &str {
    reply.get(..3).unwrap_or(reply)
}
