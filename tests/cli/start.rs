//! What `verify` makes sure of before it asks any host: real sockets on loopback.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::list::Run;
use crate::nameserver::NameServer;
use crate::smtp::{self, MailHost};

const LIST: &[u8] = b"email\nanna@one.test\nbea@two.test\n";

const ZONE: &str = "one.test MX 10 mx.one.test
    mx.one.test A 127.0.0.1
    two.test MX 10 mx.two.test
    mx.two.test A 127.0.0.1
    sender.test MX 10 mx.one.test";

fn verify(list: &[u8], dns: &str, port: u16, more: &[&str]) -> Run {
    Run::verify(list, &arguments(dns, &port.to_string(), more))
}

fn arguments<'a>(dns: &'a str, port: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--dns", dns, "--smtp-port", port, "--allow-private"];
    arguments.extend(["--helo", "mail.sender.test"]);
    arguments.extend(["--mail-from", "verify@sender.test"]);
    arguments.extend(more);
    arguments
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A mail host that accepts every recipient called `anna` or `bea`, and counts its visitors.
fn mail_host() -> (u16, Arc<AtomicU32>) {
    let visitors = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&visitors);
    let port = smtp::serve(move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        smtp::converse(&stream, &stream, &mut AnnaAndBea)
    });
    (port, visitors)
}

struct AnnaAndBea;

impl MailHost for AnnaAndBea {
    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()> {
        let is_known = address.starts_with("anna@") || address.starts_with("bea@");
        let reply: &[u8] = if is_known {
            b"250 2.1.5 Ok\r\n"
        } else {
            b"550 5.1.1 User unknown\r\n"
        };
        replies.extend_from_slice(reply);
        ControlFlow::Continue(())
    }
}

#[test]
fn a_closed_port_is_said_at_once_with_what_still_works_and_nothing_is_written() {
    let names = NameServer::serving(ZONE);
    let port = closed_port();
    let started = Instant::now();
    let run = verify(LIST, &names.address(), port, &[]);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(run.code(), 4, "{}", run.errors());
    for words in [
        "is closed",
        ".test",
        "--no-smtp",
        "--offline",
        "--skip-preflight",
    ] {
        assert!(run.errors().contains(words), "{words}: {}", run.errors());
    }
    assert!(run.output.stdout.is_empty());
    assert!(!run.exists("list.csv.presend"));
}

#[tokio::test]
async fn a_port_behind_a_wall_that_says_nothing_is_closed_too() {
    let names = NameServer::serving(ZONE);
    // Once its queue is full, the system drops every client that knocks, without a word, as firewalls do.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    loop {
        let knock = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let Ok(stream) = knock else { break };
        queued.push(stream);
    }
    let started = Instant::now();
    let run = verify(LIST, &names.address(), address.port(), &[]);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(run.code(), 4, "{}", run.errors());
    assert!(run.errors().contains("is closed"), "{}", run.errors());
}

#[test]
fn without_dns_nobody_is_asked_and_dns_is_not_offered() {
    let run = verify(
        LIST,
        &format!("127.0.0.1:{}", closed_port()),
        closed_port(),
        &[],
    );
    assert_eq!(run.code(), 4, "{}", run.errors());
    assert!(
        run.errors().contains("DNS does not work"),
        "{}",
        run.errors()
    );
    assert!(!run.errors().contains("--no-smtp"), "{}", run.errors());
}

#[test]
fn a_name_server_that_answers_with_trouble_works() {
    let names = NameServer::serving("one.test SERVFAIL\ntwo.test SERVFAIL");
    let run = verify(LIST, &names.address(), closed_port(), &["--deadline", "1s"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert!(run.list("review.csv").contains("bea@two.test,unknown,"));
}

#[test]
fn one_host_that_opens_is_enough_and_the_next_run_believes_it() {
    let names = NameServer::serving(&format!(
        "{ZONE}\ndead.test MX 10 mx.dead.test\nmx.dead.test A 127.0.0.66"
    ));
    let (port, visitors) = mail_host();
    let run = verify(LIST, &names.address(), port, &[]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(run.list("verified.csv").lines().count(), 3);
    let before = visitors.load(Ordering::SeqCst);
    let (dns, number) = (names.address(), port.to_string());
    let again = run.again(&arguments(&dns, &number, &[]));
    assert_eq!(again.code(), 0, "{}", again.errors());
    assert_eq!(
        visitors.load(Ordering::SeqCst),
        before,
        "all is known, nobody is visited"
    );
}

#[test]
fn who_says_so_asks_without_the_look() {
    let names = NameServer::serving(ZONE);
    let more = ["--skip-preflight", "--deadline", "1s"];
    let run = verify(LIST, &names.address(), closed_port(), &more);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(run.list("review.csv").lines().count(), 3);
}

#[test]
fn runs_that_ask_no_mail_host_need_none() {
    let names = NameServer::serving(ZONE);
    for more in ["--no-smtp", "--offline"] {
        let run = verify(LIST, &names.address(), closed_port(), &[more]);
        assert_eq!(run.code(), 0, "{more}: {}", run.errors());
    }
}

#[test]
fn a_mail_host_inside_is_not_knocked_at_unless_that_is_allowed() {
    let names = NameServer::serving(ZONE);
    let (port, visitors) = mail_host();
    let (dns, number) = (names.address(), port.to_string());
    let mut words = arguments(&dns, &number, &[]);
    words.retain(|word| *word != "--allow-private");
    let run = Run::verify(LIST, &words);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert!(run.list("rejected.csv").contains("mx_not_public"));
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[test]
fn without_dns_names_alone_cannot_be_asked_either() {
    let dns = format!("127.0.0.1:{}", closed_port());
    let run = verify(LIST, &dns, closed_port(), &["--no-smtp"]);
    assert_eq!(run.code(), 4, "{}", run.errors());
}
