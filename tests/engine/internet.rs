//! A small internet on loopback that knows who came from where: a name server and mail hosts, each on an address of its
//! own.
//!
//! It shares no code with the program, and decides everything by the names it is asked about.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Domains that share a mail host.
pub(crate) const HOSTS: u8 = 12;

/// How long a greylisting domain wants us to stay away.
const GREY: Duration = Duration::from_secs(3);

/// What becomes of mail to a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `a...` exist, nobody else.
    Honest,
    /// Everybody exists.
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
    pub(crate) host: IpAddr,
    /// Who asked.
    pub(crate) from: IpAddr,
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
        let names = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mail = TcpListener::bind("0.0.0.0:0").unwrap();
        let internet = Internet {
            names: names.local_addr().unwrap(),
            port: mail.local_addr().unwrap().port(),
            memory: Arc::default(),
        };
        std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = names.recv_from(&mut packet) {
                if let Some(answer) = answer(&packet[..length]) {
                    let _ = names.send_to(&answer, from);
                }
            }
        });
        let memory = Arc::clone(&internet.memory);
        std::thread::spawn(move || {
            for visitor in mail.incoming().flatten() {
                let memory = Arc::clone(&memory);
                std::thread::spawn(move || {
                    // Whoever is killed leaves without a word.
                    let _ = serve(&visitor, &memory, pause);
                });
            }
        });
        internet
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

/// The answer to one question (RFC 1035 §4.1).
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    let (code, data) = look_up(&labels.join("."), kind);
    let mut answer = question[..2].to_vec();
    let count = u8::from(data.is_some());
    answer.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(&question[12..at + 4]);
    if let Some(data) = data {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 1, 44]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

/// Response code and data of the one record, where there is one.
fn look_up(name: &str, wanted: u16) -> (u8, Option<Vec<u8>>) {
    const A: u16 = 1;
    const MX: u16 = 15;
    const NXDOMAIN: u8 = 3;
    let host = name
        .strip_prefix("mx.h")
        .and_then(|rest| rest.strip_suffix(".test"));
    if let Some(host) = host {
        let address = host
            .parse::<u8>()
            .ok()
            .map(|host| vec![127, 1, 0, host + 1]);
        return (0, address.filter(|_| wanted == A));
    }
    match number(name) {
        None => (NXDOMAIN, None),
        Some(number) if wanted == MX => {
            let mut data = vec![0, 10];
            for label in ["mx", &format!("h{}", number % u32::from(HOSTS)), "test"] {
                data.push(u8::try_from(label.len()).unwrap());
                data.extend(label.bytes());
            }
            data.push(0);
            (0, Some(data))
        }
        Some(_) => (0, None),
    }
}

fn serve(visitor: &TcpStream, memory: &Mutex<Memory>, pause: Duration) -> std::io::Result<()> {
    let (host, from) = (visitor.local_addr()?.ip(), visitor.peer_addr()?.ip());
    let connection = {
        let mut memory = memory.lock().unwrap();
        memory.connections += 1;
        memory.connections
    };
    let mut say = visitor;
    let mut lines = BufReader::new(visitor);
    say.write_all(b"220 mx.test ESMTP\r\n")?;
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let upper = line.trim_end().to_ascii_uppercase();
        let reply = if upper.starts_with("EHLO") {
            "250-mx.test\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n".to_owned()
        } else if upper.starts_with("MAIL FROM:") || upper == "RSET" {
            "250 2.0.0 Ok\r\n".to_owned()
        } else if let Some(path) = upper.strip_prefix("RCPT TO:<") {
            let recipient = path.split('>').next().unwrap_or_default().to_lowercase();
            std::thread::sleep(pause);
            let asked = Asked {
                at: Instant::now(),
                host,
                from,
                connection,
                recipient,
                code: 0,
            };
            format!("{}\r\n", judged(asked, memory))
        } else if upper == "QUIT" {
            say.write_all(b"221 2.0.0 Bye\r\n")?;
            return Ok(());
        } else {
            assert!(!upper.starts_with("DATA"), "the program sends no message");
            "502 5.5.2 what?\r\n".to_owned()
        };
        say.write_all(reply.as_bytes())?;
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
    let mut talks: HashMap<(IpAddr, usize), (IpAddr, Instant, Instant)> = HashMap::new();
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
