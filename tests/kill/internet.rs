//! A small internet on loopback that outlives the program: a name server and mail hosts with a memory.
//!
//! It shares no code with the program, and decides everything by the names it is asked about.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
    /// Everybody exists.
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
        let names = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mail = TcpListener::bind("127.0.0.1:0").unwrap();
        let internet = Internet {
            names: names.local_addr().unwrap(),
            mail: mail.local_addr().unwrap(),
            memory: Arc::default(),
        };
        std::thread::spawn(move || serve_names(&names));
        let memory = Arc::clone(&internet.memory);
        std::thread::spawn(move || {
            for visitor in mail.incoming().flatten() {
                let memory = Arc::clone(&memory);
                std::thread::spawn(move || {
                    // Whoever is killed leaves without a word.
                    let _ = serve_mail(&visitor, &memory);
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

fn serve_names(socket: &UdpSocket) {
    let mut packet = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if let Some(answer) = answer(&packet[..length]) {
            let _ = socket.send_to(&answer, from);
        }
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
    let kind_asked = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    let name = labels.join(".");
    let (code, data) = look_up(&name, kind_asked);
    let mut answer = question[..2].to_vec();
    answer.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(data.is_some()),
        0,
        0,
        0,
        0,
    ]);
    answer.extend(&question[12..at + 4]);
    if let Some(data) = data {
        answer.extend([0xc0, 12]);
        answer.extend(kind_asked.to_be_bytes());
        answer.extend([0, 1, 0, 0, 1, 44]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

/// Response code and data of the one record, where there is one.
fn look_up(name: &str, kind_asked: u16) -> (u8, Option<Vec<u8>>) {
    const A: u16 = 1;
    const MX: u16 = 15;
    const NXDOMAIN: u8 = 3;
    let host = name
        .strip_prefix("mx.h")
        .and_then(|rest| rest.strip_suffix(".test"));
    match (host, kind(name), kind_asked) {
        (Some(_), _, A) => (0, Some(vec![127, 0, 0, 1])),
        (Some(_), _, _) => (0, None),
        (None, None | Some(Kind::Missing), _) => (NXDOMAIN, None),
        (None, Some(_), MX) => {
            let number: usize = name[1..name.len() - 5].parse().unwrap();
            let mut data = vec![0, 10];
            for label in ["mx", &format!("h{}", number % HOSTS), "test"] {
                data.push(u8::try_from(label.len()).unwrap());
                data.extend(label.bytes());
            }
            data.push(0);
            (0, Some(data))
        }
        (None, Some(_), _) => (0, None),
    }
}

fn serve_mail(visitor: &TcpStream, memory: &Mutex<Memory>) -> std::io::Result<()> {
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
            std::thread::sleep(Duration::from_millis(2));
            let reply = format!("{}\r\n", recipient_asked(&recipient, memory));
            if recipient.starts_with("z@") {
                std::thread::sleep(SPELL);
            }
            reply
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
    } else if kind == Kind::CatchAll || is_somebody(local) {
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
pub(crate) fn is_a_stranger(local: &str) -> bool {
    local.len() > 4
}

/// Whether `a7` and the like: decoys are longer than any of them.
fn is_somebody(local: &str) -> bool {
    local.len() <= 3 && local.starts_with('a')
}
