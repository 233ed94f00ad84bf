//! Blocklists for the checklist: every list, every subject, at the same time.

use tokio::task::JoinSet;

use crate::preflight::check::Check;
use crate::preflight::lookup::Lookups;
use crate::preflight::sender::blocklist::{Blocklist, Listing, Reach, Subject, built_in};

/// Asks all lists about all subjects they are about. One check for each list and subject.
pub async fn checks(lookups: &Lookups, subjects: &[Subject]) -> Vec<Check> {
    let mut asking = JoinSet::new();
    let mut order = 0;
    for list in built_in() {
        for subject in subjects {
            let (list, subject, lookups) = (list.clone(), subject.clone(), lookups.clone());
            order += 1;
            asking.spawn(async move {
                let listing = list.ask(&lookups, &subject).await?;
                Some((order, check(&list, &subject, &listing)))
            });
        }
    }
    let mut answered: Vec<(u32, Check)> = asking.join_all().await.into_iter().flatten().collect();
    answered.sort_by_key(|(order, _)| *order);
    answered.into_iter().map(|(_, check)| check).collect()
}

fn check(list: &Blocklist, subject: &Subject, listing: &Listing) -> Check {
    const ID: &str = "blocklist";
    const WHY: &str = "Receivers refuse mail from what is on a blocklist they use.";
    let what = match subject {
        Subject::Address(ip) => ip.to_string(),
        Subject::Domain(domain) => domain.clone(),
    };
    let name = &list.name;
    match listing {
        Listing::Clean => Check::pass(ID, format!("{what} is not on {name}"), WHY),
        Listing::Refused => Check::unknown(
            ID,
            format!("{what}: nothing known from {name}, which does not serve your DNS resolver"),
            WHY,
            format!(
                "Run a resolver of your own and name it with --dns, or look {what} up at {}",
                list.remove
            ),
        )
        .advised(),
        Listing::Unusable(reason) => Check::unknown(
            ID,
            format!("{what}: nothing known from {name} ({reason})"),
            WHY,
            format!("Look {what} up at {}", list.remove),
        )
        .advised(),
        Listing::Listed { answer, meaning } => {
            let meaning = meaning
                .as_ref()
                .map_or_else(String::new, |text| format!(": {text}"));
            let check = Check::fail(
                ID,
                format!("{what} is on {name} ({answer}{meaning})"),
                WHY,
                format!(
                    "Find and stop the cause first, then ask to be taken off at {}",
                    list.remove
                ),
            );
            match list.weight_of(*answer) {
                Reach::Heavy => check,
                Reach::Light => check.advised(),
            }
        }
    }
}
