//! `presend check`.

use std::fmt::Write as _;
use std::io::{BufRead as _, Write};
use std::time::SystemTime;

use clap::Args;

use super::asking::AskingArgs;
use super::log::LogArgs;
use super::safe::safe;
use super::screen::Screen;
use super::{Exit, place, start, stop, tools, usage};
use crate::input::address::Address;
use crate::input::list::{ColumnChoice, Options, Source};
use crate::ledger::Ledger;
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Evidence, Finding, Standing, Whom};
use crate::net::Clock;
use crate::probe::LISTED_STRANGER;
use crate::projection::{Model, Segment};
use crate::verify::{self, Asking, Describer, Judge, Judgement, Task, Tools, parse_text, prepare};

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The addresses; `-` reads them from standard input, one a line
    #[arg(required = true, value_name = "ADDRESS")]
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
    let tools = tools::tools(&args.policy, &args.asking)?;
    let folder = tempfile::tempdir()?;
    let inputs = inputs(&args.addresses)?;
    // A header of our own keeps the first address from being taken for one.
    let list = inputs.iter().fold("email\n".to_owned(), |list, address| {
        let quoted = address.replace('"', "\"\"").replace(['\r', '\n'], " ");
        list + "\"" + &quoted + "\"\n"
    });
    let source = Source::spool("the addresses".to_owned(), list.as_bytes())?;
    let task = Task {
        options: Options {
            column: ColumnChoice::Numbered(1),
            ..Options::default()
        },
        memory: args.asking.memory(),
        ..Task::of(source, folder.path().to_owned())
    };
    let mut domains = Vec::new();
    start::add_domains(&mut domains, &task.lists[0].source, &task.options)?;
    let mut screen = Screen::start(&args.log);
    let (text, ending, undeliverable) = place::block_on(&place, async {
        let asked = args.asking.config(&place, &domains).await?;
        let clock = match &asked {
            Some((world, _)) => world.clock,
            None => Clock::starting_at(Timestamp::from(SystemTime::now())),
        };
        let (mut ledger, _folder) = args.asking.ledger(&place, clock)?;
        let asking = match asked {
            Some((world, config)) => Asking::World(world, Box::new(config)),
            None => Asking::Nobody(clock),
        };
        let until = stop::stop(args.asking.deadline, screen.doing());
        let run = prepare(&task, &tools, asking, &mut ledger, &mut screen, until).await?;
        let ending = run.report.ending;
        let model = verify::believed(&ledger, clock.now())?;
        let judge = Judge::new(&tools, clock.now(), ending);
        let mut describer = Describer::new(&tools.lists);
        let mut text = String::new();
        let mut undeliverable = false;
        for input in &inputs {
            for checked in check(&judge, &mut describer, input, &mut ledger)? {
                let bounce = checked.bounce(&model);
                undeliverable |= checked.judgement.verdict.standing == Standing::Undeliverable;
                if args.json {
                    text += &to_json(&checked, bounce);
                } else {
                    text += &for_people(&checked, bounce, &tools);
                }
            }
        }
        anyhow::Ok((text, ending, undeliverable))
    })??;
    screen.finish();
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stranded => Exit::CannotAsk,
        Ending::Completed | Ending::Deadline if undeliverable => Exit::ThresholdExceeded,
        Ending::Completed | Ending::Deadline => Exit::Done,
    })
}

/// The texts to look at: those that were typed, and the lines of standard input for a dash.
fn inputs(typed: &[String]) -> anyhow::Result<Vec<String>> {
    let mut inputs = Vec::new();
    for text in typed {
        if text != "-" {
            inputs.push(text.clone());
            continue;
        }
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| usage(format!("standard input: {error}")))?;
            if !line.trim().is_empty() {
                inputs.push(line);
            }
            if inputs.len() > limits::CHECKED_ADDRESSES {
                return Err(usage(format!(
                    "check is for a few addresses, at most {}; a list is verified with presend verify -",
                    limits::CHECKED_ADDRESSES
                )));
            }
        }
    }
    if inputs.is_empty() {
        return Err(usage("standard input has no address; write one a line"));
    }
    Ok(inputs)
}

/// What was found out about one address of a text, or about a text without any.
struct Checked<'a> {
    input: &'a str,
    address: Option<Address>,
    judgement: Judgement,
    evidence: Evidence,
}

impl Checked<'_> {
    /// The probability that a message to this address bounces; `None` where there is no recipient.
    fn bounce(&self, model: &Model) -> Option<f64> {
        let Judgement {
            verdict,
            flags,
            provider_id,
            ..
        } = &self.judgement;
        let domain = self.address.as_ref();
        let domain = domain.map_or("", |address| address.domain().wire());
        self.judgement.is_message().then(|| {
            model.mean(&Segment::of(
                *verdict,
                *flags,
                provider_id.as_deref(),
                domain,
            ))
        })
    }

    /// The address, or the text that holds none.
    fn shown(&self) -> String {
        match &self.address {
            Some(address) => address.to_string(),
            None => self.input.to_owned(),
        }
    }
}

/// One line of JSON.
fn to_json(checked: &Checked<'_>, bounce: Option<f64>) -> String {
    let judgement = &checked.judgement;
    let address = checked.address.as_ref().map(ToString::to_string);
    let address = address.unwrap_or_default();
    let input = match address == checked.input {
        true => "",
        false => checked.input,
    };
    let columns = judgement.columns(bounce, &address, input);
    let object = serde_json::json!({
        "address": columns.address,
        "verdict": columns.verdict,
        "reason": columns.reason,
        "bounce": columns.bounce,
        "flags": judgement.flags.iter().map(Flag::as_str).collect::<Vec<_>>(),
        "suggestion": judgement.suggestion,
        "provider": judgement.provider,
        "reply": columns.reply,
        "checked_at": judgement.checked_at,
        "input": columns.input,
        "disposition": judgement.disposition,
        "evidence": checked.evidence,
    });
    format!("{object}\n")
}

/// Verdict and evidence as an expert wants to read them.
fn for_people(checked: &Checked<'_>, bounce: Option<f64>, tools: &Tools) -> String {
    let judgement = &checked.judgement;
    let verdict = judgement.verdict;
    let mut text = String::new();
    let _ = writeln!(text, "{}", safe(&checked.shown()));
    let _ = writeln!(
        text,
        "  {} ({}): {}",
        verdict.standing,
        verdict.reason,
        verdict.reason.in_plain_words()
    );
    let bounce = bounce.map(|share| format!("   bounce: {:.1} %", share * 100.0));
    let _ = writeln!(
        text,
        "  list: {}{}",
        judgement.disposition,
        bounce.unwrap_or_default()
    );
    if let Some(suggestion) = &judgement.suggestion {
        let _ = writeln!(text, "  did you mean {}?", safe(suggestion));
    }
    if let Some(provider) = &judgement.provider {
        let _ = writeln!(text, "  mail run by {provider}");
    }
    if let Some(address) = &checked.address {
        for (flag, source) in tools.lists.explain(address) {
            let _ = writeln!(text, "  flag {flag}: {}", safe(&source));
        }
    }
    for fact in &checked.evidence.facts {
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
                    Whom::Decoy if reading.rule.starts_with(LISTED_STRANGER) => {
                        "asked about others"
                    }
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

/// What the addresses of a text get, with the evidence; or the text, where it holds none.
fn check<'i>(
    judge: &Judge<'_>,
    describer: &mut Describer<'_>,
    input: &'i str,
    ledger: &mut Ledger,
) -> anyhow::Result<Vec<Checked<'i>>> {
    let addresses = match parse_text(input.as_bytes()) {
        Ok(addresses) => addresses,
        Err(no_address) => {
            let mut evidence = Evidence::new();
            let detail = no_address.detail.to_string();
            evidence.learn(judge.now(), Finding::Text { detail });
            return Ok(vec![Checked {
                input,
                address: None,
                judgement: judge.no_address(no_address),
                evidence,
            }]);
        }
    };
    let mut checked = Vec::with_capacity(addresses.len());
    for address in addresses {
        let described = describer.describe(address);
        let evidence = judge.evidence(&described.address, ledger)?;
        checked.push(Checked {
            input,
            judgement: judge.judge(&described, &evidence),
            address: Some(described.address),
            evidence,
        });
    }
    Ok(checked)
}
