//! Zones for runs of the real program, each written in lines by its test.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::dns::{self, Answer, Record, Turn};

#[derive(Default)]
struct Zone {
    records: HashMap<String, Vec<(u16, Vec<u8>)>>,
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

impl Life {
    /// Another question has come, to which `answer` is the answer; none when the zone keeps silent.
    fn turn(&self, answer: Option<Answer>) -> Turn {
        let number = self.questions.fetch_add(1, Ordering::SeqCst);
        match self.fate {
            Fate::DiesAfter(count) if number >= count => return Turn::Dies,
            Fate::RestsAfter(count, rest) if number >= count => {
                let since = self.resting_since.get_or_init(Instant::now);
                if since.elapsed() < rest {
                    return Turn::KeepsSilent;
                }
            }
            Fate::Lives | Fate::DiesAfter(_) | Fate::RestsAfter(..) => {}
        }
        answer.map_or(Turn::KeepsSilent, Turn::Says)
    }
}

/// A name server that lives as long as the test program, unless its fate is another.
pub(crate) struct NameServer {
    address: SocketAddr,
}

impl NameServer {
    /// Serves zones written as lines `name KIND data`; `SERVFAIL` and `SILENT` are kinds without data. A `TXT` is one
    /// character string, or several divided by ` | `.
    pub(crate) fn serving(lines: &str) -> Self {
        NameServer::with_fate(lines, Fate::Lives)
    }

    /// The same with a fate.
    pub(crate) fn with_fate(lines: &str, fate: Fate) -> Self {
        let life = Life {
            fate,
            questions: AtomicU32::new(0),
            resting_since: OnceLock::new(),
        };
        let mut zone = Zone::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let name = words.next().unwrap().to_ascii_lowercase();
            let kind = words.next().expect("a kind");
            zone.add(name, kind, words.next().unwrap_or_default());
        }
        let address = dns::serve(move |name, kind| life.turn(zone.answer(name, kind)));
        NameServer { address }
    }

    /// What `--dns` is given.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Zone {
    fn add(&mut self, name: String, kind: &str, data: &str) {
        let record = match kind {
            "A" => (dns::A, data.parse::<Ipv4Addr>().unwrap().octets().to_vec()),
            "AAAA" => (
                dns::AAAA,
                data.parse::<Ipv6Addr>().unwrap().octets().to_vec(),
            ),
            "MX" => {
                let (preference, host) = data.split_once(' ').unwrap();
                (dns::MX, dns::mx(preference.parse().unwrap(), host))
            }
            "TXT" => {
                let strings = data.split(" | ").map(|part| {
                    let mut string = vec![u8::try_from(part.len()).expect("at most 255 octets")];
                    string.extend_from_slice(part.as_bytes());
                    string
                });
                (dns::TXT, strings.collect::<Vec<_>>().concat())
            }
            "PTR" => (dns::PTR, dns::name_bytes(data)),
            "CNAME" => (dns::CNAME, dns::name_bytes(data)),
            "SOA" => {
                let serial: u32 = data.parse().unwrap();
                (dns::SOA, dns::soa(serial))
            }
            "SERVFAIL" => return self.fails.push(name),
            "SILENT" => return self.silent.push(name),
            other => panic!("unknown kind {other}"),
        };
        self.records.entry(name).or_default().push(record);
    }

    /// The answer to a question; none when the zone keeps silent.
    fn answer(&self, name: &str, kind: u16) -> Option<Answer> {
        if self.silent.iter().any(|silent| silent == name) {
            return None;
        }
        if self.fails.iter().any(|fails| fails == name) {
            return Some(Answer {
                code: dns::SERVER_FAILURE,
                proven: true,
                ..Answer::default()
            });
        }
        let mut answer = Answer::default();
        let mut at = name.to_owned();
        // Resolvers follow aliases for their clients, so a server that plays one does.
        for _ in 0..16 {
            let Some(records) = self.records.get(&at) else {
                let below = format!(".{at}");
                if !self.records.keys().any(|name| name.ends_with(&below)) {
                    answer.code = dns::NO_SUCH_NAME;
                }
                break;
            };
            let record = |(kind, data): &(u16, Vec<u8>)| Record {
                owner: at.clone(),
                kind: *kind,
                data: data.clone(),
            };
            let wanted = records.iter().filter(|(each, _)| *each == kind);
            let before = answer.records.len();
            answer.records.extend(wanted.map(record));
            if answer.records.len() > before {
                return Some(answer);
            }
            let alias = records.iter().find(|(each, _)| *each == dns::CNAME);
            let Some(alias) = alias else {
                break;
            };
            answer.records.push(record(alias));
            at = dns::read_name(&alias.1, 0)?.0;
        }
        answer.proven = true;
        Some(answer)
    }
}
