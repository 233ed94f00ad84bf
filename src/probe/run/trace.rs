//! What a log is told of the asking: domains and hosts, never an address (that only at `trace`).

use std::net::SocketAddr;

use tracing::{Span, debug, info, info_span, trace};

use crate::net::route::Route;
use crate::probe::scheduler::{Heard, SessionEvent};

/// Notes what was found out about a domain.
pub(super) fn routed(domain: &str, route: &Route) {
    match route {
        Route::Hosts { hosts, key, .. } => {
            let first = hosts.first().map_or("", |host| host.name.as_str());
            debug!(domain, host_key = %key, hosts = hosts.len(), first, "mail hosts found");
        }
        Route::Nobody { reason, detail, .. } => {
            info!(domain, %reason, detail, "nobody takes mail for the domain");
        }
        Route::Trouble { detail, .. } => info!(domain, detail, "DNS gave no answer"),
        Route::NotAsked => debug!(domain, "mail hosts are not asked in this run"),
    }
}

/// What everything that is told of one conversation carries with it.
pub(super) fn conversation(host: &str, address: SocketAddr) -> Span {
    info_span!("conversation", host, %address)
}

/// Notes what came of a conversation, within its span.
pub(super) fn reported(report: &SessionEvent) {
    match report {
        SessionEvent::Opened(offer) => debug!(
            pipelining = offer.pipelining,
            smtputf8 = offer.smtputf8,
            "conversation open"
        ),
        SessionEvent::Failed(heard) => {
            // No recipient has been named yet.
            let said = heard.exchange.reply.as_str();
            info!(stage = %heard.exchange.stage, reason = %heard.reading.reason, said, "no conversation");
        }
        SessionEvent::Stranded(heard) => info!(words = heard.exchange.reply, "our own side failed"),
        SessionEvent::Answered(answers) => {
            let answered = answers.iter().flatten().count();
            debug!(asked = answers.len(), answered, "answers came");
            answers.iter().flatten().for_each(told);
        }
        SessionEvent::OutOfStep(_) => {
            info!("the host's replies are out of step: its answers do not count");
        }
        SessionEvent::Dismissed(heard) => {
            info!(
                said = heard.exchange.reply,
                "the host had taken its leave before we did"
            );
        }
        SessionEvent::Ended(parting) => debug!(?parting, "conversation over"),
    }
}

/// Notes one answer. Its words may repeat the address asked about.
fn told(heard: &Heard) {
    trace!(
        stage = %heard.exchange.stage,
        code = heard.exchange.code,
        reason = %heard.reading.reason,
        rule = heard.reading.rule,
        said = heard.exchange.reply,
        "answer"
    );
}
