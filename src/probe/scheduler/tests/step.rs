//! Machines that fail at encryption, or send a reply too many, as the board takes it.

use super::*;
use crate::model::stage::Stage;

const MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::new(11, 0, 0, 0));

/// A board that is about to ask about four people at one machine.
fn board_with(known: KnownHost) -> Board {
    board_of(manners(), known)
}

fn board_of(manners: Manners, known: KnownHost) -> Board {
    let list = people("d.test", 4, 0);
    let mut board = Drill::new(manners, vec![Habits::default()], &[("d.test", 0)], &list).board;
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

/// What a machine is known for that has ended a conversation in step.
fn in_step() -> KnownHost {
    KnownHost {
        in_step: [(MACHINE, START)].into(),
        ..KnownHost::default()
    }
}

/// Offers of a host that likes commands to travel together.
fn pipelining() -> Offer {
    Offer {
        pipelining: true,
        ..Offer::default()
    }
}

/// Answers to commands: MAIL and RSET are welcome, of the recipients each is what `answer` says.
fn answers(commands: &[Command], answer: &Heard) -> Report {
    let answers = commands.iter().map(|command| {
        if matches!(command, Command::Rcpt(_)) {
            return Some(answer.clone());
        }
        let mut yes = heard(Some(250), Reason::Accepted, false);
        yes.exchange.stage = Stage::Mail;
        Some(yes)
    });
    Report::Landed(answers.collect())
}

fn yes() -> Heard {
    heard(Some(250), Reason::Accepted, false)
}

fn no() -> Heard {
    heard(Some(550), Reason::NoSuchMailbox, true)
}

/// The next flight that the board wants.
fn flight(board: &mut Board) -> (Vec<Command>, FlightPace) {
    match board.next_out() {
        Some(Out::Fly { commands, pace, .. }) => (commands, pace),
        other => panic!("nobody is asked about: {other:?}"),
    }
}

/// What the board told of people and decoys since it was last asked: facts, and how many were taken back.
fn told_of_people(board: &mut Board) -> (usize, usize) {
    let (mut facts, mut taken_back) = (0, 0);
    for learned in board.take_learned() {
        match learned {
            Learned::Address { .. } | Learned::Domain { .. } => facts += 1,
            Learned::TakenBack { .. } => taken_back += 1,
            _ => {}
        }
    }
    (facts, taken_back)
}

#[test]
fn answers_of_a_conversation_out_of_step_are_taken_back_and_asked_again_one_by_one() {
    for (known, told) in [(KnownHost::default(), 0), (in_step(), 1)] {
        let mut board = board_with(known);
        let (talk, _) = started(&mut board)[0];
        board.report(talk, Report::Opened(pipelining()), START);
        let (commands, _) = flight(&mut board);
        assert_eq!(commands.len(), 2);
        board.report(talk, answers(&commands, &yes()), START);
        assert_eq!(board.pending(), 3, "one is settled");
        // Where nothing shows yet that the machine keeps in step, a run that is killed now leaves nothing behind.
        assert_eq!(told_of_people(&mut board), (told, 0));
        // The decoy is under way when a reply too many comes.
        board.report(talk, out_of_step(), START);
        assert_eq!(board.pending(), 4);
        assert_eq!(told_of_people(&mut board), (0, told), "what was told");
        board.report(talk, Report::Ended(Parting::InStep), START);
        assert_eq!(told_of_people(&mut board), (0, 0));
        let later = START + limits::CUT_WAIT;
        board.tick(later);
        let (talk, _) = started(&mut board)[0];
        board.report(talk, Report::Opened(pipelining()), later);
        let (commands, pace) = flight(&mut board);
        assert_eq!((commands.len(), pace), (2, FlightPace::Fenced));
        // Out of step again: it judges nobody in this run.
        board.report(talk, out_of_step(), later);
        assert_eq!(board.pending(), 0);
        board.report(talk, Report::Ended(Parting::InStep), later);
        board.tick(later + limits::BLOCK_WAIT);
        assert_eq!(started(&mut board), []);
        assert!(board.is_done());
    }
}

#[test]
fn answers_are_told_once_their_conversation_has_shown_that_it_was_in_step() {
    let mut board = board_with(KnownHost::default());
    let (talk, _) = started(&mut board)[0];
    board.report(talk, Report::Opened(pipelining()), START);
    let (commands, _) = flight(&mut board);
    board.report(talk, answers(&commands, &no()), START);
    assert_eq!(told_of_people(&mut board), (0, 0));
    // A reply that names whom it is about shows the order of all before it.
    let (commands, _) = flight(&mut board);
    let mut naming = no();
    let last = commands.iter().rev().find_map(|command| match command {
        Command::Rcpt(recipient) => Some(recipient.to_string()),
        _ => None,
    });
    naming.exchange.reply = format!("550 5.1.1 <{}>: unknown", last.unwrap());
    board.report(talk, answers(&commands, &naming), START);
    assert_eq!(told_of_people(&mut board), (4, 0));

    let mut board = board_with(KnownHost::default());
    let (talk, _) = started(&mut board)[0];
    board.report(talk, Report::Opened(pipelining()), START);
    let (commands, _) = flight(&mut board);
    board.report(talk, answers(&commands, &no()), START);
    board.report(talk, Report::Ended(Parting::InStep), START);
    assert_eq!(told_of_people(&mut board), (1, 0));
}

/// Holds the conversation that the board wants: one flight, in which every recipient is refused, and an end that shows
/// `parting`. Returns how its commands travelled, how many were settled by it, how many of them were taken back.
fn converse(board: &mut Board, parting: Parting, now: Moment) -> (FlightPace, usize, usize) {
    converse_with(board, pipelining(), parting, now)
}

fn converse_with(
    board: &mut Board,
    offer: Offer,
    parting: Parting,
    now: Moment,
) -> (FlightPace, usize, usize) {
    board.tick(now);
    let before = board.pending();
    let (talk, _) = started(board)[0];
    board.report(talk, Report::Opened(offer), now);
    let (commands, pace) = flight(board);
    board.report(talk, answers(&commands, &no()), now);
    let settled = before - board.pending();
    board.report(talk, Report::Ended(parting), now);
    let taken_back = board.pending() + settled - before;
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

#[test]
fn a_machine_that_ended_in_step_is_believed_by_the_next_run_too() {
    let mut board = board_with(KnownHost::default());
    converse(&mut board, Parting::InStep, START);
    let known = told(&mut board).unwrap();
    let text = serde_json::to_string(&known).unwrap();
    let mut board = board_with(serde_json::from_str(&text).unwrap());
    let (pace, settled, taken_back) = converse(&mut board, Parting::Untold, START);
    assert_eq!((pace, taken_back), (FlightPace::Together, 0));
    assert!(settled > 0);
    // Found out of step, it is no more.
    let (talk, _) = started(&mut board)[0];
    board.report(talk, Report::Opened(pipelining()), START);
    board.report(talk, out_of_step(), START);
    assert_eq!(told(&mut board).unwrap().in_step, BTreeMap::new());
}

#[test]
fn what_a_machine_answered_without_a_word_at_the_end_is_taken_back_when_it_falls_out_of_step() {
    let mut board = board_with(KnownHost::default());
    // One command at a time, each answer came alone.
    let (pace, settled, taken_back) =
        converse_with(&mut board, Offer::default(), Parting::Untold, START);
    assert_eq!((pace, settled, taken_back), (FlightPace::OneByOne, 1, 0));
    let (talk, _) = started(&mut board)[0];
    board.report(talk, Report::Opened(Offer::default()), START);
    flight(&mut board);
    board.report(talk, out_of_step(), START);
    assert_eq!(board.pending(), 4, "all are asked again");
    board.report(talk, Report::Ended(Parting::Untold), START);
    let later = START + limits::CUT_WAIT;
    board.tick(later);
    let (talk, _) = started(&mut board)[0];
    board.report(talk, Report::Opened(Offer::default()), later);
    board.report(talk, out_of_step(), later);
    assert_eq!(board.pending(), 0, "it judges nobody");
    let mut last = HashMap::new();
    for learned in board.take_learned() {
        match learned {
            Learned::Address { key, fact } => last.insert(key, format!("{:?}", fact.finding)),
            Learned::TakenBack { party, .. } => last.insert(format!("{party:?}"), String::new()),
            _ => None,
        };
    }
    let unfit = |word: &&String| word.contains("ProtocolFault");
    assert_eq!(last.values().filter(unfit).count(), 4, "{last:?}");
}

#[test]
fn a_test_counts_once_its_conversation_has_shown_that_it_was_in_step() {
    let with_a_control = || {
        let manners = Manners {
            controls: vec!["alma@d.test".parse().unwrap()],
            ..manners()
        };
        board_of(manners, KnownHost::default())
    };
    for parting in [Parting::InStep, Parting::OutOfStep] {
        let mut board = with_a_control();
        let (talk, _) = started(&mut board)[0];
        board.report(talk, Report::Opened(pipelining()), START);
        let (commands, _) = flight(&mut board);
        // Somebody known to exist is refused.
        board.report(talk, answers(&commands, &no()), START);
        assert!(matches!(board.next_out(), Some(Out::Quit { .. })));
        assert!(!board.groups[0].trust.is_lost());
        if parting == Parting::OutOfStep {
            board.report(talk, out_of_step(), START);
        }
        board.report(talk, Report::Ended(parting), START);
        let is_sure = parting == Parting::InStep;
        assert_eq!(board.groups[0].trust.is_lost(), is_sure);
        assert_eq!(board.pending(), if is_sure { 4 } else { 5 });
        if is_sure {
            continue;
        }
        // The same question is put again, and what it shows now counts.
        let later = START + limits::CUT_WAIT;
        board.tick(later);
        let (talk, _) = started(&mut board)[0];
        board.report(talk, Report::Opened(pipelining()), later);
        let (commands, pace) = flight(&mut board);
        assert_eq!(pace, FlightPace::Fenced);
        assert!(commands[1].to_string().contains("alma@d.test"));
        board.report(talk, answers(&commands, &yes()), later);
        board.report(talk, Report::Ended(Parting::InStep), later);
        assert_eq!(board.pending(), 4);
        assert!(!board.groups[0].trust.is_lost());
    }
}
