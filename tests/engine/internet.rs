//! A small internet on loopback that knows who came from where: a name server and mail hosts, each on an address of its
//! own.
//!
//! It shares no code with the program, and decides everything by the names it is asked about.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::dns::{self, Answer, Turn};
use crate::smtp::{self, MailHost};

/// Domains that share a mail host.
pub(crate) const HOSTS: u8 = 12;

/// How long a greylisting domain wants us to stay away.
const GREY: Duration = Duration::from_secs(3);

/// What becomes of mail to a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `a...` exist, nobody else.
    Honest,
    /// Every recipient exists.
    CatchAll,
    /// As `Honest`, after some seconds.
    Grey,
}

/// The number in `d7.test`.
fn number(domain: &str) -> Option<u32> {
    domain
        .strip_prefix('d')?
        .strip_suffix(".test")?
        .parse()
        .ok()
}

fn kind(number: u32) -> Kind {
    match number % 8 {
        3 => Kind::CatchAll,
        5 => Kind::Grey,
        _ => Kind::Honest,
    }
}

/// One recipient asked about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    /// The host's address.
    pub(crate) host: Ipv4Addr,
    /// Who asked.
    pub(crate) from: Ipv4Addr,
    /// In which connection.
    pub(crate) connection: usize,
    pub(crate) recipient: String,
    pub(crate) code: u16,
}

#[derive(Debug, Default)]
struct Memory {
    asked: Vec<Asked>,
    first_seen: HashMap<String, Instant>,
    connections: usize,
}

/// The internet, serving until the test ends.
pub(crate) struct Internet {
    pub(crate) names: SocketAddr,
    pub(crate) port: u16,
    memory: Arc<Mutex<Memory>>,
}

impl Internet {
    /// Hosts that think for `pause` before each answer about a recipient.
    pub(crate) fn start(pause: Duration) -> Self {
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let remembered = Arc::clone(&memory);
        let port = smtp::serve(move |stream| {
            let mut host = Host::taking_in(smtp::both_ends(&stream)?, &remembered, pause);
            smtp::converse(&stream, &stream, &mut host)
        });
        Internet {
            names: dns::serve(|name, kind| Turn::Says(look_up(name, kind))),
            port,
            memory,
        }
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.memory.lock().unwrap().asked.clone()
    }

    /// How much was asked so far.
    pub(crate) fn count(&self) -> usize {
        self.memory.lock().unwrap().asked.len()
    }
}

/// What the name server says.
fn look_up(name: &str, wanted: u16) -> Answer {
    let host = name
        .strip_prefix("mx.h")
        .and_then(|rest| rest.strip_suffix(".test"));
    if let Some(host) = host {
        let host = host.parse::<u8>().ok().filter(|_| wanted == dns::A);
        return host.map_or(Answer::none(), |host| {
            Answer::one(name, dns::A, vec![127, 1, 0, host + 1])
        });
    }
    match number(name) {
        None => Answer::no_such_name(),
        Some(number) if wanted == dns::MX => {
            let host = format!("mx.h{}.test", number % u32::from(HOSTS));
            Answer::one(name, dns::MX, dns::mx(10, &host))
        }
        Some(_) => Answer::none(),
    }
}

/// A host in one conversation.
struct Host {
    address: Ipv4Addr,
    visitor: Ipv4Addr,
    connection: usize,
    memory: Arc<Mutex<Memory>>,
    pause: Duration,
}

impl Host {
    fn taking_in(
        (address, visitor): (Ipv4Addr, Ipv4Addr),
        memory: &Arc<Mutex<Memory>>,
        pause: Duration,
    ) -> Self {
        let mut book = memory.lock().unwrap();
        book.connections += 1;
        Host {
            address,
            visitor,
            connection: book.connections,
            memory: Arc::clone(memory),
            pause,
        }
    }
}

impl MailHost for Host {
    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()> {
        std::thread::sleep(self.pause);
        let asked = Asked {
            at: Instant::now(),
            host: self.address,
            from: self.visitor,
            connection: self.connection,
            recipient: address.to_lowercase(),
            code: 0,
        };
        replies.extend_from_slice(judged(asked, &self.memory).as_bytes());
        replies.extend_from_slice(b"\r\n");
        ControlFlow::Continue(())
    }
}

/// What is said of a recipient, noted before it is said.
fn judged(mut asked: Asked, memory: &Mutex<Memory>) -> String {
    let (local, domain) = asked.recipient.split_once('@').unwrap();
    let kind = number(domain).map_or(Kind::Honest, kind);
    let mut memory = memory.lock().unwrap();
    let first = memory
        .first_seen
        .entry(asked.recipient.clone())
        .or_insert(asked.at);
    let is_early = asked.at - *first < GREY;
    let (code, reply) = if kind == Kind::Grey && is_early {
        (
            450,
            "450 4.7.1 Greylisted, try again in 3 seconds".to_owned(),
        )
    } else if kind == Kind::CatchAll || (local.len() <= 4 && local.starts_with('a')) {
        (250, "250 2.1.5 Ok".to_owned())
    } else {
        (550, "550 5.1.1 No such user here".to_owned())
    };
    asked.code = code;
    memory.asked.push(asked);
    reply
}

/// Asserts that no host was asked from two addresses at once: conversations of one are over before those of another
/// begin, from the first recipient to the last.
pub(crate) fn assert_one_visitor(asked: &[Asked]) {
    let mut talks: HashMap<(Ipv4Addr, usize), (Ipv4Addr, Instant, Instant)> = HashMap::new();
    for ask in asked {
        let talk = talks
            .entry((ask.host, ask.connection))
            .or_insert((ask.from, ask.at, ask.at));
        talk.2 = talk.2.max(ask.at);
    }
    for ((host, one), (from, begins, ends)) in &talks {
        for ((other_host, other), (other_from, other_begins, other_ends)) in &talks {
            let overlap = begins <= other_ends && other_begins <= ends;
            assert!(
                host != other_host || from == other_from || !overlap,
                "{host} was asked by {from} ({one}) and {other_from} ({other}) at once"
            );
        }
    }
}

/// How often each address of a list was asked about, decoys left out.
pub(crate) fn counts(asked: &[Asked]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for ask in asked.iter().filter(|ask| ask.code != 450) {
        let local = ask.recipient.split('@').next().unwrap_or_default();
        if local.len() <= 4 {
            *counts.entry(ask.recipient.clone()).or_default() += 1;
        }
    }
    counts
}

/// An address of this machine to ask from.
pub(crate) fn source(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, number + 2)
}
