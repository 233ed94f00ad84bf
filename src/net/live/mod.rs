//! The internet: DNS through hickory, TCP through tokio.

mod capped;
mod checked;
mod dns;
mod proof;
mod proxy;
mod sockets;
mod width;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::{TcpSocket, TcpStream};

use super::{Clock, Connector, Later, OwnTrouble, Stream, World};
use crate::model::timestamp::Timestamp;
use dns::{Authorities, Dns};

pub use proxy::{BadProxy, Proxy};
pub use sockets::{Sockets, allowed_files};

/// The DNS servers to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// Those of the system's configuration.
    System,
    /// Those at these addresses.
    Named(Vec<SocketAddr>),
}

/// The system's DNS settings are of no use.
#[derive(Debug, thiserror::Error)]
#[error("the system's DNS settings cannot be used ({0}); name a DNS server with --dns IP:PORT")]
pub struct NoServers(pub(crate) String);

/// The world as it is; mail hosts are connected to through `proxy` where there is one.
///
/// Must be called inside the runtime that will carry it.
///
/// # Errors
///
/// [`NoServers`] when the system has no usable DNS settings.
pub fn world(servers: &Servers, proxy: Option<Proxy>, seed: u64) -> Result<World, NoServers> {
    // Where a proxy stands between us and the world, nobody outside is asked but through it.
    let (dial, authorities): (Arc<dyn Connector>, _) = match proxy {
        Some(proxy) => (Arc::new(proxy), Authorities::LeftAlone),
        None => (Arc::new(Tcp), Authorities::ON_THE_INTERNET),
    };
    Ok(World {
        names: Arc::new(Dns::new(
            servers,
            Sockets::allowed().dns_questions,
            authorities,
        )?),
        dial,
        clock: Clock::starting_at(Timestamp::from(SystemTime::now())),
        seed,
    })
}

/// Where a route to the IPv6 internet must lead: the address of a root name server (a.root-servers.net). Nothing is
/// sent there.
const A_PUBLIC_IPV6_ADDRESS: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)),
    53,
);

/// Connects directly over TCP, without a proxy.
struct Tcp;

impl Connector for Tcp {
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move { Ok(Box::new(Tcp::open(to, from).await?) as Box<dyn Stream>) })
    }

    fn reaches_ipv6(&self, from: Option<IpAddr>) -> bool {
        match from {
            Some(IpAddr::V4(_)) => false,
            Some(from @ IpAddr::V6(_)) => sockets::has_route(from, A_PUBLIC_IPV6_ADDRESS),
            None => sockets::has_route(Ipv6Addr::UNSPECIFIED.into(), A_PUBLIC_IPV6_ADDRESS),
        }
    }
}

impl Tcp {
    /// Connects a socket. Where there is none to be had, that is told as trouble of our own.
    async fn open(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
        match Tcp::connected(to, from).await {
            Err(error) if sockets::is_about_us(&error, to) => {
                Err(io::Error::other(OwnTrouble(error.to_string())))
            }
            connected => connected,
        }
    }

    async fn connected(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
        if from.is_some_and(|from| from.is_ipv4() != to.is_ipv4()) {
            let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("none of our addresses to ask from (--source-ip) is an {family} address"),
            ));
        }
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(to).await?;
        // A batch is one write: waiting for more only delays it.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_to_change() {
        let error = NoServers("no name server in /etc/resolv.conf".to_owned());
        insta::assert_snapshot!(error, @"the system's DNS settings cannot be used (no name server in /etc/resolv.conf); name a DNS server with --dns IP:PORT");
    }
}
