//! Connections through a SOCKS5 proxy (RFC 1928, RFC 1929).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_socks::Error;
use tokio_socks::io::AsyncSocket;
use tokio_socks::tcp::Socks5Stream;

use super::Tcp;
use crate::model::limits;
use crate::net::{Connector, Later, OwnTrouble, Stream};

/// A proxy, as its URL names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its host, a name or an address.
    host: String,
    port: u16,
    login: Option<(String, String)>,
}

/// A text that names no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no SOCKS5 proxy: write socks5://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT"
)]
pub struct BadProxy(String);

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        // A password belongs on no screen.
        let bad = || {
            let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
            BadProxy(shown.escape_debug().to_string())
        };
        let rest = text.strip_prefix("socks5://").ok_or_else(bad)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => {
                let (user, password) = login.split_once(':').ok_or_else(bad)?;
                (Some((decoded(user), decoded(password))), place)
            }
            None => (None, rest),
        };
        let (host, port) = place.rsplit_once(':').ok_or_else(bad)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = port.parse().map_err(|_| bad())?;
        let fits = |text: &str| (1..=255).contains(&text.len());
        let login_fits = login
            .as_ref()
            .is_none_or(|(user, password)| fits(user) && fits(password));
        if host.is_empty() || !login_fits {
            return Err(bad());
        }
        Ok(Proxy {
            host: host.to_owned(),
            port,
            login,
        })
    }
}

/// Where a proxy is to be dialled, each with where from.
fn ways(places: &[SocketAddr], from: Option<IpAddr>) -> Vec<(SocketAddr, Option<IpAddr>)> {
    let fits = |place: &SocketAddr| from.is_none_or(|from| from.is_ipv4() == place.is_ipv4());
    let from = from.filter(|_| places.iter().any(fits));
    places
        .iter()
        .copied()
        .filter(|place| fits(place) || from.is_none())
        .map(|place| (place, from))
        .collect()
}

/// Undoes percent signs, which a URL needs for `:` and `@` in a password.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Without the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socks5://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Connector for Proxy {
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let mut socket = match timeout(limits::PROXY_WAIT, self.reached(from)).await {
                Ok(reached) => reached?,
                Err(_) => return Err(self.trouble(&"it does not answer")),
            };
            self.led_on(&mut socket, to).await?;
            // From here on the proxy only passes bytes.
            Ok(Box::new(socket) as Box<dyn Stream>)
        })
    }
}

impl Proxy {
    fn trouble(&self, error: &dyn fmt::Display) -> io::Error {
        io::Error::other(OwnTrouble(format!("the proxy {self}: {error}")))
    }

    /// A connection to the proxy itself, at the first of its addresses that takes one. An address of ours leads only to
    /// those of its family; where the proxy has none, the system chooses where we come from: mail hosts see the proxy.
    async fn reached(&self, from: Option<IpAddr>) -> io::Result<TcpStream> {
        let places: Vec<SocketAddr> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| self.trouble(&error))?
            .collect();
        let mut tried = io::Error::other("has no address");
        for (place, from) in ways(&places, from) {
            match Tcp::open(place, from).await {
                Ok(stream) => return Ok(stream),
                Err(error) => tried = error,
            }
        }
        Err(self.trouble(&tried))
    }

    /// Has the proxy connect us to a mail host. Until it says its first word a silence is its own; after that it waits
    /// for the mail host, as long as the caller cares to.
    async fn led_on(&self, socket: &mut TcpStream, to: SocketAddr) -> io::Result<()> {
        let heard = AtomicBool::new(false);
        let mut asking = pin!(self.asked(
            Noting {
                socket,
                heard: &heard
            },
            to
        ));
        let answer = tokio::select! {
            answer = &mut asking => answer,
            () = sleep(limits::PROXY_WAIT) => {
                if !heard.load(Ordering::Relaxed) {
                    return Err(self.trouble(&"it does not answer"));
                }
                asking.await
            }
        };
        match answer {
            Ok(()) => Ok(()),
            Err(error) if is_about_the_host(&error) => {
                Err(io::Error::other(format!("{error} (said by the proxy)")))
            }
            Err(error) => Err(self.trouble(&error)),
        }
    }

    async fn asked(&self, socket: Noting<'_>, to: SocketAddr) -> Result<(), Error> {
        let connected = match &self.login {
            None => Socks5Stream::connect_with_socket(socket, to).await,
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(socket, to, user, password).await
            }
        };
        connected.map(drop)
    }
}

/// A socket that notes whether anything was read from it.
struct Noting<'a> {
    socket: &'a mut TcpStream,
    heard: &'a AtomicBool,
}

impl AsyncSocket for Noting<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = AsyncSocket::poll_read(Pin::new(&mut *self.socket), context, bytes);
        if matches!(read, Poll::Ready(Ok(count)) if count > 0) {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }

    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncSocket::poll_write(Pin::new(&mut *self.socket), context, bytes)
    }
}

/// Whether a proxy speaks of the host that we asked for (RFC 1928 §6), not of itself. A general failure, like
/// everything else, is the proxy's own: no mail host may be condemned for it.
fn is_about_the_host(error: &Error) -> bool {
    matches!(
        error,
        Error::NetworkUnreachable
            | Error::HostUnreachable
            | Error::ConnectionRefused
            | Error::TtlExpired
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn a_proxy_is_dialled_from_an_address_of_its_own_family_or_from_any() {
        let places = ["[2001:db8::7]:1080", "192.0.2.7:1080"].map(|place| place.parse().unwrap());
        let [six, four]: [SocketAddr; 2] = places;
        let from = |address: &str| Some(address.parse::<IpAddr>().unwrap());
        for (places, from, expected) in [
            (&places[..], None, vec![(six, None), (four, None)]),
            (&places, from("192.0.2.1"), vec![(four, from("192.0.2.1"))]),
            (&places[1..], from("2001:db8::1"), vec![(four, None)]),
            (&[], from("192.0.2.1"), vec![]),
        ] {
            assert_eq!(ways(places, from), expected);
        }
    }

    /// A proxy on loopback that wants `alice` with `s:cret` and answers each request with `reply`; after a success it
    /// speaks for the mail host.
    fn proxy(reply: u8) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut take = |count: usize| {
                    let mut bytes = vec![0; count];
                    stream.read_exact(&mut bytes).map(|()| bytes)
                };
                let Ok(greeting) = take(2) else { continue };
                let Ok(methods) = take(usize::from(greeting[1])) else {
                    continue;
                };
                if !methods.contains(&2) {
                    stream.write_all(&[5, 0xff]).unwrap();
                    continue;
                }
                stream.write_all(&[5, 2]).unwrap();
                let mut login = [0; 2 + 5 + 1 + 6];
                if stream.read_exact(&mut login).is_err() {
                    continue;
                }
                let good = login == *b"\x01\x05alice\x06s:cret";
                stream.write_all(&[1, u8::from(!good)]).unwrap();
                let mut request = [0; 10];
                if !good || stream.read_exact(&mut request).is_err() {
                    continue;
                }
                assert_eq!(request[..4], [5, 1, 0, 1], "CONNECT to an IPv4 address");
                stream
                    .write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
                    .unwrap();
                if reply == 0 {
                    stream.write_all(b"220 hello\r\n").unwrap();
                }
            }
        });
        address
    }

    async fn dial(url: &str) -> io::Result<Box<dyn Stream>> {
        let proxy: Proxy = url.parse().unwrap();
        proxy.connect("11.0.0.1:25".parse().unwrap(), None).await
    }

    fn is_ours(error: &io::Error) -> bool {
        OwnTrouble::of(error).is_some()
    }

    #[tokio::test]
    async fn a_mail_host_is_reached_through_a_proxy_with_a_password() {
        let url = format!("socks5://alice:s%3Acret@{}", proxy(0));
        let mut wire = dial(&url).await.unwrap();
        let mut said = [0; 11];
        wire.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"220 hello\r\n");
    }

    #[tokio::test]
    async fn what_a_proxy_says_of_the_host_is_kept_apart_from_its_own_trouble() {
        for (reply, about_the_proxy) in [(1, true), (2, true), (3, false), (4, false), (5, false)] {
            let url = format!("socks5://alice:s:cret@{}", proxy(reply));
            let error = dial(&url).await.err().unwrap();
            assert_eq!(is_ours(&error), about_the_proxy, "{reply}: {error}");
        }
        let place = proxy(0);
        for url in [
            format!("socks5://{place}"),
            format!("socks5://alice:wrong!@{place}"),
            "socks5://127.0.0.1:1".to_owned(),
        ] {
            let error = dial(&url).await.err().unwrap();
            assert!(is_ours(&error), "{url}: {error}");
            assert!(!error.to_string().contains("wrong!"), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_named_by_its_url() {
        for good in [
            "socks5://127.0.0.1:1080",
            "socks5://user:pass@proxy.example:1080/",
            "socks5://[2001:db8::1]:1080",
        ] {
            assert!(good.parse::<Proxy>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:1080",
            "http://127.0.0.1:8080",
            "socks5://host",
            "socks5://:1080",
            "socks5://user@host:1080",
            "socks5://user:pass@host:99999",
        ] {
            let error = bad.parse::<Proxy>().unwrap_err().to_string();
            assert!(!error.contains("pass@"), "{error}");
        }
    }
}
