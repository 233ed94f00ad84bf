//! `presend preflight`: options in, checklist out.

use std::io::Write;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use clap::Args;

use crate::preflight::check::Fitness;
use crate::preflight::machine::{Asking, fit_to_ask};
use crate::preflight::report::Preflight;
use crate::preflight::sender::{Sending, fit_to_send};
use crate::preflight::{html, screen, warm_up};
use crate::world::World;

/// Is this sender fit to send, and is this machine fit to ask?
///
/// Looks at what the world can see of your domain before you send: who may send for it (SPF), whether your mail is
/// signed (DKIM), what receivers do with forged mail (DMARC), whether your addresses have names and stand on no
/// blocklist. Each failure comes with the DNS record to publish: log in where you registered the domain, open its DNS
/// settings, and add the record as shown. Without DOMAIN only this machine is looked at.
#[derive(Args, Clone, Debug)]
pub struct PreflightArgs {
    /// The domain in the From line of your mail
    pub domain: Option<String>,

    /// An address that sends your mail (repeatable)
    #[arg(long = "ip", value_name = "ADDRESS")]
    pub ips: Vec<IpAddr>,

    /// A DKIM selector you sign with (repeatable); without it, the common ones are tried
    #[arg(long = "selector", value_name = "NAME")]
    pub selectors: Vec<String>,

    /// The MAIL FROM address of your mail, where bounces go (default: postmaster@DOMAIN)
    #[arg(long = "from", value_name = "ADDRESS")]
    pub mail_from: Option<String>,

    /// The name your sending machine greets with (HELO) (default: DOMAIN)
    #[arg(long, value_name = "NAME")]
    pub helo: Option<String>,

    /// Messages you want to send a day, such as 20000 or 20000/day; adds a warm-up plan
    #[arg(long, value_name = "N/day", value_parser = volume)]
    pub volume: Option<u64>,

    /// Look at the sender only, not at this machine
    #[arg(long, requires = "domain")]
    pub sender_only: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Write a page to FILE besides what is printed
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Ask a simulated internet described in FILE
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,

    /// Ask this resolver instead of the system's (repeatable)
    #[arg(long, value_name = "IP:PORT")]
    pub dns: Vec<SocketAddr>,

    /// The port of mail hosts
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub smtp_port: u16,
}

/// `20000`, `20000/day`.
fn volume(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/day").unwrap_or(text).trim();
    number
        .parse()
        .map_err(|_| format!("`{text}` is no number of messages a day; write it like 20000/day"))
}

/// What is known of this machine without asking anyone.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The addresses that connections leave from.
    pub sources: Vec<IpAddr>,
    /// How many files this process may open.
    pub open_files: Option<u64>,
}

impl Machine {
    /// Looks at this machine. Nothing is sent: the kernel tells which address it would use.
    #[must_use]
    pub fn look() -> Self {
        let towards = [
            ("0.0.0.0:0", "192.0.2.1:25"),
            ("[::]:0", "[2001:db8::1]:25"),
        ];
        let sources = towards.iter().filter_map(|(own, far)| {
            let socket = UdpSocket::bind(own).ok()?;
            socket.connect(far).ok()?;
            Some(socket.local_addr().ok()?.ip())
        });
        Machine {
            sources: sources.collect(),
            open_files: rlimit::getrlimit(rlimit::Resource::NOFILE)
                .ok()
                .map(|(soft, _)| soft),
        }
    }
}

/// Looks at the sender and this machine in `world`, as the options say.
pub async fn look(args: &PreflightArgs, world: &World, machine: &Machine) -> Preflight {
    let sender = async {
        let sending = Sending {
            domain: args.domain.clone()?,
            ips: args.ips.clone(),
            selectors: args.selectors.clone(),
            mail_from: args.mail_from.clone(),
            helo: args.helo.clone(),
            volume: args.volume,
            port: args.smtp_port,
        };
        Some(fit_to_send(world, &sending).await)
    };
    let findings = async {
        if args.sender_only {
            return None;
        }
        let domains = args.domain.iter().cloned();
        let asking = Asking {
            helo: args.helo.clone(),
            mail_from: args.mail_from.clone(),
            sources: machine.sources.clone(),
            domains: domains.collect(),
            port: args.smtp_port,
            open_files: machine.open_files,
        };
        Some(fit_to_ask(world, &asking).await)
    };
    let (sender, machine) = tokio::join!(sender, findings);
    Preflight {
        sender,
        machine,
        warm_up: args.volume.map(warm_up::plan).unwrap_or_default(),
    }
}

/// Looks, then writes what was found to `out`. Returns the exit code: 0 fit, 1 not fit, 4 could not tell.
///
/// # Errors
/// When `out` or the page cannot be written.
pub async fn run(
    args: &PreflightArgs,
    world: &World,
    machine: &Machine,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let preflight = look(args, world, machine).await;
    if args.json {
        writeln!(out, "{:#}", preflight.to_json())?;
    } else {
        out.write_all(screen::render(&preflight).as_bytes())?;
    }
    if let Some(path) = &args.html {
        let page = html::render(&preflight)?;
        std::fs::write(path, page)
            .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
    }
    Ok(match preflight.fitness() {
        Fitness::Fit => 0,
        Fitness::NotFit => 1,
        Fitness::CouldNotTell => 4,
    })
}
