//! What to say next in a conversation: as many questions as budget, pace and domains allow, in one flight.

use super::domain::Question;
use super::{Asked, Board, Out, Subject, TalkId, TalkStage, Wake};
use crate::limits;
use crate::moment::Moment;
use crate::probe::{Budget, decoy_local_part};
use crate::provider::PipeliningHabit;
use crate::reason::Reason;
use crate::smtp::dialogue::{FlightPace, Offer};
use crate::smtp::{Charset, Command};
use crate::verdict::Finding;

/// Why no flight came about.
enum Idle {
    /// Not before this moment.
    Until(Moment),
    /// There is nothing to ask on this connection any more.
    Finished,
}

/// A flight in the making.
#[derive(Default)]
struct Draft {
    commands: Vec<Command>,
    asked: Vec<Asked>,
}

impl Board {
    /// Gives a conversation its next flight, lets it rest or ends it.
    pub(super) fn give_work(&mut self, talk: TalkId, now: Moment) {
        if self.stopping {
            self.hang_up(talk);
            return;
        }
        match self.compose(talk, now) {
            Ok((commands, pace)) => {
                if let Some(t) = self.talks.get_mut(&talk) {
                    t.stage = TalkStage::Flying;
                }
                self.out.push_back(Out::Fly {
                    talk,
                    commands,
                    pace,
                });
            }
            Err(Idle::Until(moment)) if moment.since(now) <= limits::REST => {
                if let Some(t) = self.talks.get_mut(&talk) {
                    t.stage = TalkStage::Resting;
                }
                self.wakes.insert((moment, Wake::Talk(talk)));
            }
            Err(Idle::Until(_) | Idle::Finished) => self.hang_up(talk),
        }
    }

    /// The next flight of a conversation.
    fn compose(&mut self, talk: TalkId, now: Moment) -> Result<(Vec<Command>, FlightPace), Idle> {
        let (group, offer) = {
            let t = &self.talks[&talk];
            (t.group, t.offer.clone().unwrap_or_default())
        };
        let budget = self.budget(group, &offer);
        let pace = self.flight_pace(group, &offer);
        let host = self.groups[group].host;
        let mut room = self.talks[&talk].spent.room(budget);
        let mut draft = Draft::default();
        let mut idle = Idle::Finished;
        while room > 0 {
            let Some(domain) = self.next_domain(talk, &draft, now) else {
                break;
            };
            if !self.may_address(talk, domain, budget) {
                // The connection has had its transactions; the domain goes to the next one.
                self.relist(domain, now);
                break;
            }
            if let Err(moment) = self.hosts[host]
                .pace
                .draw(now)
                .and_then(|()| self.overall.draw(now))
            {
                self.relist(domain, now);
                idle = Idle::Until(moment);
                break;
            }
            let Some(question) = self.domains[domain].take_question(now) else {
                continue;
            };
            if self.put(talk, domain, question, &offer, budget, &mut draft, now) {
                room -= 1;
            }
            self.relist(domain, now);
        }
        if draft.asked.is_empty() {
            return Err(idle);
        }
        let t = self
            .talks
            .get_mut(&talk)
            .expect("the conversation is under way");
        t.asked = draft.asked;
        Ok((draft.commands, pace))
    }

    /// What this connection may be used for.
    fn budget(&self, group: usize, offer: &Offer) -> Budget {
        let provider = self.hosts[self.groups[group].host].provider.as_ref();
        let per_transaction = [
            offer.recipients_per_transaction,
            provider.and_then(|p| p.recipients_per_transaction),
            self.groups[group].transaction_cap,
        ];
        let transactions = match provider {
            Some(provider) => provider
                .transactions_per_connection
                .unwrap_or(limits::TRANSACTIONS_AT_A_KNOWN_PROVIDER),
            None => limits::TRANSACTIONS_OF_A_CONNECTION,
        };
        Budget {
            recipients: provider
                .and_then(|p| p.recipients_per_connection)
                .unwrap_or(limits::RECIPIENTS_OF_A_CONNECTION),
            recipients_per_transaction: per_transaction
                .into_iter()
                .flatten()
                .fold(limits::RECIPIENTS_OF_A_TRANSACTION, u32::min)
                .max(1),
            transactions: offer
                .transactions_per_connection
                .unwrap_or(u32::MAX)
                .min(transactions),
        }
    }

    /// Whether commands travel together in this conversation.
    fn flight_pace(&self, group: usize, offer: &Offer) -> FlightPace {
        let habit = self.hosts[self.groups[group].host]
            .provider
            .as_ref()
            .map(|p| p.pipelining);
        let avoid = habit == Some(PipeliningHabit::Avoid) || self.groups[group].chokes;
        if offer.pipelining && !avoid {
            FlightPace::Together
        } else {
            FlightPace::OneByOne
        }
    }

    /// The domain to ask about next: the one of the open transaction while it has questions, then those that wait.
    fn next_domain(&mut self, talk: TalkId, draft: &Draft, now: Moment) -> Option<usize> {
        let t = &self.talks[&talk];
        let group = t.group;
        let current = draft
            .asked
            .last()
            .map(|asked| asked.domain)
            .or(t.transaction.map(|(domain, _)| domain));
        if let Some(domain) = current
            && self.domains[domain].has_question(now)
        {
            if self.domains[domain].listed {
                self.groups[group].ready.retain(|&listed| listed != domain);
                self.domains[domain].listed = false;
            }
            return Some(domain);
        }
        while let Some(domain) = self.groups[group].ready.pop_front() {
            self.domains[domain].listed = false;
            if self.domains[domain].has_question(now) {
                return Some(domain);
            }
        }
        None
    }

    /// Puts a domain back into its group's queue while it has questions.
    fn relist(&mut self, domain: usize, now: Moment) {
        let entry = &mut self.domains[domain];
        if let (Some(group), false) = (entry.group, entry.listed)
            && entry.has_question(now)
        {
            entry.listed = true;
            // In front: a domain is finished before the next is begun.
            self.groups[group].ready.push_front(domain);
        }
    }

    /// Whether a recipient of `domain` fits the open transaction, or another may be begun.
    fn may_address(&self, talk: TalkId, domain: usize, budget: Budget) -> bool {
        let t = &self.talks[&talk];
        let fits = t.transaction.is_some_and(|(open, recipients)| {
            open == domain && recipients < budget.recipients_per_transaction
        });
        fits || t.spent.may_begin(budget)
    }

    /// Writes one question into the draft. Returns whether it went in: an address that this host cannot be asked about
    /// is settled instead.
    #[expect(
        clippy::too_many_arguments,
        reason = "everything a question depends on"
    )]
    fn put(
        &mut self,
        talk: TalkId,
        domain: usize,
        question: Question,
        offer: &Offer,
        budget: Budget,
        draft: &mut Draft,
        now: Moment,
    ) -> bool {
        let (recipient, subject) = match question {
            Question::Decoy => {
                let name = &self.domains[domain].name;
                let local = decoy_local_part(self.manners.seed, name, 0);
                (lettre::Address::new(local, &**name).ok(), None)
            }
            Question::Subject(subject) => {
                let askable = offer.smtputf8 || !subject.address.needs_smtputf8();
                let recipient = subject.address.envelope().ok();
                if !askable || recipient.is_none() {
                    self.cannot_ask(domain, &subject, askable, now);
                    return false;
                }
                (recipient, Some(subject))
            }
        };
        let Some(recipient) = recipient else {
            // No decoy can be written for this domain (a literal, say).
            self.domains[domain].under_way -= 1;
            self.domains[domain].strangers.give_up();
            return false;
        };
        let charset = match subject.as_ref().is_some_and(|s| s.address.needs_smtputf8()) {
            true => Charset::Utf8,
            false => Charset::Ascii,
        };
        let mail = self.begin_transaction(talk, domain, charset, budget, draft);
        let t = self
            .talks
            .get_mut(&talk)
            .expect("the conversation is under way");
        if let Some((_, recipients)) = &mut t.transaction {
            *recipients += 1;
        }
        draft.asked.push(Asked {
            domain,
            subject,
            rcpt: draft.commands.len(),
            mail,
        });
        draft.commands.push(Command::Rcpt(recipient));
        true
    }

    /// Begins a transaction for `domain` unless the open one can be used. Returns which command of the draft began the
    /// one in force, if it was begun in this draft.
    fn begin_transaction(
        &mut self,
        talk: TalkId,
        domain: usize,
        charset: Charset,
        budget: Budget,
        draft: &mut Draft,
    ) -> Option<usize> {
        let t = self
            .talks
            .get_mut(&talk)
            .expect("the conversation is under way");
        let begun_here = draft
            .commands
            .iter()
            .rposition(|command| matches!(command, Command::Mail { .. }));
        // An open transaction was announced as ASCII, so it is never used for an address that is not.
        let usable = t.transaction.is_some_and(|(open, recipients)| {
            open == domain
                && recipients < budget.recipients_per_transaction
                && charset == Charset::Ascii
        });
        if usable {
            return begun_here;
        }
        if t.spent.transactions > 0 {
            draft.commands.push(Command::Rset);
        }
        t.spent.transactions += 1;
        t.transaction = Some((domain, 0));
        draft.commands.push(Command::Mail {
            sender: self.manners.sender.clone(),
            charset,
        });
        Some(draft.commands.len() - 1)
    }

    /// An address that cannot be put into a command for this host.
    fn cannot_ask(&mut self, domain: usize, subject: &Subject, expressible: bool, now: Moment) {
        self.domains[domain].under_way -= 1;
        let detail = if expressible {
            "the address cannot be written in an SMTP command"
        } else {
            "the mail host does not take addresses beyond ASCII (no SMTPUTF8), so it cannot be asked about this one"
        };
        let finding = Finding::Withheld {
            reason: Reason::NotAsked,
            detail: detail.to_owned(),
        };
        self.learn_of_address(subject, finding, now);
        self.note_settled(1);
    }
}
