//! Judges the client's conduct by what the servers counted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::names::{domain_of, key_of, keys_on_list, roof};
use super::{Complaint, Finding};
use crate::model::timestamp::Timestamp;
use crate::net::route::RecordKind;
use crate::sim::net::dialect::Line;
use crate::sim::net::server_log::{Stay, Totals};
use crate::sim::net::{Breach, Outcome, Question, ServerLog, Sightings};
use crate::sim::score::{Courtesy, Creation, Machines, Nature, Prospect, Site};

/// What the servers counted, each for the worst of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages begun. Must be 0.
    pub data: u64,
    /// Words before the greeting. Must be 0.
    pub early_talk: u64,
    /// All breaches of protocol. Must be 0.
    pub breaches: u64,
    /// Connections that were left without QUIT while the host was willing. Must be 0.
    pub without_quit: u64,
    /// Most recipients within a second at hosts under one roof.
    pub most_per_second: usize,
    /// Most recipients within ten seconds at hosts under one roof.
    pub most_per_ten_seconds: usize,
    /// Most connections at once at hosts under one roof.
    pub most_connections: usize,
    /// Most refused recipients in one connection.
    pub most_refused: u32,
    /// Complaints that a careful client never hears. Must be 0.
    pub complaints: u64,
    /// Questions put for decoys.
    pub decoys: u64,
    /// Most questions about one address.
    pub most_about_one: u32,
}

/// Complaints that no careful client hears, wherever.
const NEVER_HEARD: [Line; 4] = [
    Line::TooManyErrors,
    Line::TooManyBadRecipients,
    Line::TooManyConnections,
    Line::TalksEarly,
];

/// Complaints that a client never hears which knows the large providers.
const NEVER_HEARD_AT_PROVIDERS: [Line; 3] = [
    Line::TooManyRecipients,
    Line::ConnectionUsedUp,
    Line::OneDomainOnly,
];

/// Most recipients of one batch.
const FLIGHT: u32 = 9;

/// How often a host may say that it is asked too fast: each time may come as often as questions are under way, and twice
/// the whole way down from the usual rate to a sixteenth of it takes ten.
const RATE_LESSONS: u32 = 10;

/// Most connections to a host beyond the questions put there: a few that come to nothing, one that turns out not to be
/// encrypted, one that meets a host which knows HELO only.
const FRUITLESS: usize = 12;

/// Longest time for which a host that answers nothing is tried.
const FRUITLESS_TIME: Duration = Duration::from_secs(20 * 60);

/// How long a client that is told to slow down must stay away at least where no time was named: half of the time over
/// which stock servers count (Postfix: 60 s).
const STAYS_AWAY: Duration = Duration::from_secs(30);

/// The longest time for which a question may have been under way to any host.
const UNDER_WAY: Duration = Duration::from_secs(25);

/// Acceptances at a host after which a client may ask about a decoy once more; each time after twice as many, up to 16
/// times as many. So a host that has begun to accept every recipient is found out, and one that has not hardly notices.
const ACCEPTED_PER_DECOY: usize = 20;

/// Most addresses of a domain that takes everything about which a client asks all the same: it may refuse some.
const EXCEPTIONS: u32 = 3;
/// Unknown recipients refused at hosts under one roof from which on their last answers may be looked at once more.
const LATE: usize = 12;

/// The fewest refusals in a connection after which some hosts accept every recipient there.
const BEFORE_A_TURN: u32 = 3;

/// Most questions about one address where connections break: our four tries, each of which may be lost as often.
const TRIES: u32 = 16;

/// Everything that the servers saw of a run, in one place.
struct Scene<'a> {
    creation: &'a Creation,
    courtesy: &'a Courtesy,
    hosts: &'a BTreeMap<String, Sightings>,
    findings: Vec<Finding>,
    counts: Counts,
}

/// Judges the client's conduct in a run whose list was read so many times, `readings`: once, and once more each time
/// that the machine which reads it came back.
#[must_use]
pub fn judge(
    creation: &Creation,
    courtesy: &Courtesy,
    hosts: &BTreeMap<String, Sightings>,
    log: &ServerLog,
    readings: u64,
) -> (Counts, Vec<Finding>) {
    let mut scene = Scene {
        creation,
        courtesy,
        hosts,
        findings: Vec::new(),
        counts: Counts::default(),
    };
    let totals = log.totals();
    scene.protocol(&totals);
    for (name, seen) in hosts {
        let site = creation.site_of(name);
        scene.connections(name, seen, site);
        scene.economy(name, seen);
        scene.complaints(name, seen, site);
        for source in &seen.sources {
            let of_it = seen.questions.iter();
            let of_it = of_it.filter(|question| client_of(seen, question) == *source);
            let of_it: Vec<&Question> = of_it.collect();
            scene.haste(name, site, &of_it);
        }
    }
    for (number, site) in creation.sites.iter().enumerate() {
        scene.roof(number, site);
    }
    scene.haste_under_roofs();
    scene.identity();
    scene.questions();
    scene.look_ups(log, readings);
    for (address, attempts) in log.strays() {
        scene.find(
            Complaint::Stray,
            format!("{attempts} attempts at {address}, where there is no host"),
        );
    }
    (scene.counts, scene.findings)
}

impl Scene<'_> {
    fn find(&mut self, complaint: Complaint, detail: String) {
        self.findings.push(Finding::new(complaint, detail));
    }

    /// A host with its kind.
    fn named(&self, host: &str) -> String {
        match self.creation.site_of(host).persona {
            Some(persona) => format!("{host} ({persona:?})"),
            None => host.to_owned(),
        }
    }

    fn protocol(&mut self, totals: &Totals) {
        self.counts.data = totals.datas;
        if totals.datas > 0 {
            let detail = format!("{} messages begun", totals.datas);
            self.find(Complaint::Data, detail);
        }
        for (breach, count) in &totals.breaches {
            self.counts.breaches += count;
            if *breach == Breach::EarlyTalk {
                self.counts.early_talk += count;
            }
            let where_seen: Vec<String> = self
                .hosts
                .iter()
                .filter(|(_, seen)| seen.breaches.contains_key(breach))
                .map(|(name, _)| self.named(name))
                .collect();
            let detail = format!("{breach:?}, {count} times, at {}", where_seen.join(", "));
            self.find(Complaint::Protocol, detail);
        }
    }

    /// Tripwires within each connection, and how connections end.
    fn connections(&mut self, name: &str, seen: &Sightings, site: &Site) {
        if site.stays_on() && seen.hang_ups > 0 && !self.machines_change() {
            self.counts.without_quit += u64::from(seen.hang_ups);
            let name = self.named(name);
            let detail = format!("{name}: {} connections left without QUIT", seen.hang_ups);
            self.find(Complaint::NoGoodbye, detail);
        }
        let mut spent: HashMap<u32, (u32, u32)> = HashMap::new();
        let mut tripped = None;
        for question in &seen.questions {
            let (accepted, refused) = spent.entry(question.connection).or_default();
            match question.outcome {
                Outcome::Accepted => *accepted += 1,
                Outcome::RefusedMailbox | Outcome::RefusedOtherwise => *refused += 1,
            }
            self.counts.most_refused = self.counts.most_refused.max(*refused);
            if *refused > 9 || (*accepted + *refused > 10 && *refused > *accepted) {
                tripped = Some((question.connection, *accepted, *refused));
            }
        }
        if let Some((connection, accepted, refused)) = tripped {
            let name = self.named(name);
            let detail = format!(
                "{name}: connection {connection} had {refused} refused beside {accepted} accepted recipients"
            );
            self.find(Complaint::Tripwire, detail);
        }
    }

    /// Connections are for questions: none without one but a few, and not for long where nothing is answered.
    fn economy(&mut self, name: &str, seen: &Sightings) {
        let asked = seen.questions.len();
        if seen.connections as usize > asked + FRUITLESS {
            let detail = format!(
                "{}: {} connections for {asked} questions",
                self.named(name),
                seen.connections
            );
            self.find(Complaint::Fruitless, detail);
        }
        let words = seen.questions.iter();
        let words = words.filter(|question| question.code != 0);
        if let Some(time) = tried_for(&seen.stays, words.map(|question| question.at)) {
            let detail = format!(
                "{}: still tried {} s after the first of its connections that brought nothing",
                self.named(name),
                time.as_secs()
            );
            self.find(Complaint::Fruitless, detail);
        }
    }

    /// How often a host may say a line that no careful client hears otherwise: where its limits are so tight that they
    /// could not be known before, each connection under way may hear it once.
    fn lessons(&self, line: Line, site: &Site) -> u32 {
        let habits = &site.habits;
        let few_errors = habits
            .errors
            .is_some_and(|limits| limits.hang_up_after <= FLIGHT);
        let few_connections = habits
            .connections
            .is_some_and(|most| most < self.courtesy.connections_per_host);
        let is_a_surprise = match line {
            Line::TooManyErrors => few_errors,
            Line::TooManyConnections => few_connections,
            _ => false,
        };
        if is_a_surprise && !site.is_known_by_name() {
            self.courtesy.connections_per_host
        } else {
            0
        }
    }

    fn complaints(&mut self, name: &str, seen: &Sightings, site: &Site) {
        let mut heard: Vec<(Line, u32)> = NEVER_HEARD
            .iter()
            .map(|line| (*line, seen.times_said(*line)))
            .filter(|(line, said)| *said > self.lessons(*line, site))
            .collect();
        if site.is_known_by_name() {
            let at_providers = NEVER_HEARD_AT_PROVIDERS.iter();
            heard.extend(at_providers.map(|line| (*line, seen.times_said(*line))));
        }
        // Each that asks learns by itself.
        let learners = u32::try_from(seen.sources.len().max(1)).unwrap_or(u32::MAX);
        let connections = self.courtesy.connections_per_host * learners;
        for (line, most) in [
            (Line::TooManyRecipients, FLIGHT * connections),
            // Each connection under way may hear it once: the host closes with it.
            (Line::ConnectionUsedUp, connections),
            (Line::TooFast, RATE_LESSONS * FLIGHT * connections),
        ] {
            let said = seen.times_said(line);
            if said > most {
                heard.push((line, said));
            }
        }
        for (line, count) in heard {
            if count > 0 {
                self.counts.complaints += u64::from(count);
                let detail = format!("{} said {line:?} {count} times", self.named(name));
                self.find(Complaint::HostComplained, detail);
            }
        }
    }

    /// A client that is told to slow down stays away from that machine for a while: only what was under way by then may
    /// still arrive.
    fn haste(&mut self, host: &str, site: &Site, questions: &[&Question]) {
        let way = site.way;
        let thinking = (site.habits.rcpt_wait + site.habits.tarpit) * FLIGHT;
        let lost = if way.loss > 0.0 {
            Duration::from_secs(10)
        } else {
            Duration::ZERO
        };
        let under_way = way.round_trip.mul_f64(2.0 * (1.0 + way.jitter)) + thinking + lost;
        let mut told: Option<Timestamp> = None;
        for question in questions {
            let early = told.is_some_and(|told| {
                let after = question.at.since(told);
                after > under_way && after < STAYS_AWAY
            });
            if early {
                let detail = format!(
                    "{} was asked again {:.1} s after it had asked to slow down",
                    self.named(host),
                    question.at.since(told.unwrap_or_default()).as_secs_f64()
                );
                self.counts.complaints += 1;
                self.find(Complaint::HostComplained, detail);
                return;
            }
            if question.objection == Some(Line::TooFast)
                && told.is_none_or(|told| question.at.since(told) > under_way)
            {
                told = Some(question.at);
            }
        }
    }

    /// Where most of the hosts under one roof have told a client to slow down, it stays away from all of them.
    fn haste_under_roofs(&mut self) {
        let mut roofs: BTreeMap<&str, Vec<&Sightings>> = BTreeMap::new();
        for (name, seen) in self.hosts {
            if seen.connections > 0 && !self.creation.site_of(name).is_known_by_name() {
                roofs.entry(roof(name)).or_default().push(seen);
            }
        }
        for (name, hosts) in roofs {
            let numbered = hosts.iter().enumerate();
            let mut questions: Vec<(usize, &Question)> = numbered
                .flat_map(|(host, seen)| {
                    seen.questions.iter().map(move |question| (host, question))
                })
                .collect();
            questions.sort_by_key(|(_, question)| question.at);
            let mut told: Vec<Option<Timestamp>> = vec![None; hosts.len()];
            for (host, question) in questions {
                let of_late = told
                    .iter()
                    .flatten()
                    .filter(|told| question.at.since(**told) < STAYS_AWAY);
                let (count, last) = of_late
                    .fold((0, Timestamp::default()), |(count, last), told| {
                        (count + 1, last.max(*told))
                    });
                let most = count >= 2 && count * 2 > hosts.len();
                if most && question.at.since(last) > UNDER_WAY {
                    let detail = format!(
                        "a host under {name} was asked again {:.1} s after most there had asked to slow down",
                        question.at.since(last).as_secs_f64()
                    );
                    self.counts.complaints += 1;
                    self.find(Complaint::HostComplained, detail);
                    break;
                }
                if question.objection == Some(Line::TooFast) {
                    told[host] = Some(question.at);
                }
            }
        }
    }

    /// Rate and connections of all hosts under one roof.
    fn roof(&mut self, number: usize, site: &Site) {
        let seen: Vec<&Sightings> = site
            .hosts
            .iter()
            .filter_map(|host| self.hosts.get(host))
            .collect();
        let mut questions: Vec<&Question> = seen.iter().flat_map(|seen| &seen.questions).collect();
        questions.sort_by_key(|question| question.at);
        let times: Vec<Timestamp> = questions.iter().map(|question| question.at).collect();
        let (second, ten) = (most_within(&times, 1_000), most_within(&times, 10_000));
        self.counts.most_per_second = self.counts.most_per_second.max(second);
        self.counts.most_per_ten_seconds = self.counts.most_per_ten_seconds.max(ten);
        // A bucket that is full may be emptied at once, and the network brings together what was sent apart: at most a
        // batch in each connection.
        let rate = self.courtesy.recipients_per_second as usize;
        let together = 9 * self.courtesy.connections_per_host as usize;
        let global = self.courtesy.global;
        // Who asks together is one visitor to a small host; a large operator limits each address.
        let visitors: Vec<Vec<IpAddr>> = if self.asks_as_many(site) {
            sources(&seen).into_iter().map(|one| vec![one]).collect()
        } else {
            vec![sources(&seen).into_iter().collect()]
        };
        for visitor in &visitors {
            let of_it = |question: &(IpAddr, Timestamp)| visitor.contains(&question.0);
            let mut times: Vec<Timestamp> = seen
                .iter()
                .flat_map(|seen| seen.questions.iter().map(|q| (client_of(seen, q), q.at)))
                .filter(of_it)
                .map(|(_, at)| at)
                .collect();
            times.sort_unstable();
            let (second, ten) = (most_within(&times, 1_000), most_within(&times, 10_000));
            if rate > 0 && (second > 2 * rate + together || ten > 11 * rate + together) {
                let detail = format!(
                    "{}: {second} recipients in a second, {ten} in ten",
                    site.name
                );
                self.find(Complaint::Rate, detail);
            }
            let most = most_at_once(&seen, |client| visitor.contains(&client));
            self.counts.most_connections = self.counts.most_connections.max(most);
            if most > self.courtesy.connections_per_host as usize {
                let detail = format!("{} (site {number}): {most} connections at once", site.name);
                self.find(Complaint::Connections, detail);
            }
        }
        if let Some(whole) = global.rate.per_second() {
            // Each visitor's bucket may be emptied at once.
            #[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
            let most = 11.0 * whole + (together * visitors.len()) as f64;
            #[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
            if ten as f64 > most {
                let detail = format!("{}: {ten} recipients in ten seconds of all", site.name);
                self.find(Complaint::Rate, detail);
            }
        }
        let at_once = most_at_once(&seen, |_| true);
        if global
            .connections
            .is_some_and(|most| at_once > most as usize)
        {
            let detail = format!("{}: {at_once} connections at once of all", site.name);
            self.find(Complaint::Connections, detail);
        }
    }

    /// Whether a site may be asked from several addresses: it is a large operator, and several machines ask.
    fn asks_as_many(&self, site: &Site) -> bool {
        match self.courtesy.crew {
            Machines::One => false,
            Machines::Many { .. } => site.is_known_by_name(),
        }
    }

    /// Whether machines die and others come for them, so that what was under way is lost, and begun anew by others.
    fn machines_change(&self) -> bool {
        match self.courtesy.crew {
            Machines::One => false,
            Machines::Many { changing, .. } => changing,
        }
    }

    /// One sender, one name: what a greylist knows a client by must not change.
    fn identity(&mut self) {
        for (name, seen) in self.hosts {
            let may_be_several =
                self.machines_change() || self.asks_as_many(self.creation.site_of(name));
            let is_several = seen.names.len() > 1 || seen.sources.len() > 1;
            if seen.senders.len() > 1 || (is_several && !may_be_several) {
                let detail = format!("{name} met {:?} as {:?}", seen.names, seen.senders);
                self.findings
                    .push(Finding::new(Complaint::Identity, detail));
            }
        }
    }

    /// How many were refused at all hosts of a registrable domain: what one of its machines refused may be held against
    /// what another one is asked again.
    fn refused_under(&self, name: &str) -> usize {
        let is_there = |host: &&String| roof(host) == name;
        let questions = self.hosts.keys().filter(is_there);
        let questions = questions.flat_map(|host| &self.hosts[host].questions);
        questions
            .filter(|question| question.outcome == Outcome::RefusedMailbox)
            .count()
    }

    /// For every eight unknown recipients refused under one roof, an accepted address may be asked about once more:
    /// does the host still know its own? And again after the last question, which more than one may turn out to be. And
    /// where its words were a riddle.
    fn may_ask_again(&self, name: &str, on_list: &HashSet<String>) -> usize {
        let refused = self.refused_under(name);
        let hosts = self.hosts.iter().filter(|(host, _)| roof(host) == name);
        let explained: usize = hosts
            .map(|(host, seen)| self.explanation(host, seen, on_list).len())
            .sum();
        refused / 8 + usize::from(refused >= LATE) + explained
    }

    /// The questions put again at a host that explained the words in which it refuses unknown recipients, where those
    /// say nothing.
    fn explanation<'a>(
        &self,
        host: &str,
        seen: &'a Sightings,
        on_list: &HashSet<String>,
    ) -> Vec<&'a Question> {
        if self.creation.site_of(host).speaks_in_riddles() {
            explanation(&seen.questions, on_list)
        } else {
            Vec::new()
        }
    }

    /// How many decoys beyond one for each domain a site may see that accepted so many addresses.
    fn further_decoys(&self, site: &Site, accepted: usize, on_list: &HashSet<String>) -> usize {
        let refused = self.refused_under(site.hosts.first().map_or("", |host| roof(host)));
        let late = usize::from(refused >= LATE);
        // Each machine is held to its own first answers, so each may see one in the end; and again, as above.
        let machines = site.hosts.len().max(1);
        let seen = || {
            let hosts = site.hosts.iter();
            hosts.filter_map(|host| Some((host, self.hosts.get(host)?)))
        };
        let tests: usize = seen()
            .map(|(_, seen)| tests_of_turns(&seen.questions, on_list))
            .sum();
        let explained = seen()
            .flat_map(|(host, seen)| self.explanation(host, seen, on_list))
            .filter(|question| !on_list.contains(&key_of(&question.address)))
            .count();
        // Each that asks finds out by itself whether a host still tells the truth.
        let sources: HashSet<IpAddr> = seen()
            .flat_map(|(_, seen)| &seen.sources)
            .copied()
            .collect();
        let learners = sources.len().max(1);
        (decoys_after_rows(accepted) + machines - 1 + late) * learners + tests + explained
    }

    /// How often each address and each domain was asked about.
    fn questions(&mut self) {
        let on_list = keys_on_list(self.creation);
        let takes_all = self.domains_that_take_all();
        let mut again_under: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
        for site in &self.creation.sites {
            let questions: Vec<&Question> = site
                .hosts
                .iter()
                .filter_map(|host| self.hosts.get(host))
                .flat_map(|seen| &seen.questions)
                .collect();
            let count = |outcome| {
                let alike = questions
                    .iter()
                    .filter(|question| question.outcome == outcome);
                alike.count()
            };
            let mut about: BTreeMap<String, u32> = BTreeMap::new();
            let mut by_domain: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            for question in &questions {
                let key = key_of(&question.address);
                let (subjects, decoys) = by_domain.entry(domain_of(&key).to_owned()).or_default();
                if on_list.contains(&key) {
                    *subjects += 1;
                } else {
                    *decoys += 1;
                    self.counts.decoys += 1;
                }
                *about.entry(key).or_default() += 1;
            }
            let most_about_one = about.values().copied().max().unwrap_or(0);
            self.counts.most_about_one = self.counts.most_about_one.max(most_about_one);
            // What one of its machines refuses for our sake is a question for the others.
            let machines = u32::try_from(site.hosts.len().max(1)).unwrap_or(u32::MAX);
            let bound = match (site.is_steady(), site.prospect) {
                (true, Prospect::Silent(_) | Prospect::NoMail) => machines,
                (true, Prospect::Mailboxes | Prospect::TakesAll(_)) => 1,
                (false, _) => TRIES,
            };
            // What was under way when a machine died is asked again by another.
            let sources = || site.hosts.iter().filter_map(|host| self.hosts.get(host));
            let sources: HashSet<&IpAddr> = sources().flat_map(|seen| &seen.sources).collect();
            let bound = if self.machines_change() {
                bound * u32::try_from(sources.len().max(1)).unwrap_or(u32::MAX)
            } else {
                bound
            };
            let again: u32 = about
                .values()
                .map(|count| count.saturating_sub(bound))
                .sum();
            let mut needless = Vec::new();
            if let Some((key, count)) = about.iter().find(|(_, count)| **count > bound) {
                let roof = site.hosts.first().map_or("", |host| roof(host));
                let (all, examples) = again_under.entry(roof).or_default();
                *all += again as usize;
                examples.push(format!("{count} times about {key} at {}", site.name));
            }
            let steady = site.is_steady();
            let further: u32 = by_domain
                .values()
                .map(|(_, decoys)| decoys.saturating_sub(1))
                .sum();
            let allowed = self.further_decoys(site, count(Outcome::Accepted), &on_list);
            if steady && further as usize > allowed {
                needless.push(format!(
                    "{further} decoys beyond one for each domain, {allowed} at most"
                ));
            }
            for (domain, (subjects, decoys)) in by_domain {
                if steady && takes_all.contains(&domain) && subjects + decoys > 3 + EXCEPTIONS {
                    needless.push(format!(
                        "{} questions at {domain}, which takes everything",
                        subjects + decoys
                    ));
                }
            }
            for detail in needless {
                let detail = match site.persona {
                    Some(persona) => format!("{} ({persona:?}): {detail}", site.name),
                    None => format!("{}: {detail}", site.name),
                };
                self.findings
                    .push(Finding::new(Complaint::NeedlessQuestion, detail));
            }
        }
        for (roof, (again, examples)) in again_under {
            let most = self.may_ask_again(roof, &on_list);
            if again > most {
                let detail = format!(
                    "{roof}: {again} questions put again, {most} at most: {}",
                    examples.join(", ")
                );
                self.findings
                    .push(Finding::new(Complaint::NeedlessQuestion, detail));
            }
        }
    }

    fn domains_that_take_all(&self) -> HashSet<String> {
        let rows = self.creation.rows.iter();
        rows.filter(|row| {
            // Even a host that takes everything takes nothing for a domain that it does not know.
            let is_served = row.nature != Some(Nature::Unserved);
            row.nature == Some(Nature::CatchAll)
                || (is_served
                    && row.site.is_some_and(|site| {
                        matches!(self.creation.sites[site].prospect, Prospect::TakesAll(_))
                    }))
        })
        .filter_map(|row| row.address.as_deref())
        .map(|address| domain_of(&key_of(address)).to_owned())
        .collect()
    }

    /// One question of a kind for each name; two where the first brought nothing, and another where DNS was out for a
    /// while. A run that reads the list anew looks up anew what was not handed out yet, so that is for each reading.
    fn look_ups(&mut self, log: &ServerLog, readings: u64) {
        let troubled: HashSet<String> = self
            .creation
            .rows
            .iter()
            .filter(|row| {
                matches!(
                    row.nature,
                    Some(Nature::NamesBroken(_) | Nature::NamesRecover)
                )
            })
            .filter_map(|row| row.address.as_deref())
            .map(|address| domain_of(&key_of(address)).to_owned())
            .collect();
        let lost = u64::from(self.creation.internet.dns_outage().is_some());
        for ((name, kind), count) in log.dns() {
            let once = lost + if troubled.contains(&name) { 2 } else { 1 };
            let bound = once * readings;
            let is_about_mail = matches!(kind, RecordKind::Mx | RecordKind::A | RecordKind::Aaaa);
            if count > bound || !is_about_mail {
                let detail = format!("{count} questions for {kind:?} of {name}");
                self.find(Complaint::NeedlessLookUp, detail);
            }
        }
    }
}

/// From where a question came.
fn client_of(seen: &Sightings, question: &Question) -> IpAddr {
    seen.stays[question.connection as usize - 1].client
}

/// From where clients came to some hosts.
fn sources(hosts: &[&Sightings]) -> BTreeSet<IpAddr> {
    hosts
        .iter()
        .flat_map(|seen| &seen.sources)
        .copied()
        .collect()
}

/// How many decoys beyond one for each domain a host may be asked about that has accepted so many: one after every row
/// of acceptances, each row twice as long as the last up to a bound, one in the end.
fn decoys_after_rows(accepted: usize) -> usize {
    let longest = ACCEPTED_PER_DECOY * 16;
    let (mut row, mut left, mut decoys) = (ACCEPTED_PER_DECOY, accepted, 1);
    while left >= row {
        left -= row;
        decoys += 1;
        row = (row * 2).min(longest);
    }
    decoys
}

/// How many decoys beyond the first of their domain showed whether a host's connection accepted every recipient by then:
/// it had refused some, accepted an address since, and no connection before had refused a recipient after as many. Each
/// is refused after more refusals than the last, so they are few.
fn tests_of_turns(questions: &[Question], on_list: &HashSet<String>) -> usize {
    let mut connections: HashMap<u32, (u32, bool)> = HashMap::new();
    let mut domains: HashSet<String> = HashSet::new();
    let (mut steady, mut tests) = (0, 0);
    for question in questions {
        let key = key_of(&question.address);
        let (refused, accepted_since) = connections.entry(question.connection).or_default();
        let is_further = !on_list.contains(&key) && !domains.insert(domain_of(&key).to_owned());
        let may_have_turned = *refused >= BEFORE_A_TURN && *refused > steady;
        tests += usize::from(is_further && may_have_turned && *accepted_since);
        match question.outcome {
            Outcome::Accepted => *accepted_since = true,
            Outcome::RefusedMailbox if question.code >= 500 => {
                steady = steady.max(*refused);
                (*refused, *accepted_since) = (*refused + 1, false);
            }
            Outcome::RefusedMailbox | Outcome::RefusedOtherwise => *refused += 1,
        }
    }
    tests
}

/// The questions put again that explained the words in which a host refuses unknown recipients. Words that say nothing
/// leave open whom they blame until a decoy is refused beside an accepted address of its domain, in one transaction,
/// for only then client and sender are the same. A client that has met such words cannot know that before the first
/// decoy; so where one had been refused apart from any acceptance, and none yet beside one, the transaction that first
/// brings the two together may name both once more; the transaction in which a decoy was refused before any acceptance
/// there, an address beside it.
fn explanation<'a>(questions: &'a [Question], on_list: &HashSet<String>) -> Vec<&'a Question> {
    let mut transactions: Vec<(u32, u32)> = Vec::new();
    for question in questions {
        let transaction = (question.connection, question.transaction);
        if !transactions.contains(&transaction) {
            transactions.push(transaction);
        }
    }
    let mut is_puzzled = false;
    for transaction in transactions {
        let own = |question: &&Question| (question.connection, question.transaction) == transaction;
        let is_listed = |question: &Question| on_list.contains(&key_of(&question.address));
        let accepts =
            |question: &Question| question.outcome == Outcome::Accepted && is_listed(question);
        let refuses = |question: &Question| {
            question.outcome == Outcome::RefusedMailbox && !is_listed(question)
        };
        let here = || questions.iter().filter(own);
        let (refused, accepted) = (here().position(refuses), here().position(accepts));
        match (refused, accepted) {
            (Some(refused), Some(accepted)) if is_puzzled || refused < accepted => {
                let is_put_again = |question: &&Question| {
                    let key = key_of(&question.address);
                    let mut before = questions
                        .iter()
                        .take_while(|other| !std::ptr::eq(*other, *question));
                    before.any(|other| key_of(&other.address) == key)
                };
                let put_again = |is_one: fn(bool) -> bool| {
                    let mut again = here().filter(is_put_again);
                    again.find(|question| is_one(is_listed(question)))
                };
                let decoy = put_again(|listed| !listed).filter(|_| is_puzzled);
                let both = [put_again(|listed| listed), decoy];
                return both.into_iter().flatten().collect();
            }
            (Some(_), Some(_)) => return Vec::new(),
            (Some(_), None) => is_puzzled = true,
            (None, _) => {}
        }
    }
    Vec::new()
}

/// For how long a host with these connections and answers, both in order, had been tried in vain when it was tried once more;
/// `None` where that was never too long.
fn tried_for(stays: &[Stay], words: impl Iterator<Item = Timestamp>) -> Option<Duration> {
    let mut words = words.peekable();
    let mut in_vain: Option<Timestamp> = None;
    for stay in stays {
        while words.next_if(|word| *word < stay.from).is_some() {
            in_vain = None;
        }
        let time = stay.from.since(*in_vain.get_or_insert(stay.from));
        if time > FRUITLESS_TIME {
            return Some(time);
        }
    }
    None
}

/// Most moments within any span of `millis` milliseconds; they must be in order.
fn most_within(times: &[Timestamp], millis: u64) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while time.as_millis() - times[first].as_millis() >= millis {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

/// Most connections open at once over some hosts. One that ends as another begins leaves room for it.
fn most_at_once(hosts: &[&Sightings], counts: impl Fn(IpAddr) -> bool) -> usize {
    let mut changes: Vec<(Timestamp, isize)> = Vec::new();
    let stays = hosts.iter().flat_map(|seen| &seen.stays);
    for stay in stays.filter(|stay| counts(stay.client)) {
        changes.push((stay.from, 1));
        if let Some(until) = stay.until {
            changes.push((until, -1));
        }
    }
    changes.sort_unstable();
    let mut open = 0;
    let mut most = 0;
    for (_, change) in changes {
        open += change;
        most = most.max(open);
    }
    most.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn moments_are_counted_within_any_span() {
        let times = [0, 500, 900, 1000, 1400, 5000].map(Timestamp::from_millis);
        assert_eq!(most_within(&times, 1000), 4);
        assert_eq!(most_within(&[], 1000), 0);
    }

    #[test]
    fn a_host_is_tried_in_vain_from_the_first_connection_that_brought_nothing() {
        let at = |seconds| Timestamp::from_millis(seconds * 1000);
        let tried = |from: &[u64], words: &[u64]| {
            let stay = |&from| Stay {
                client: Ipv4Addr::LOCALHOST.into(),
                from: at(from),
                until: None,
            };
            let stays: Vec<Stay> = from.iter().map(stay).collect();
            let time = tried_for(&stays, words.iter().map(|&word| at(word)));
            time.map(|time| time.as_secs())
        };
        assert_eq!(tried(&[0, 60, 1201], &[]), Some(1201));
        assert_eq!(tried(&[0, 60, 1200], &[]), None);
        assert_eq!(tried(&[0, 1500], &[]), Some(1500), "once is enough");
        assert_eq!(tried(&[0, 60, 1500], &[70]), None, "it has answered");
        assert_eq!(tried(&[0, 60, 1500, 3000], &[70]), Some(1500));
    }

    #[test]
    fn decoys_after_rows_are_few_however_many_are_accepted() {
        let counts = [0, 19, 20, 60, 1000, 10_000].map(decoys_after_rows);
        assert_eq!(counts, [1, 1, 2, 3, 7, 35]);
    }

    #[test]
    fn a_decoy_tests_a_turn_after_more_refusals_than_any_before() {
        let question = |connection: u32, address: &str, code: u16| Question {
            at: Timestamp::default(),
            address: address.to_owned(),
            connection,
            transaction: 1,
            code,
            outcome: match code {
                250 => Outcome::Accepted,
                _ => Outcome::RefusedMailbox,
            },
            objection: None,
        };
        let on_list = HashSet::from(["a@d.test", "x@d.test"].map(str::to_owned));
        let refuses = |connection, count| {
            let refused = move |_| question(connection, "x@d.test", 550);
            (0..count).map(refused).collect::<Vec<_>>()
        };
        let decoy = |connection| question(connection, "decoy@d.test", 550);
        let accepts = |connection| question(connection, "a@d.test", 250);
        let first = [accepts(1), decoy(1)].to_vec();
        let turns = |more: &[Vec<Question>]| {
            let all = [vec![first.clone()], more.to_vec()].concat().concat();
            tests_of_turns(&all, &on_list)
        };
        let tested = |connection, refused| {
            let end = vec![accepts(connection), decoy(connection)];
            [refuses(connection, refused), end].concat()
        };
        assert_eq!(turns(&[]), 0, "the first of its domain");
        assert_eq!(turns(&[tested(2, 2)]), 0, "too few were refused");
        assert_eq!(turns(&[tested(2, 3)]), 1);
        assert_eq!(turns(&[tested(2, 3), tested(3, 3)]), 1, "that was known");
        assert_eq!(turns(&[tested(2, 3), tested(3, 4)]), 2);
        let nobody = [refuses(2, 3), vec![decoy(2)]].concat();
        assert_eq!(turns(&[nobody]), 0, "nothing rests on it");
    }

    #[test]
    fn words_that_say_nothing_are_explained_once_by_two_questions() {
        let on_list = HashSet::from(["a@d.test", "b@d.test"].map(str::to_owned));
        let transaction = |transaction: u32, answers: &[(&str, u16)]| -> Vec<Question> {
            let asked = answers.iter().map(|(local, code)| Question {
                at: Timestamp::default(),
                address: format!("{local}@d.test"),
                connection: 1,
                transaction,
                code: *code,
                outcome: match code {
                    250 => Outcome::Accepted,
                    _ => Outcome::RefusedMailbox,
                },
                objection: None,
            });
            asked.collect()
        };
        let again = |transactions: &[&[(&str, u16)]]| {
            let numbered = transactions.iter().zip(1..);
            let all = numbered.flat_map(|(answers, number)| transaction(number, answers));
            explanation(&all.collect::<Vec<_>>(), &on_list).len()
        };
        let (a, b) = (("a", 250), ("b", 250));
        let decoy = ("decoy", 554);
        assert_eq!(again(&[&[a], &[decoy]]), 0);
        assert_eq!(again(&[&[a], &[decoy], &[a, decoy]]), 2);
        assert_eq!(again(&[&[a], &[decoy], &[b, decoy]]), 1, "one of them anew");
        assert_eq!(again(&[&[a], &[decoy], &[a, decoy, a, decoy]]), 2);
        assert_eq!(again(&[&[a, decoy], &[a, decoy]]), 0, "it was no riddle");
        assert_eq!(again(&[&[a], &[a, decoy]]), 0, "nobody knew it for one");
        assert_eq!(again(&[&[a], &[decoy, a]]), 1, "the decoy stands there");
        assert_eq!(again(&[&[a], &[decoy, decoy, a]]), 1, "once is enough");
        assert_eq!(
            again(&[&[a], &[decoy], &[decoy]]),
            0,
            "nothing is explained"
        );
    }

    #[test]
    fn connections_of_all_hosts_under_a_roof_count_together() {
        let stay = |from, until| Stay {
            client: Ipv4Addr::LOCALHOST.into(),
            from: Timestamp::from_millis(from),
            until: Some(Timestamp::from_millis(until)),
        };
        let host = |stays: &[Stay]| Sightings {
            stays: stays.to_vec(),
            ..Sightings::default()
        };
        let (one, two) = (host(&[stay(0, 10), stay(10, 20)]), host(&[stay(5, 15)]));
        assert_eq!(most_at_once(&[&one], |_| true), 1);
        assert_eq!(most_at_once(&[&one, &two], |_| true), 2);
    }
}
