//! `presend check`.

use std::fmt::Write as _;
use std::io::{BufRead as _, Write};

use clap::Args;

use super::asking::AskingArgs;
use super::log::LogArgs;
use super::safe::safe;
use super::screen::Screen;
use super::zone::Zone;
use super::{Exit, stop, tools, unreadable, usage};
use crate::model::ending::Ending;
use crate::model::limits;
use crate::model::verdict::{Finding, Standing, Whom};
use crate::probe::LISTED_AS_DECOY;
use crate::verify::check::{JudgedAddress, check, contents_of};
use crate::verify::{Tools, add_domain};

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
    let inputs = inputs(&args.addresses)?;
    let mut domains = Vec::new();
    for address in inputs.iter().flat_map(|input| contents_of(input)).flatten() {
        add_domain(&mut domains, &address);
    }
    let mut screen = Screen::start(&args.log);
    let (checked, ending) = place.runtime()?.block_on(async {
        let met = args.asking.world(&place, &domains).await?;
        let mut session = args.asking.session(&place, met)?;
        let until = stop::stop(args.asking.deadline, screen.doing());
        let (memory, ledger) = (args.asking.memory(), &mut session.opened.ledger);
        let asking = session.asking;
        let checked = check(&inputs, memory, &tools, asking, ledger, &mut screen, until);
        anyhow::Ok(checked.await?)
    })?;
    screen.finish();
    let each = || {
        let each = inputs.iter().zip(&checked);
        each.flat_map(|(input, all)| all.iter().map(move |one| (input, one)))
    };
    let (zone, mut text) = (Zone::here(), String::new());
    for (input, one) in each() {
        let _ = if args.json {
            writeln!(text, "{}", one.to_json(input))
        } else {
            write!(text, "{}", for_people(one, input, &tools, &zone))
        };
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    let is_undeliverable =
        |one: &JudgedAddress| one.judgement.verdict.standing == Standing::Undeliverable;
    Ok(match ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stranded => Exit::CannotAsk,
        Ending::Completed | Ending::Deadline if each().any(|(_, one)| is_undeliverable(one)) => {
            Exit::ThresholdExceeded
        }
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
            let line = line.map_err(|error| unreadable("standard input", &error))?;
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

/// Verdict and evidence as an expert wants to read them, with the times of `zone`.
fn for_people(checked: &JudgedAddress, input: &str, tools: &Tools, zone: &Zone) -> String {
    let judgement = &checked.judgement;
    let verdict = judgement.verdict;
    let mut text = String::new();
    let address = checked.address.as_ref().map(ToString::to_string);
    let _ = writeln!(text, "{}", safe(address.as_deref().unwrap_or(input)));
    let _ = writeln!(
        text,
        "  {} ({}): {}",
        verdict.standing,
        verdict.reason,
        verdict.reason.in_plain_words()
    );
    let bounce = checked.bounce;
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
        let at = zone.day_and_second(fact.at);
        let _ = match &fact.finding {
            Finding::Text { detail } => writeln!(text, "  {at}  text: {}", safe(detail)),
            Finding::Domain { reason, detail } => {
                writeln!(text, "  {at}  DNS: {} [{reason}]", safe(detail))
            }
            Finding::Asked {
                whom,
                exchange,
                reading,
            } => {
                let whom = match whom {
                    Whom::Subject => "asked",
                    Whom::Decoy if reading.rule.starts_with(LISTED_AS_DECOY) => {
                        "asked about others"
                    }
                    Whom::Decoy => "asked about a decoy",
                };
                writeln!(
                    text,
                    "  {at}  {whom}, {} said at {}: {}\n      read as {} by {}",
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
                "  {at}  a message came back {}: {} [{reason}]",
                if *permanent { "for good" } else { "for now" },
                safe(reply)
            ),
            Finding::Withheld { reason, detail } => {
                writeln!(text, "  {at}  {reason} {}", safe(detail))
            }
        };
    }
    text
}
