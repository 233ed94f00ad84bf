//! A name server on loopback, over UDP and TCP, for runs of the real program.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// One kind of record by its number (RFC 1035 §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    A = 1,
    Cname = 5,
    Soa = 6,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
}

const NO_ERROR: u16 = 0;
const SERVER_FAILURE: u16 = 2;
const NO_SUCH_NAME: u16 = 3;

/// Most octets of an answer over UDP; what is longer has to be asked for over TCP.
const UDP_OCTETS: usize = 1232;

#[derive(Default)]
struct Zone {
    records: HashMap<String, Vec<(Kind, Vec<u8>)>>,
    fails: Vec<String>,
    silent: Vec<String>,
}

/// How a name server fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It answers as long as the test program lives.
    Lives,
    /// It dies after so many questions, which closes its ports.
    DiesAfter(u32),
    /// It answers nothing for a while after so many questions.
    RestsAfter(u32, Duration),
}

/// Where a name server stands on the way to its fate.
struct Life {
    fate: Fate,
    questions: AtomicU32,
    resting_since: OnceLock<Instant>,
}

/// What a name server does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Answers,
    Rests,
    Dies,
}

impl Life {
    /// Another question has come.
    fn turn(&self) -> Turn {
        let number = self.questions.fetch_add(1, Ordering::SeqCst);
        match self.fate {
            Fate::DiesAfter(count) if number >= count => Turn::Dies,
            Fate::RestsAfter(count, rest) if number >= count => {
                let since = self.resting_since.get_or_init(Instant::now);
                if since.elapsed() < rest {
                    Turn::Rests
                } else {
                    Turn::Answers
                }
            }
            Fate::Lives | Fate::DiesAfter(_) | Fate::RestsAfter(..) => Turn::Answers,
        }
    }
}

/// A name server that lives as long as the test program, unless its fate is another.
pub(crate) struct NameServer {
    port: u16,
}

impl NameServer {
    /// Serves zones written as lines `name KIND data`; `SERVFAIL` and `SILENT` are kinds without data. A `TXT` is one
    /// character string, or several divided by ` | `.
    pub(crate) fn serving(lines: &str) -> Self {
        NameServer::with_fate(lines, Fate::Lives)
    }

    /// The same with a fate.
    pub(crate) fn with_fate(lines: &str, fate: Fate) -> Self {
        let life = Arc::new(Life {
            fate,
            questions: AtomicU32::new(0),
            resting_since: OnceLock::new(),
        });
        let mut zone = Zone::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let name = words.next().unwrap().to_ascii_lowercase();
            let kind = words.next().expect("a kind");
            zone.add(name, kind, words.next().unwrap_or_default());
        }
        let zone = Arc::new(zone);
        let (udp, tcp, port) = both_sockets();
        let over_udp = Arc::clone(&zone);
        let life_over_udp = Arc::clone(&life);
        thread::spawn(move || {
            let mut question = [0; 1500];
            while let Ok((count, from)) = udp.recv_from(&mut question) {
                match life_over_udp.turn() {
                    Turn::Answers => {}
                    Turn::Rests => continue,
                    Turn::Dies => return,
                }
                if let Some(answer) = over_udp.answer(&question[..count], UDP_OCTETS) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                match life.turn() {
                    Turn::Answers => {}
                    Turn::Rests => continue,
                    Turn::Dies => return,
                }
                let zone = Arc::clone(&zone);
                thread::spawn(move || over_tcp(&zone, stream));
            }
        });
        NameServer { port }
    }

    /// What `--dns` is given.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn over_tcp(zone: &Zone, mut stream: std::net::TcpStream) -> Option<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question).ok()?;
        if let Some(answer) = zone.answer(&question, usize::from(u16::MAX)) {
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat()).ok()?;
        }
    }
}

impl Zone {
    fn add(&mut self, name: String, kind: &str, data: &str) {
        let record = match kind {
            "A" => (Kind::A, data.parse::<Ipv4Addr>().unwrap().octets().to_vec()),
            "AAAA" => (
                Kind::Aaaa,
                data.parse::<Ipv6Addr>().unwrap().octets().to_vec(),
            ),
            "MX" => {
                let (preference, host) = data.split_once(' ').unwrap();
                let preference: u16 = preference.parse().unwrap();
                (
                    Kind::Mx,
                    [&preference.to_be_bytes()[..], &name_bytes(host)].concat(),
                )
            }
            "TXT" => {
                let strings = data.split(" | ").map(|part| {
                    let mut string = vec![u8::try_from(part.len()).expect("at most 255 octets")];
                    string.extend_from_slice(part.as_bytes());
                    string
                });
                (Kind::Txt, strings.collect::<Vec<_>>().concat())
            }
            "PTR" => (Kind::Ptr, name_bytes(data)),
            "CNAME" => (Kind::Cname, name_bytes(data)),
            "SOA" => {
                let serial: u32 = data.parse().unwrap();
                (Kind::Soa, soa(serial))
            }
            "SERVFAIL" => return self.fails.push(name),
            "SILENT" => return self.silent.push(name),
            other => panic!("unknown kind {other}"),
        };
        self.records.entry(name).or_default().push(record);
    }

    /// The answer to a question; none when the zone keeps silent.
    fn answer(&self, question: &[u8], most: usize) -> Option<Vec<u8>> {
        let (name, kind, end) = read_question(question)?;
        if self.silent.contains(&name) {
            return None;
        }
        let mut found: Vec<(String, Kind, &[u8])> = Vec::new();
        let mut at = name.clone();
        let mut code = NO_ERROR;
        // Resolvers follow aliases for their clients, so whoever plays one does.
        for _ in 0..16 {
            let Some(records) = self.records.get(&at) else {
                let below = format!(".{at}");
                if !self.records.keys().any(|name| name.ends_with(&below)) {
                    code = NO_SUCH_NAME;
                }
                break;
            };
            let wanted = records.iter().filter(|(each, _)| *each as u16 == kind);
            let before = found.len();
            found.extend(wanted.map(|(kind, data)| (at.clone(), *kind, data.as_slice())));
            if found.len() > before {
                break;
            }
            let Some((_, target)) = records.iter().find(|(each, _)| *each == Kind::Cname) else {
                break;
            };
            found.push((at.clone(), Kind::Cname, target));
            at = read_name(target, 0)?.0;
        }
        if self.fails.contains(&name) {
            (code, found) = (SERVER_FAILURE, Vec::new());
        }
        let mut body = Vec::new();
        for (owner, kind, data) in &found {
            body.extend(name_bytes(owner));
            body.extend((*kind as u16).to_be_bytes());
            body.extend([0, 1, 0, 0, 1, 44]);
            body.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            body.extend_from_slice(data);
        }
        let answers = u16::try_from(found.len()).unwrap();
        let mut authorities = 0;
        if !found.iter().any(|(_, each, _)| *each as u16 == kind) {
            // A "no" is only believed with the zone's SOA (RFC 2308 §2).
            authorities = 1;
            let data = soa(1);
            body.extend([0, 0, 6, 0, 1, 0, 0, 1, 44]);
            body.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            body.extend(data);
        }
        let asked = &question[12..end];
        let whole = 12 + asked.len() + body.len() <= most;
        let flags = 0x8580 | code | if whole { 0 } else { 0x0200 };
        let counts = if whole {
            [1, answers, authorities, 0]
        } else {
            [1, 0, 0, 0]
        };
        let mut answer = question[..2].to_vec();
        answer.extend(flags.to_be_bytes());
        answer.extend(counts.into_iter().flat_map(u16::to_be_bytes));
        answer.extend_from_slice(asked);
        if whole {
            answer.extend(body);
        }
        Some(answer)
    }
}

fn soa(serial: u32) -> Vec<u8> {
    let mut data = [name_bytes("ns.test"), name_bytes("hostmaster.test")].concat();
    for number in [serial, 3600, 600, 86_400, 300] {
        data.extend(number.to_be_bytes());
    }
    data
}

fn name_bytes(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn read_name(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let mut at = start;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join(".").to_ascii_lowercase(), at));
        }
        labels.push(String::from_utf8_lossy(bytes.get(at..at + length)?).into_owned());
        at += length;
    }
}

/// Name and kind asked for, with where the question ends.
fn read_question(message: &[u8]) -> Option<(String, u16, usize)> {
    let (name, at) = read_name(message, 12)?;
    let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
    Some((name, kind, at + 4))
}

/// Sockets of both kinds on one port. A port that is free for one may be taken for the other.
fn both_sockets() -> (UdpSocket, TcpListener, u16) {
    const ATTEMPTS: usize = 100;
    let pair = || {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let port = udp.local_addr().ok()?.port();
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some((udp, tcp, port))
    };
    (0..ATTEMPTS)
        .find_map(|_| pair())
        .expect("a port that is free for both")
}
