//! Mail hosts on loopback for runs of the real program: every address 127.x.y.z under one port, with a memory of who
//! came.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::smtp::{self, MailHost};

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
        let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
        let remembered = Arc::clone(&visits);
        let port = smtp::serve(move |stream| {
            let (host, from) = smtp::both_ends(&stream)?;
            let entry = Entry::new(Arc::clone(&remembered), host, from);
            visit(&stream, manner(host), entry)
        });
        MailHosts { port, visits }
    }

    /// All connections so far.
    pub(crate) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }

    /// The connections in which a recipient was asked about.
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

fn visit(stream: &TcpStream, manner: Manner, entry: Entry) -> io::Result<()> {
    let mut host = Host {
        stream,
        manner,
        entry,
        asked: 0,
        has_greeted: false,
    };
    match manner {
        Manner::Http => {
            let page = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>what?</html>\n";
            (&*stream).write_all(page)
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
            Ok(())
        }
        Manner::ByteByByte => smtp::converse(stream, ByteByByte(stream), &mut host),
        Manner::ResetsInMidReply => {
            smtp::converse(stream, stream, &mut host)?;
            // A socket that lingers for no time is reset when it is closed.
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
        }
        Manner::Honest | Manner::HalfCloses | Manner::Echoes => {
            smtp::converse(stream, stream, &mut host)
        }
    }
}

/// A host in one conversation.
struct Host<'a> {
    stream: &'a TcpStream,
    manner: Manner,
    entry: Entry,
    asked: usize,
    has_greeted: bool,
}

impl MailHost for Host<'_> {
    fn hello(&mut self, name: &str, replies: &mut Vec<u8>) {
        self.entry.note(|visit| name.clone_into(&mut visit.hello));
        self.has_greeted = true;
        replies.extend_from_slice(b"250-mx.test\r\n250 PIPELINING\r\n");
    }

    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()> {
        self.entry
            .note(|visit| visit.recipients.push(address.to_owned()));
        if self.manner == Manner::ResetsInMidReply {
            replies.extend_from_slice(b"550 5.1.1 Us");
            return ControlFlow::Break(());
        }
        self.asked += 1;
        let reply = match address.starts_with('a') && address.len() < 25 {
            _ if self.manner == Manner::Echoes => echo(address, self.asked),
            true => "250 2.1.5 Ok".to_owned(),
            false => "550 5.1.1 User unknown".to_owned(),
        };
        replies.extend_from_slice(reply.as_bytes());
        replies.extend_from_slice(b"\r\n");
        ControlFlow::Continue(())
    }

    fn quit(&mut self) {
        self.entry.note(|visit| visit.quit = true);
    }

    fn spoken(&mut self) {
        if self.manner == Manner::HalfCloses && self.has_greeted {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// Sends each byte in a packet of its own.
struct ByteByByte<'a>(&'a TcpStream);

impl Write for ByteByByte<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set_nodelay(true)?;
        for byte in bytes {
            self.0.write_all(&[*byte])?;
            // So that each is read as one.
            thread::sleep(Duration::from_micros(200));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
