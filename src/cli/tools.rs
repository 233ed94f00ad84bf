//! What a run judges with: rules, lists, policy, suppression; ours and the operator's.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::asking::AskingArgs;
use super::safe::safe;
use super::{unreadable, usage};
use crate::input::flags::{ListKind, Lists, OwnList};
use crate::input::list::Source;
use crate::input::suppression::Suppression;
use crate::model::provider::Providers;
use crate::model::verdict::Policy;
use crate::smtp::rules::Book;
use crate::verifier::own::{self, OwnError};
use crate::verify::Tools;

/// What comes with the program, with the operator's policy, lists and rules.
pub(super) fn tools(policy: &str, args: &AskingArgs) -> anyhow::Result<Tools> {
    let providers = Arc::new(Providers::built_in());
    let policy = match Policy::built_in(policy) {
        Some(policy) => policy,
        None => policy_file(Path::new(policy))?,
    };
    Ok(Tools {
        lists: Arc::new(lists(&providers, &args.own_list)?),
        suppression: suppression(&args.suppress)?,
        providers,
        book: Arc::new(rule_book(args.rules.as_deref())?),
        policy,
    })
}

/// The addresses and domains to be left alone, by all files together.
fn suppression(files: &[PathBuf]) -> anyhow::Result<Suppression> {
    let mut suppression = Suppression::default();
    for path in files {
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|error| unreadable(&format!("the suppression list {name}"), &error))?;
        if bytes.is_empty() {
            continue;
        }
        let source = Source::spool(name.clone(), &bytes[..]);
        let tables = source.and_then(|source| Ok((source.hidden_sheets()?, source.tables()?)));
        let (hidden, tables) = tables.map_err(|error| usage(error.to_string()))?;
        if !hidden.is_empty() {
            // An address that asked for no mail may stand there.
            let sheets = safe(&hidden.join(", "));
            eprintln!(
                "presend: {name}: hidden sheets are not read: {sheets}; show those that name people to be left alone, and save the file"
            );
        }
        if tables.is_empty() {
            suppression.add(&bytes, &name)?;
        }
        for mut table in tables {
            let mut text = Vec::new();
            table.text.read_to_end(&mut text)?;
            suppression.add(&text, &table.name)?;
        }
    }
    Ok(suppression)
}

/// The rule book, with the rules of the operator's file first.
pub(super) fn rule_book(rules: Option<&Path>) -> anyhow::Result<Book> {
    own::rules(rules).map_err(|error| usage(error.to_string()))
}

/// The lists that come with the program, changed by the operator's.
fn lists(providers: &Arc<Providers>, own: &[(ListKind, PathBuf)]) -> anyhow::Result<Lists> {
    let update = super::lists::update()?;
    let update = update.as_ref().map(|(name, text)| OwnList {
        kind: ListKind::Disposable,
        file: name,
        text,
    });
    own::lists(Arc::clone(providers), update, own).map_err(|error| match error {
        OwnError::List(error) => error.into(),
        error => usage(error.to_string()),
    })
}

fn policy_file(path: &Path) -> anyhow::Result<Policy> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|_| {
        usage(crate::model::verdict::policy::PolicyError::NoSuchPolicy(name.clone()).to_string())
    })?;
    Ok(Policy::from_toml(&text, &name)?)
}
