//! When sessions are encrypted, as the operator wants it.

use super::*;

/// A host that takes nothing in clear, and says so at RCPT: with what was wanted of encryption each time it was dialled.
fn wanted_of(encryption: Encryption, demands: bool) -> Vec<Privacy> {
    let encrypting = Limits {
        encryption,
        ..limits()
    };
    let list = people("d.test", 3, 0);
    let mut scheduler =
        Harness::new(encrypting, vec![Habits::default()], &[("d.test", 0)], &list).scheduler;
    scheduler.next_resolution().unwrap();
    scheduler.routed("d.test", route_to(0), START);
    let (mut wanted, mut now) = (Vec::new(), START);
    let mut open: HashMap<SessionId, Privacy> = HashMap::new();
    while !scheduler.is_done() {
        scheduler.tick(now);
        while let Some(out) = scheduler.next_action() {
            match out {
                Action::Start {
                    session, privacy, ..
                } => {
                    wanted.push(privacy);
                    open.insert(session, privacy);
                    let opened = SessionEvent::Opened(Offer::default());
                    scheduler.report(session, opened, now);
                }
                Action::Send {
                    session, commands, ..
                } => {
                    let refuses = demands && open[&session] != Privacy::Required;
                    let answers = commands.iter().map(|command| {
                        let heard = match command {
                            Command::Rcpt(_) if refuses => {
                                heard(Some(550), Reason::TlsRequired, true)
                            }
                            Command::Rcpt(to) if !to.user().starts_with('a') => {
                                heard(Some(550), Reason::NoSuchMailbox, true)
                            }
                            _ => heard(Some(250), Reason::Accepted, false),
                        };
                        Some(heard)
                    });
                    let answers = answers.collect();
                    scheduler.report(session, SessionEvent::Answered(answers), now);
                }
                Action::Halt { .. } => {}
                Action::Quit { session, .. } => {
                    scheduler.report(session, SessionEvent::Ended(Parting::InStep), now);
                }
            }
        }
        now = scheduler.next_wake().unwrap_or(now).max(now);
        assert!(wanted.len() < 20, "for ever: {wanted:?}");
    }
    let mut accepted = scheduler.take_events();
    accepted.retain(|event| match event {
        Event::Address { fact, .. } => match &fact.finding {
            Finding::Asked { reading, .. } => reading.reason == Reason::Accepted,
            _ => false,
        },
        _ => false,
    });
    assert_eq!(accepted.len(), 3, "everybody is asked about all the same");
    wanted
}

#[test]
fn sessions_are_encrypted_where_it_is_offered_or_only_where_it_is_demanded() {
    let first = |encryption, demands| wanted_of(encryption, demands)[0];
    assert_eq!(first(Encryption::WhenOffered, false), Privacy::WhenOffered);
    assert_eq!(first(Encryption::WhenDemanded, false), Privacy::Never);
    let demanded = wanted_of(Encryption::WhenDemanded, true);
    assert_eq!(demanded[..2], [Privacy::Never, Privacy::Required]);
    let in_clear = demanded.iter().filter(|&&wanted| wanted == Privacy::Never);
    assert_eq!(in_clear.count(), 1, "once said is enough: {demanded:?}");
}
