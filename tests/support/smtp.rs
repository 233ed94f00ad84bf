//! The mail server of the tests: on loopback, every address of this machine under one port, with a conversation of each
//! visitor that a test's host takes part in.

#![allow(
    dead_code,
    reason = "a part of several programs, none of which needs all of it"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread;

/// What a host says in one conversation. Replies are appended with their line ends.
pub(crate) trait MailHost {
    /// Whether the replies to commands that came together leave together, as with servers that pipeline.
    const TOGETHER: bool = false;

    /// How it introduces itself.
    fn greeting(&self) -> &'static [u8] {
        b"220 mx.test ESMTP\r\n"
    }

    /// The reply to EHLO.
    fn hello(&mut self, _name: &str, replies: &mut Vec<u8>) {
        replies.extend_from_slice(b"250-mx.test\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n");
    }

    /// The reply to RCPT. It may be the last word, after which the host leaves.
    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()>;

    /// The visitor has said goodbye.
    fn quit(&mut self) {}

    /// Replies are about to leave.
    fn before_speaking(&mut self) {}

    /// Replies have left.
    fn spoken(&mut self) {}
}

/// Takes in visitors on all addresses of this machine as long as the program lives. Returns the port.
pub(crate) fn serve(visit: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let visit = visit.clone();
            // Who is killed, or leaves early, does so without a word.
            thread::spawn(move || visit(stream));
        }
    });
    port
}

/// The address that a visitor came to, and his own.
pub(crate) fn both_ends(stream: &TcpStream) -> io::Result<(Ipv4Addr, Ipv4Addr)> {
    let four = |address: SocketAddr| match address {
        SocketAddr::V4(address) => *address.ip(),
        SocketAddr::V6(address) => panic!("{address} on an IPv4 socket"),
    };
    Ok((four(stream.local_addr()?), four(stream.peer_addr()?)))
}

/// Has a conversation until one side leaves (RFC 5321).
/// Who begins to send a message ends the whole test program.
pub(crate) fn converse(
    from: impl Read,
    mut to: impl Write,
    host: &mut impl MailHost,
) -> io::Result<()> {
    let mut lines = BufReader::with_capacity(1 << 16, from);
    let mut line = Vec::with_capacity(512);
    let mut replies = host.greeting().to_vec();
    let mut goes_on = ControlFlow::Continue(());
    loop {
        let more_to_read = has_a_whole_line(lines.buffer()) && is_together(host);
        if goes_on.is_break() || !more_to_read {
            host.before_speaking();
            to.write_all(&replies)?;
            replies.clear();
            host.spoken();
        }
        if goes_on.is_break() {
            return Ok(());
        }
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        goes_on = answer(
            String::from_utf8_lossy(line.trim_ascii_end()).trim(),
            host,
            &mut replies,
        );
    }
}

fn is_together<H: MailHost>(_: &H) -> bool {
    H::TOGETHER
}

fn has_a_whole_line(read: &[u8]) -> bool {
    read.contains(&b'\n')
}

/// The reply to one command.
fn answer(command: &str, host: &mut impl MailHost, replies: &mut Vec<u8>) -> ControlFlow<()> {
    let verb = command.get(..4).unwrap_or_default();
    let reply: &[u8] = match verb {
        "EHLO" => {
            host.hello(command[4..].trim(), replies);
            return ControlFlow::Continue(());
        }
        "RCPT" => {
            let path = command
                .split_once('<')
                .and_then(|(_, rest)| rest.rsplit_once('>'));
            let address = path.map_or("", |(address, _)| address);
            return host.recipient(address, replies);
        }
        "QUIT" => {
            host.quit();
            replies.extend_from_slice(b"221 2.0.0 Bye\r\n");
            return ControlFlow::Break(());
        }
        "MAIL" | "RSET" | "NOOP" => b"250 2.0.0 Ok\r\n",
        "DATA" => {
            // A panic in this thread would fail no test.
            eprintln!("the program sends a message");
            std::process::abort();
        }
        _ => b"502 5.5.2 Error: command not recognized\r\n",
    };
    replies.extend_from_slice(reply);
    ControlFlow::Continue(())
}
