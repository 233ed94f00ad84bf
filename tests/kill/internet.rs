//! A small internet on loopback that outlives the program: a name server and mail hosts with a memory.
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
pub(crate) const HOSTS: usize = 6;

/// How long a greylisting domain wants us to stay away.
const GREY: Duration = Duration::from_secs(2);

/// How long a host thinks about the recipient z. Decoys may begin with a z as well: they are longer.
const SPELL: Duration = Duration::from_secs(40);

/// What becomes of mail to a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `a...` exist, nobody else.
    Honest,
    /// Every recipient exists.
    CatchAll,
    /// As `Honest`, after two seconds.
    Grey,
    /// There is no such domain.
    Missing,
}

/// The kind of `d7.test`; `None` for other names.
pub(crate) fn kind(domain: &str) -> Option<Kind> {
    let number: usize = domain
        .strip_prefix('d')?
        .strip_suffix(".test")?
        .parse()
        .ok()?;
    Some(match number % 8 {
        3 => Kind::CatchAll,
        5 => Kind::Grey,
        7 => Kind::Missing,
        _ => Kind::Honest,
    })
}

/// The number of the host that takes the mail of a recipient.
pub(crate) fn host_of(recipient: &str) -> usize {
    let domain = recipient.rsplit_once('@').map_or("", |(_, domain)| domain);
    let number = domain.trim_start_matches('d').trim_end_matches(".test");
    number.parse::<usize>().unwrap() % HOSTS
}

/// One recipient asked about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) recipient: String,
    pub(crate) code: u16,
}

/// What the hosts remember.
#[derive(Debug, Default)]
struct Memory {
    asked: Vec<Asked>,
    first_seen: HashMap<String, Instant>,
}

/// The internet, serving until the test ends.
pub(crate) struct Internet {
    pub(crate) names: SocketAddr,
    pub(crate) mail: SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

impl Internet {
    pub(crate) fn start() -> Self {
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let remembered = Arc::clone(&memory);
        let mail = smtp::serve(move |stream| {
            let memory = Arc::clone(&remembered);
            smtp::converse(&stream, &stream, &mut Host { memory })
        });
        Internet {
            names: dns::serve(|name, kind| Turn::Says(look_up(name, kind))),
            mail: SocketAddr::from((Ipv4Addr::LOCALHOST, mail)),
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
fn look_up(name: &str, kind_asked: u16) -> Answer {
    let host = name
        .strip_prefix("mx.h")
        .and_then(|rest| rest.strip_suffix(".test"));
    match (host, kind(name), kind_asked) {
        (Some(_), _, dns::A) => Answer::one(name, dns::A, vec![127, 0, 0, 1]),
        (Some(_), _, _) => Answer::none(),
        (None, None | Some(Kind::Missing), _) => Answer::no_such_name(),
        (None, Some(_), dns::MX) => {
            let number: usize = name[1..name.len() - 5].parse().unwrap();
            let host = format!("mx.h{}.test", number % HOSTS);
            Answer::one(name, dns::MX, dns::mx(10, &host))
        }
        (None, Some(_), _) => Answer::none(),
    }
}

/// A host in one conversation.
struct Host {
    memory: Arc<Mutex<Memory>>,
}

impl MailHost for Host {
    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()> {
        let recipient = address.to_lowercase();
        std::thread::sleep(Duration::from_millis(2));
        let reply = recipient_asked(&recipient, &self.memory);
        if recipient.starts_with("z@") {
            std::thread::sleep(SPELL);
        }
        replies.extend_from_slice(reply.as_bytes());
        replies.extend_from_slice(b"\r\n");
        ControlFlow::Continue(())
    }
}

/// What is said of a recipient, noted before it is said.
fn recipient_asked(recipient: &str, memory: &Mutex<Memory>) -> String {
    let (local, domain) = recipient.split_once('@').unwrap();
    let kind = kind(domain).unwrap();
    let mut memory = memory.lock().unwrap();
    let now = Instant::now();
    let first = *memory.first_seen.entry(recipient.to_owned()).or_insert(now);
    let (code, reply) = if kind == Kind::Grey && now - first < GREY {
        let seconds = GREY.as_secs();
        (
            450,
            format!("450 4.7.1 Greylisted, try again in {seconds} seconds"),
        )
    } else if kind == Kind::CatchAll || is_person(local) {
        (250, "250 2.1.5 Ok".to_owned())
    } else {
        (550, format!("550 5.1.1 <{recipient}>: no such user here"))
    };
    memory.asked.push(Asked {
        at: now,
        recipient: recipient.to_owned(),
        code,
    });
    reply
}

/// Whether no list names it: decoys are longer than the names of people.
pub(crate) fn is_a_decoy(local: &str) -> bool {
    local.len() > 4
}

/// Whether `a7` and the like: decoys are longer than any of them.
fn is_person(local: &str) -> bool {
    local.len() <= 3 && local.starts_with('a')
}
