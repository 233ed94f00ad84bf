//! Mail hosts on loopback for runs of the real program: every address 127.x.y.z under one port, with a memory of who
//! came.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a mail host behaves. At all of them those exist whose name begins with `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As one should.
    Honest,
    /// Its replies arrive a byte at a time.
    ByteByByte,
    /// It speaks another protocol.
    Http,
    /// It sends bytes without a line end, for ever.
    Endless,
    /// It resets the connection in the middle of its first answer about a recipient.
    ResetsInMidReply,
    /// It closes its side of the connection after the answer to EHLO and goes on reading.
    HalfCloses,
    /// It connects, then says nothing.
    Mute,
    /// It names whom it was asked about in every reply, in another way each time, and refuses them for one reason or
    /// another.
    Echoes,
}

/// One connection, as the host saw it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) host: Ipv4Addr,
    pub(crate) from: Ipv4Addr,
    pub(crate) hello: String,
    pub(crate) recipients: Vec<String>,
    /// Whether it said goodbye.
    pub(crate) quit: bool,
}

/// The hosts, which live as long as the test program.
pub(crate) struct MailHosts {
    pub(crate) port: u16,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl MailHosts {
    /// Hosts that all behave as they should.
    pub(crate) fn honest() -> Self {
        MailHosts::behaving(|_| Manner::Honest)
    }

    /// Hosts whose manner is a matter of their address.
    pub(crate) fn behaving(manner: fn(Ipv4Addr) -> Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
        let remembered = Arc::clone(&visits);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let visits = Arc::clone(&remembered);
                thread::spawn(move || {
                    let (Ok(host), Ok(from)) = (stream.local_addr(), stream.peer_addr()) else {
                        return;
                    };
                    let (host, from) = (four(host), four(from));
                    let entry = Entry::new(visits, host, from);
                    // Whoever leaves early does so without a word.
                    let _ = serve(&stream, manner(host), &entry);
                });
            }
        });
        MailHosts { port, visits }
    }

    /// All connections so far.
    pub(crate) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }

    /// The connections in which somebody was asked about.
    pub(crate) fn talks(&self) -> Vec<Visit> {
        let mut visits = self.visits();
        visits.retain(|visit| !visit.recipients.is_empty());
        visits
    }
}

/// A visit in the book of visits.
struct Entry {
    visits: Arc<Mutex<Vec<Visit>>>,
    number: usize,
}

impl Entry {
    fn new(visits: Arc<Mutex<Vec<Visit>>>, host: Ipv4Addr, from: Ipv4Addr) -> Self {
        let mut book = visits.lock().unwrap();
        let number = book.len();
        book.push(Visit {
            host,
            from,
            hello: String::new(),
            recipients: Vec::new(),
            quit: false,
        });
        drop(book);
        Entry { visits, number }
    }

    fn note(&self, change: impl FnOnce(&mut Visit)) {
        change(&mut self.visits.lock().unwrap()[self.number]);
    }
}

fn four(address: SocketAddr) -> Ipv4Addr {
    match address {
        SocketAddr::V4(address) => *address.ip(),
        SocketAddr::V6(address) => panic!("{address} on an IPv4 socket"),
    }
}

fn serve(stream: &TcpStream, manner: Manner, entry: &Entry) -> std::io::Result<()> {
    match manner {
        Manner::Http => {
            let page = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>what?</html>\n";
            return (&*stream).write_all(page);
        }
        Manner::Endless => loop {
            (&*stream).write_all(&[b'x'; 4096])?;
        },
        Manner::Mute => {
            // Until the visitor has had enough.
            let mut rest = BufReader::new(stream);
            while !rest.fill_buf()?.is_empty() {
                let said = rest.buffer().len();
                rest.consume(said);
            }
            return Ok(());
        }
        Manner::Honest
        | Manner::ByteByByte
        | Manner::ResetsInMidReply
        | Manner::HalfCloses
        | Manner::Echoes => {}
    }
    say(stream, manner, "220 mx.test ESMTP")?;
    let mut asked = 0;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let (verb, rest) = line.split_at(line.len().min(4));
        match verb {
            "EHLO" => {
                entry.note(|visit| rest.trim().clone_into(&mut visit.hello));
                say(stream, manner, "250-mx.test\r\n250 PIPELINING")?;
                if manner == Manner::HalfCloses {
                    stream.shutdown(Shutdown::Write)?;
                }
            }
            "RCPT" => {
                let recipient = rest.trim_start_matches(" TO:").trim_matches(['<', '>']);
                entry.note(|visit| visit.recipients.push(recipient.to_owned()));
                if manner == Manner::ResetsInMidReply {
                    return reset_in_mid_reply(stream);
                }
                asked += 1;
                let reply = match recipient.starts_with('a') && recipient.len() < 25 {
                    _ if manner == Manner::Echoes => echo(recipient, asked),
                    true => "250 2.1.5 Ok".to_owned(),
                    false => "550 5.1.1 User unknown".to_owned(),
                };
                say(stream, manner, &reply)?;
            }
            "QUIT" => {
                entry.note(|visit| visit.quit = true);
                return say(stream, manner, "221 2.0.0 Bye");
            }
            "DATA" => panic!("a probe said DATA"),
            _ => say(stream, manner, "250 2.0.0 Ok")?,
        }
    }
    Ok(())
}

/// A refusal that names whom it is about, with and without the domain, each time for another reason.
fn echo(recipient: &str, asked: usize) -> String {
    let local = recipient.split('@').next().unwrap_or_default();
    match asked % 7 {
        0 => format!("550 5.1.1 <{recipient}>: Recipient address rejected: User unknown"),
        1 => format!("550 5.1.1 {}: no such user", local.to_uppercase()),
        2 => format!("250 2.1.5 {local} ok"),
        3 => format!("550 for {local} the moon is in the wrong house"),
        4 => format!("452 4.2.2 The mailbox of {local} is full"),
        5 => format!(
            "550 5.7.1 see https://block.test/?to={}",
            recipient.replace('@', "%40")
        ),
        _ => format!("554 5.7.1 {local}: your host is listed in our blocklist"),
    }
}

fn say(mut stream: &TcpStream, manner: Manner, reply: &str) -> std::io::Result<()> {
    let bytes = format!("{reply}\r\n").into_bytes();
    if manner != Manner::ByteByByte {
        return stream.write_all(&bytes);
    }
    stream.set_nodelay(true)?;
    for byte in bytes {
        stream.write_all(&[byte])?;
        // So that each is a packet of its own, and read as one.
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Half of a refusal, then a reset.
fn reset_in_mid_reply(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"550 5.1.1 Us")?;
    // A socket that lingers for no time is reset when it is closed.
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}
