//! A SOCKS5 proxy on loopback (RFC 1928) for runs of the real program.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// How a proxy behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// It connects to whatever it is asked for.
    Works,
    /// It answers every request with this code.
    Refuses(u8),
    /// It takes connections, then says nothing.
    Mute,
    /// The connections in this range, counted from 0, end without a word.
    Rests { from: u32, until: u32 },
    /// So do all from this one on, and with it all others.
    Dies { from: u32 },
}

/// A proxy that lives as long as the test program.
pub(crate) struct Proxy {
    port: u16,
    requests: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) fn start(service: Service) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&proxy.requests);
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = requests.fetch_add(1, Ordering::SeqCst);
                match service {
                    Service::Rests { from, until } if (from..until).contains(&number) => {}
                    Service::Dies { from } if number >= from => {
                        for stream in open.lock().unwrap().drain(..) {
                            let _ = stream.shutdown(Shutdown::Both);
                        }
                    }
                    _ => {
                        open.lock().unwrap().extend(client.try_clone());
                        thread::spawn(move || serve(client, service));
                    }
                }
            }
        });
        proxy
    }

    /// What `--proxy` is given.
    pub(crate) fn url(&self) -> String {
        format!("socks5://127.0.0.1:{}", self.port)
    }

    /// Connections so far.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut client: TcpStream, service: Service) -> std::io::Result<()> {
    if service == Service::Mute {
        return std::io::copy(&mut client, &mut std::io::sink()).map(drop);
    }
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting)?;
    client.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    client.write_all(&[5, 0])?;
    // Version, CONNECT, reserved, an IPv4 address with a port.
    let mut request = [0; 10];
    client.read_exact(&mut request)?;
    assert_eq!(request[..4], [5, 1, 0, 1], "CONNECT to an IPv4 address");
    let ip = Ipv4Addr::new(request[4], request[5], request[6], request[7]);
    let to = SocketAddrV4::new(ip, u16::from_be_bytes([request[8], request[9]]));
    let code = match service {
        Service::Refuses(code) => code,
        Service::Works | Service::Mute | Service::Rests { .. } | Service::Dies { .. } => 0,
    };
    // 5: connection refused (RFC 1928 §6).
    let host = (code == 0).then(|| TcpStream::connect(to).ok()).flatten();
    let said = if code == 0 && host.is_none() { 5 } else { code };
    client.write_all(&[5, said, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let Some(host) = host else { return Ok(()) };
    let (mut from_client, mut to_host) = (client.try_clone()?, host.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_host);
        let _ = to_host.shutdown(Shutdown::Write);
    });
    let (mut from_host, mut to_client) = (host, client);
    let _ = std::io::copy(&mut from_host, &mut to_client);
    let _ = to_client.shutdown(Shutdown::Both);
    Ok(())
}
