//! Machines that fail at encryption, or send a reply too many, as the board takes it.

use super::*;
use crate::model::stage::Stage;

const MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::new(11, 0, 0, 0));

/// A board that is about to ask about four people at one machine.
fn board_with(known: KnownHost) -> Board {
    let list = people("d.test", 4, 0);
    let mut board = Drill::new(manners(), vec![Habits::default()], &[("d.test", 0)], &list).board;
    board.tick(START);
    let domain = board.next_resolution().unwrap();
    board.know_host(&HostKey("host0.test".to_owned()), known, START);
    board.routed(&domain, route_to(0), START);
    board
}

/// The conversations that are to be opened, with what is wanted of encryption.
fn started(board: &mut Board) -> Vec<(TalkId, Privacy)> {
    let mut started = Vec::new();
    while let Some(out) = board.next_out() {
        if let Out::Start { talk, privacy, .. } = out {
            started.push((talk, privacy));
        }
    }
    started
}

fn failed_at(stage: Stage) -> Report {
    let mut heard = heard(None, Reason::Unreachable, false);
    heard.exchange.stage = stage;
    Report::Failed(heard)
}

fn out_of_step() -> Report {
    let mut heard = heard(None, Reason::ProtocolFault, false);
    heard.exchange.stage = Stage::Unknown;
    Report::OutOfStep(heard)
}

/// What is known of the host by now, as the ledger would be told.
fn told(board: &mut Board) -> Option<KnownHost> {
    let learned = board.take_learned().into_iter();
    let mut told = learned.filter_map(|learned| match learned {
        Learned::Host { known, .. } => Some(known),
        Learned::Address { .. }
        | Learned::Domain { .. }
        | Learned::Waiting { .. }
        | Learned::Strangers { .. }
        | Learned::TakenBack { .. }
        | Learned::Doubted { .. }
        | Learned::Stranded { .. }
        | Learned::Left { .. }
        | Learned::Blocked { .. } => None,
    });
    told.next_back()
}

#[test]
fn two_handshakes_that_fail_side_by_side_make_no_machine_dead() {
    let mut board = board_with(KnownHost::default());
    let second = TalkId(7);
    board.talks.insert(
        second,
        Talk::new(0, 0, crate::probe::pace::Ahead::Plenty, START),
    );
    board.groups[0].talks += 1;
    board.hosts[0].pace.connecting();
    board.dial(second, START);
    let both = started(&mut board);
    assert_eq!(both.len(), 2);
    for (talk, privacy) in both {
        assert_eq!(privacy, Privacy::WhenOffered);
        board.report(talk, failed_at(Stage::Tls), START);
        assert_eq!(started(&mut board), [(talk, Privacy::Never)]);
    }
    assert_eq!(board.pending(), 4, "nobody is given up");
}

#[test]
fn encryption_that_failed_is_not_tried_again_by_the_next_run_yet_after_a_while() {
    let mut board = board_with(KnownHost::default());
    let (talk, _) = started(&mut board)[0];
    board.report(talk, failed_at(Stage::Tls), START);
    let known = told(&mut board).unwrap();
    let text = serde_json::to_string(&known).unwrap();
    let known: KnownHost = serde_json::from_str(&text).unwrap();
    assert!(known.in_clear.contains_key(&MACHINE));
    assert_eq!(started(&mut board_with(known.clone()))[0].1, Privacy::Never);
    let mut old = known;
    old.in_clear.insert(MACHINE, Moment::default());
    assert!(START.since(Moment::default()) < limits::CONDUCT_MEMORY);
    old.forget_conduct(Moment::default() + limits::CONDUCT_MEMORY);
    assert!(old.in_clear.is_empty());
}

#[test]
fn a_machine_that_demands_what_it_fails_at_is_no_verdict_on_anybody() {
    let mut board = board_with(KnownHost::default());
    let mut now = START;
    let mut dialled = 0;
    while board.pending() > 0 {
        board.tick(now);
        for (talk, privacy) in started(&mut board) {
            dialled += 1;
            match privacy {
                // In clear it says that it wants encryption.
                Privacy::Never => {
                    let mut heard = heard(Some(530), Reason::TlsRequired, true);
                    heard.exchange.stage = Stage::Hello;
                    board.report(talk, Report::Failed(heard), now);
                }
                Privacy::WhenOffered | Privacy::Required => {
                    board.report(talk, failed_at(Stage::Tls), now);
                }
            }
        }
        now = board.next_wake().unwrap_or(now).max(now);
        assert!(dialled < 10, "for ever");
    }
    let mut words = Vec::new();
    for learned in board.take_learned() {
        if let Learned::Address { fact, .. } = learned
            && let Finding::Asked { reading, .. } = fact.finding
        {
            words.push((reading.reason, reading.permanent));
        }
    }
    assert_eq!(words, [(Reason::TlsRequired, false); 4]);
}

#[test]
fn answers_of_a_conversation_out_of_step_are_taken_back_and_asked_again_one_by_one() {
    let mut board = board_with(KnownHost::default());
    let (talk, _) = started(&mut board)[0];
    let offer = Offer {
        pipelining: true,
        ..Offer::default()
    };
    board.report(talk, Report::Opened(offer.clone()), START);
    let yes = || Some(heard(Some(250), Reason::Accepted, false));
    let mut mail = yes();
    mail.as_mut().unwrap().exchange.stage = Stage::Mail;
    assert!(matches!(
        board.next_out(),
        Some(Out::Fly { commands, .. }) if commands.len() == 2
    ));
    board.report(talk, Report::Landed(vec![mail, yes()]), START);
    assert_eq!(board.pending(), 3, "one is settled");
    board.take_learned();
    // The decoy is under way when a reply too many comes.
    board.report(talk, out_of_step(), START);
    assert_eq!(board.pending(), 4);
    let learned = board.take_learned();
    assert!(learned.iter().any(|learned| matches!(
        learned,
        Learned::TakenBack {
            party: Party::Address(_),
            ..
        }
    )));
    board.report(talk, Report::Ended(Parting::InStep), START);
    let later = START + limits::CUT_WAIT;
    board.tick(later);
    let (talk, _) = started(&mut board)[0];
    board.report(talk, Report::Opened(offer), later);
    let Some(Out::Fly { commands, pace, .. }) = board.next_out() else {
        panic!("nobody is asked again")
    };
    assert_eq!((commands.len(), pace), (2, FlightPace::Fenced));
    // Out of step again: it judges nobody in this run.
    board.report(talk, out_of_step(), later);
    assert_eq!(board.pending(), 0);
    board.report(talk, Report::Ended(Parting::InStep), later);
    board.tick(later + limits::BLOCK_WAIT);
    assert_eq!(started(&mut board), []);
    assert!(board.is_done());
}

/// Whom the board took back since it was last asked.
fn taken_back(board: &mut Board) -> usize {
    let learned = board.take_learned();
    let is_it = |learned: &&Learned| matches!(learned, Learned::TakenBack { .. });
    learned.iter().filter(is_it).count()
}

/// Holds the conversation that the board wants: one flight, in which every recipient is refused, and an end that shows
/// `parting`. Returns how its commands travelled, how many were settled by it, how many of them were taken back.
fn converse(board: &mut Board, parting: Parting, now: Moment) -> (FlightPace, usize, usize) {
    board.tick(now);
    board.take_learned();
    let before = board.pending();
    let (talk, _) = started(board)[0];
    let offer = Offer {
        pipelining: true,
        ..Offer::default()
    };
    board.report(talk, Report::Opened(offer), now);
    let Some(Out::Fly { commands, pace, .. }) = board.next_out() else {
        panic!("nobody is asked about")
    };
    let answers = commands.iter().map(|command| {
        if matches!(command, Command::Rcpt(_)) {
            return Some(heard(Some(550), Reason::NoSuchMailbox, true));
        }
        let mut yes = heard(Some(250), Reason::Accepted, false);
        yes.exchange.stage = Stage::Mail;
        Some(yes)
    });
    board.report(talk, Report::Landed(answers.collect()), now);
    let settled = before - board.pending();
    board.report(talk, Report::Ended(parting), now);
    let taken_back = taken_back(board);
    assert_eq!(before - board.pending(), settled - taken_back);
    (pace, settled, taken_back)
}

#[test]
fn a_conversation_that_breaks_off_is_believed_only_where_one_has_ended_in_step() {
    let mut board = board_with(KnownHost::default());
    let (pace, settled, taken_back) = converse(&mut board, Parting::Untold, START);
    assert_eq!((pace, taken_back), (FlightPace::Together, settled));
    // The same again, fenced, is believed whatever its end.
    let (pace, settled, taken_back) = converse(&mut board, Parting::Untold, START);
    assert_eq!((pace, settled, taken_back), (FlightPace::Fenced, 1, 0));
    // It is in step one command at a time: no fence is needed.
    let (pace, settled, taken_back) = converse(&mut board, Parting::Untold, START);
    assert_eq!((pace, taken_back), (FlightPace::OneByOne, 0));
    assert!(settled > 0);
}

#[test]
fn a_machine_that_ended_in_step_once_is_believed_when_it_breaks_off() {
    let mut board = board_with(KnownHost::default());
    for parting in [Parting::InStep, Parting::Untold] {
        let (pace, settled, taken_back) = converse(&mut board, parting, START);
        assert_eq!((pace, taken_back), (FlightPace::Together, 0));
        assert!(settled > 0);
    }
}
