//! `presend check`.

use std::fmt::Write as _;
use std::io::Write;
use std::time::SystemTime;

use clap::Args;

use super::asking::{self, AskingArgs};
use super::log::LogArgs;
use super::progress::Screen;
use super::safe::safe;
use super::{Exit, start};
use crate::flags::Flag;
use crate::intake::{ColumnChoice, Options, Source};
use crate::ledger::Ledger;
use crate::moment::Moment;
use crate::pipeline::Ending;
use crate::projection::{Model, Segment};
use crate::verdict::{Evidence, Finding, Whom};
use crate::verify::{self, Asking, Describer, Judge, Judgement, Task, Tools, parse_field, verify};
use crate::world::Clock;

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The addresses
    #[arg(required = true)]
    addresses: Vec<String>,
    /// strict, balanced, lenient or a policy file
    #[arg(long, value_name = "POLICY", default_value = "balanced")]
    policy: String,
    #[command(flatten)]
    asking: AskingArgs,
    /// One JSON object per address
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs `presend check`: a list of few rows, shown instead of written.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let place = args.asking.place()?;
    let tools = asking::tools(&args.policy, &args.asking)?;
    let folder = tempfile::tempdir()?;
    // A header of our own keeps the first address from being taken for one.
    let list = args
        .addresses
        .iter()
        .fold("email\n".to_owned(), |list, address| {
            let quoted = address.replace('"', "\"\"").replace(['\r', '\n'], " ");
            list + "\"" + &quoted + "\"\n"
        });
    let task = Task {
        source: Source::spool("the addresses".to_owned(), list.as_bytes())?,
        options: Options {
            column: ColumnChoice::Numbered(1),
            ..Options::default()
        },
        out: folder.path().to_owned(),
        memory: args.asking.memory(),
        target: None,
    };
    let (domains, _) = start::domains(&task.source, &task.options)?;
    let mut screen = Screen::start(&args.log);
    let (text, ending) = asking::block_on(&place, async {
        let asked = args.asking.terms(&place, &domains).await?;
        let clock = match &asked {
            Some((world, _)) => world.clock,
            None => Clock::starting_at(Moment::from(SystemTime::now())),
        };
        let (mut ledger, _folder) = args.asking.ledger(&place, clock)?;
        let asking = match asked {
            Some((world, terms)) => Asking::World(world, Box::new(terms)),
            None => Asking::Nobody(clock),
        };
        let stop = asking::stop(args.asking.deadline);
        let summary = verify(&task, &tools, asking, &mut ledger, &mut screen, stop).await?;
        let model = verify::believed(&ledger, clock.now())?;
        let judge = Judge::new(&tools, clock.now(), summary.ending);
        let mut describer = Describer::new(&tools.lists);
        let mut text = String::new();
        for address in &args.addresses {
            let (judgement, evidence) = judged(&judge, &mut describer, address, &mut ledger)?;
            let bounce = bounce(&model, address, &judgement);
            if args.json {
                text += &to_json(address, &judgement, bounce, &evidence);
            } else {
                text += &for_people(address, &judgement, bounce, &evidence, &tools);
            }
        }
        anyhow::Ok((text, summary.ending))
    })??;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stranded => Exit::CannotAsk,
        Ending::Completed | Ending::Deadline => Exit::Done,
    })
}

/// The probability that a message to this address bounces.
fn bounce(model: &Model, input: &str, judgement: &Judgement) -> f64 {
    let address = crate::address::Address::parse(input);
    let domain = address
        .as_ref()
        .map_or("", |address| address.domain().wire());
    model.mean(&Segment::of(
        judgement.verdict,
        judgement.flags,
        judgement.provider_id.as_deref(),
        domain,
    ))
}

/// One line of JSON.
fn to_json(input: &str, judgement: &Judgement, bounce: f64, evidence: &Evidence) -> String {
    let columns = judgement.columns(bounce);
    let object = serde_json::json!({
        "address": input,
        "verdict": columns.verdict,
        "reason": columns.reason,
        "bounce": columns.bounce,
        "flags": judgement.flags.iter().map(Flag::as_str).collect::<Vec<_>>(),
        "suggestion": judgement.suggestion,
        "provider": judgement.provider,
        "reply": columns.reply,
        "checked_at": judgement.checked_at,
        "disposition": judgement.disposition,
        "evidence": evidence,
    });
    format!("{object}\n")
}

/// Verdict and evidence as an expert wants to read them.
fn for_people(
    input: &str,
    judgement: &Judgement,
    bounce: f64,
    evidence: &Evidence,
    tools: &Tools,
) -> String {
    let verdict = judgement.verdict;
    let mut text = String::new();
    let _ = writeln!(text, "{}", safe(input));
    let _ = writeln!(
        text,
        "  {} ({}): {}",
        verdict.standing,
        verdict.reason,
        verdict.reason.in_plain_words()
    );
    let _ = writeln!(
        text,
        "  list: {}   bounce: {:.1} %",
        judgement.disposition,
        bounce * 100.0
    );
    if let Some(suggestion) = &judgement.suggestion {
        let _ = writeln!(text, "  did you mean {}?", safe(suggestion));
    }
    if let Some(provider) = &judgement.provider {
        let _ = writeln!(text, "  mail run by {provider}");
    }
    if let Ok(address) = crate::address::Address::parse(input) {
        for (flag, source) in tools.lists.explain(&address) {
            let _ = writeln!(text, "  flag {flag}: {}", safe(&source));
        }
    }
    for fact in &evidence.facts {
        let _ = match &fact.finding {
            Finding::Text { detail } => writeln!(text, "  {}  text: {}", fact.at, safe(detail)),
            Finding::Domain { reason, detail } => {
                writeln!(text, "  {}  DNS: {} [{reason}]", fact.at, safe(detail))
            }
            Finding::Asked {
                whom,
                exchange,
                reading,
            } => {
                let whom = match whom {
                    Whom::Subject => "asked",
                    Whom::Decoy => "asked about a decoy",
                };
                writeln!(
                    text,
                    "  {}  {whom}, {} said at {}: {}\n      read as {} by {}",
                    fact.at,
                    safe(&exchange.host),
                    exchange.stage,
                    safe(&exchange.reply),
                    reading.reason,
                    safe(&reading.rule)
                )
            }
            Finding::Bounced {
                reason,
                permanent,
                reply,
            } => writeln!(
                text,
                "  {}  a message came back {}: {} [{reason}]",
                fact.at,
                if *permanent { "for good" } else { "for now" },
                safe(reply)
            ),
            Finding::Withheld { reason, detail } => {
                writeln!(text, "  {}  {reason} {}", fact.at, safe(detail))
            }
        };
    }
    text
}

/// What a text gets, with the evidence.
fn judged(
    judge: &Judge<'_>,
    describer: &mut Describer<'_>,
    input: &str,
    ledger: &mut Ledger,
) -> anyhow::Result<(Judgement, Evidence)> {
    match parse_field(input.as_bytes()) {
        Ok(address) => {
            let described = describer.describe(address);
            let evidence = judge.evidence(&described.address, ledger)?;
            Ok((judge.judge(&described, &evidence), evidence))
        }
        Err(no_address) => {
            let mut evidence = Evidence::new();
            let finding = Finding::Text {
                detail: no_address.detail.to_string(),
            };
            evidence.learn(judge.now(), finding);
            let judgement = judge.no_address(no_address);
            Ok((judgement, evidence))
        }
    }
}
