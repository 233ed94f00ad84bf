//! The name server of the tests: on loopback, over UDP and TCP, with answers that each test makes up.

#![allow(
    dead_code,
    reason = "a part of several programs, none of which needs all of it"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Kinds of records (RFC 1035 §3.2.2, RFC 3596).
pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const MX: u16 = 15;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;

/// Bits of the header (RFC 1035 §4.1.1, RFC 4035 §3.2.3): the answer is the zone's own, it was validated.
pub(crate) const AUTHORITATIVE: u16 = 0x0400;
pub(crate) const AUTHENTIC: u16 = 0x0020;

/// Response codes (RFC 1035 §4.1.1).
pub(crate) const NO_ERROR: u16 = 0;
pub(crate) const SERVER_FAILURE: u16 = 2;
pub(crate) const NO_SUCH_NAME: u16 = 3;
pub(crate) const REFUSED: u16 = 5;

/// A response, with recursion desired and available.
const RESPONSE: u16 = 0x8180;

/// Most octets of an answer over UDP; what is longer has to be asked for over TCP.
const UDP_OCTETS: usize = 1232;

/// A record of some name.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) owner: String,
    pub(crate) kind: u16,
    pub(crate) data: Vec<u8>,
}

/// What a name server says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) records: Vec<Record>,
    /// Whether it shows the zone's SOA: a "no" is only believed with it (RFC 2308 §2).
    pub(crate) proven: bool,
    /// That zone; the root where it is empty.
    pub(crate) zone: &'static str,
    /// More bits of the header: [`AUTHORITATIVE`], [`AUTHENTIC`].
    pub(crate) bits: u16,
    /// To a question for which name it answers over TCP instead, cutting short what it says over UDP.
    pub(crate) over_tcp: Option<&'static str>,
}

impl Answer {
    /// That there is no such name.
    pub(crate) fn no_such_name() -> Self {
        Answer {
            code: NO_SUCH_NAME,
            proven: true,
            ..Answer::default()
        }
    }

    /// That a name has no records of the kind.
    pub(crate) fn none() -> Self {
        Answer {
            proven: true,
            ..Answer::default()
        }
    }

    /// One record.
    pub(crate) fn one(owner: &str, kind: u16, data: Vec<u8>) -> Self {
        let owner = owner.to_owned();
        Answer {
            records: vec![Record { owner, kind, data }],
            ..Answer::default()
        }
    }
}

/// What a name server does with a question.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    Says(Answer),
    KeepsSilent,
    /// It ends, which closes its ports.
    Dies,
}

/// Starts a name server that lives as long as the program, or until it dies. It is asked for a name in lower case and a
/// kind of record.
pub(crate) fn serve<F>(turn: F) -> SocketAddr
where
    F: Fn(&str, u16) -> Turn + Send + Sync + 'static,
{
    let (udp, tcp, address) = both_sockets();
    let turn = Arc::new(turn);
    let of_streams = Arc::clone(&turn);
    thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((count, from)) = udp.recv_from(&mut question) {
            match reply(&question[..count], UDP_OCTETS, &*turn) {
                Reply::Bytes(answer) => drop(udp.send_to(&answer, from)),
                Reply::None => {}
                Reply::End => return,
            }
        }
    });
    let dead = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            if dead.load(Ordering::SeqCst) {
                return;
            }
            let (turn, dead) = (Arc::clone(&of_streams), Arc::clone(&dead));
            thread::spawn(move || {
                let lives = serve_stream(stream, &*turn).is_some();
                dead.fetch_or(!lives, Ordering::SeqCst);
            });
        }
    });
    address
}

/// Answers over a stream. Returns nothing once the server is to end.
fn serve_stream(mut stream: TcpStream, turn: &impl Fn(&str, u16) -> Turn) -> Option<()> {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            break;
        }
        match reply(&question, usize::from(u16::MAX), turn) {
            Reply::Bytes(answer) => {
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat());
            }
            Reply::None => {}
            Reply::End => return None,
        }
    }
    Some(())
}

enum Reply {
    Bytes(Vec<u8>),
    None,
    End,
}

fn reply(question: &[u8], most: usize, turn: &impl Fn(&str, u16) -> Turn) -> Reply {
    let Some((name, kind, end)) = read_question(question) else {
        return Reply::None;
    };
    match turn(&name, kind) {
        Turn::Says(answer) => Reply::Bytes(written(&answer, question, end, most)),
        Turn::KeepsSilent => Reply::None,
        Turn::Dies => Reply::End,
    }
}

/// An answer as it goes over the wire (RFC 1035 §4.1).
fn written(answer: &Answer, question: &[u8], end: usize, most: usize) -> Vec<u8> {
    let is_tcp = most > UDP_OCTETS;
    let asked = match answer.over_tcp {
        Some(other) if is_tcp => [&name_bytes(other), &question[end - 4..end]].concat(),
        Some(_) | None => question[12..end].to_vec(),
    };
    let mut body = Vec::new();
    for record in &answer.records {
        write_record(record, &mut body);
    }
    if answer.proven {
        write_record(
            &Record {
                owner: answer.zone.to_owned(),
                kind: SOA,
                data: soa(1),
            },
            &mut body,
        );
    }
    let is_held_back = answer.over_tcp.is_some() && !is_tcp;
    let whole = !is_held_back && 12 + asked.len() + body.len() <= most;
    let truncated = if whole { 0 } else { 0x0200 };
    let counts = if whole {
        [
            1,
            u16::try_from(answer.records.len()).unwrap(),
            u16::from(answer.proven),
            0,
        ]
    } else {
        [1, 0, 0, 0]
    };
    let mut bytes = question[..2].to_vec();
    bytes.extend((RESPONSE | answer.bits | answer.code | truncated).to_be_bytes());
    bytes.extend(counts.into_iter().flat_map(u16::to_be_bytes));
    bytes.extend_from_slice(&asked);
    if whole {
        bytes.extend(body);
    }
    bytes
}

fn write_record(record: &Record, body: &mut Vec<u8>) {
    body.extend(name_bytes(&record.owner));
    body.extend(record.kind.to_be_bytes());
    // Of the Internet, for five minutes.
    body.extend([0, 1, 0, 0, 1, 44]);
    body.extend(u16::try_from(record.data.len()).unwrap().to_be_bytes());
    body.extend_from_slice(&record.data);
}

/// The data of an MX record.
pub(crate) fn mx(preference: u16, host: &str) -> Vec<u8> {
    [&preference.to_be_bytes()[..], &name_bytes(host)].concat()
}

/// The data of a zone's SOA.
pub(crate) fn soa(serial: u32) -> Vec<u8> {
    let mut data = [name_bytes("ns.test"), name_bytes("hostmaster.test")].concat();
    for number in [serial, 3600, 600, 86_400, 300] {
        data.extend(number.to_be_bytes());
    }
    data
}

/// A name as it stands in data.
pub(crate) fn name_bytes(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// The name that begins at `start`, in lower case, with where it ends.
pub(crate) fn read_name(bytes: &[u8], start: usize) -> Option<(String, usize)> {
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
fn both_sockets() -> (UdpSocket, TcpListener, SocketAddr) {
    const ATTEMPTS: usize = 100;
    let pair = || {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let address = udp.local_addr().ok()?;
        Some((udp, TcpListener::bind(address).ok()?, address))
    };
    (0..ATTEMPTS)
        .find_map(|_| pair())
        .expect("a port that is free for both")
}
