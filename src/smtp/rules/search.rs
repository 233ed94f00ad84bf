//! Finds all phrases of all rules in one pass over a reply's words.
//!
//! The automaton that does so takes longer to make than a handful of replies takes to be read without it, and many a
//! program reads no more: the first replies are searched part by part.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, BuildError};
use memchr::memmem;

use super::normalize;
use crate::model::limits;

/// A phrase of a rule, made of parts that [`Search`] looks for.
///
/// As written: `user unknown` stands for these words side by side, `greylist*` for any word that begins so, and
/// `user .. unknown` for both words in this order with at most [`limits::PHRASE_GAP`] others between.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    /// As its rule writes it.
    pub(super) written: String,
    parts: Vec<usize>,
}

/// Phrases of which a rule wants one.
#[derive(Clone, Debug)]
pub(super) struct AnyOf {
    phrases: Vec<Phrase>,
    number: usize,
}

impl AnyOf {
    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.phrases.is_empty()
    }
}

/// Gathers the phrases of all rules before they are compiled.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    ids: HashMap<String, usize, foldhash::fast::RandomState>,
    all: Vec<String>,
    /// For each part, the lists with a phrase that begins with it.
    lists: Vec<Vec<usize>>,
    count_of_lists: usize,
}

impl Phrases {
    /// Takes in a phrase; `None` when there is no word in one of its parts.
    pub(super) fn add(&mut self, written: &str) -> Option<Phrase> {
        let parts: Option<Vec<usize>> = written
            .split(" .. ")
            .map(|part| self.add_part(part))
            .collect();
        Some(Phrase {
            written: written.to_owned(),
            parts: parts?,
        })
    }

    /// Makes a list of phrases.
    pub(super) fn any_of(&mut self, phrases: Vec<Phrase>) -> AnyOf {
        let number = self.count_of_lists;
        self.count_of_lists += 1;
        for phrase in &phrases {
            let lists = &mut self.lists[phrase.parts[0]];
            if lists.last() != Some(&number) {
                lists.push(number);
            }
        }
        AnyOf { phrases, number }
    }

    fn add_part(&mut self, part: &str) -> Option<usize> {
        let part = part.trim();
        let (part, open_start) = match part.strip_prefix('*') {
            Some(rest) => (rest, true),
            None => (part, false),
        };
        let (part, open_end) = match part.strip_suffix('*') {
            Some(rest) => (rest, true),
            None => (part, false),
        };
        let words = normalize::of_phrase(part);
        let (first, last) = (words.chars().next()?, words.chars().next_back()?);
        let mut pattern = String::with_capacity(words.len() + 2);
        if !open_start && !normalize::is_ideograph(first) {
            pattern.push(' ');
        }
        pattern.push_str(&words);
        if !open_end && !normalize::is_ideograph(last) {
            pattern.push(' ');
        }
        let next = self.all.len();
        let id = *self.ids.entry(pattern.clone()).or_insert(next);
        if id == next {
            self.all.push(pattern);
            self.lists.push(Vec::new());
        }
        Some(id)
    }

    /// Makes them searchable.
    ///
    /// # Errors
    ///
    /// When there are more than the automaton can hold, far beyond any file that a person would write.
    pub(super) fn compile(self) -> Result<Search, BuildError> {
        let automaton = OnceLock::new();
        let bytes: usize = self.all.iter().map(String::len).sum();
        if bytes > limits::PHRASE_BYTES_CERTAIN {
            // So many may be too many, which has to be told now.
            let _ = automaton.set(AhoCorasick::new(&self.all)?);
        }
        Ok(Search {
            automaton,
            searches: AtomicUsize::new(0),
            parts: self.all,
            lists: self.lists,
            count_of_lists: self.count_of_lists,
        })
    }
}

/// All parts of all phrases, compiled.
#[derive(Debug)]
pub(super) struct Search {
    /// Made once enough replies have been searched for it to pay.
    automaton: OnceLock<AhoCorasick>,
    searches: AtomicUsize,
    parts: Vec<String>,
    lists: Vec<Vec<usize>>,
    count_of_lists: usize,
}

/// Where a part stands, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    part: usize,
    start: usize,
    end: usize,
}

impl Search {
    /// Every part that stands in `text`, which is the text of [`normalize::Words`].
    pub(super) fn find<'t>(&self, text: &'t str) -> Found<'t> {
        let mut there = vec![false; self.lists.len()];
        let mut worth_a_look = vec![false; self.count_of_lists];
        let few = self.searches.fetch_add(1, Ordering::Relaxed) < limits::SEARCHES_BY_PART;
        let hits = if few && self.automaton.get().is_none() {
            self.hits_by_part(text)
        } else {
            self.hits_by_automaton(text)
        };
        for hit in &hits {
            if !there[hit.part] {
                there[hit.part] = true;
                for &list in &self.lists[hit.part] {
                    worth_a_look[list] = true;
                }
            }
        }
        Found {
            text,
            there,
            worth_a_look,
            hits,
        }
    }
}

impl Search {
    /// Every hit, overlapping ones too, in one pass.
    fn hits_by_automaton(&self, text: &str) -> Vec<Hit> {
        let automaton = self.automaton.get_or_init(|| {
            AhoCorasick::new(&self.parts).expect("parts of so few bytes fit any automaton")
        });
        let hits = automaton.find_overlapping_iter(text);
        hits.map(|hit| Hit {
            part: hit.pattern().as_usize(),
            start: hit.start(),
            end: hit.end(),
        })
        .collect()
    }

    /// The same, looking for one part after the other.
    fn hits_by_part(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (part, words) in self.parts.iter().enumerate() {
            let mut from = 0;
            while let Some(at) = memmem::find(&text.as_bytes()[from..], words.as_bytes()) {
                let start = from + at;
                hits.push(Hit {
                    part,
                    start,
                    end: start + words.len(),
                });
                from = start + 1;
            }
        }
        hits
    }
}

/// What was found in one reply.
#[derive(Debug)]
pub(super) struct Found<'t> {
    text: &'t str,
    there: Vec<bool>,
    /// The lists of which some phrase has begun; all others are passed over.
    worth_a_look: Vec<bool>,
    hits: Vec<Hit>,
}

impl Found<'_> {
    /// The first phrase of a list that stands in the reply.
    pub(super) fn first<'p>(&self, list: &'p AnyOf) -> Option<&'p Phrase> {
        self.worth_a_look[list.number]
            .then(|| list.phrases.iter().find(|phrase| self.has(phrase)))
            .flatten()
    }

    /// Whether a phrase stands in the reply.
    fn has(&self, phrase: &Phrase) -> bool {
        let all = phrase.parts.iter().all(|&part| self.there[part]);
        match phrase.parts.as_slice() {
            [first, rest @ ..] if all && !rest.is_empty() => self
                .hits_of(*first)
                .any(|hit| self.goes_on(self.last_letter(hit), rest)),
            _ => all,
        }
    }

    /// Whether `parts` follow, each within reach of the one before, which ended with the letter at byte `after`.
    fn goes_on(&self, after: usize, parts: &[usize]) -> bool {
        let [part, rest @ ..] = parts else {
            return true;
        };
        self.hits_of(*part).any(|hit| {
            let begin = self.first_letter(hit);
            begin > after
                && self.words_between(after, begin) <= limits::PHRASE_GAP
                && self.goes_on(self.last_letter(hit), rest)
        })
    }

    fn hits_of(&self, part: usize) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| hit.part == part)
    }

    /// Where the words of a hit begin: some patterns have the space before them.
    fn first_letter(&self, hit: &Hit) -> usize {
        hit.start + usize::from(self.text.as_bytes()[hit.start] == b' ')
    }

    /// Where the words of a hit end: some patterns have the space behind them.
    fn last_letter(&self, hit: &Hit) -> usize {
        let last = hit.end - 1;
        last - usize::from(self.text.as_bytes()[last] == b' ')
    }

    /// How many whole words stand between the letters at two bytes.
    fn words_between(&self, end: usize, begin: usize) -> usize {
        let spaces = memchr::memchr_iter(b' ', &self.text.as_bytes()[end..begin]).count();
        spaces.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stands(phrase: &str, text: &str) -> bool {
        let mut phrases = Phrases::default();
        let phrase = phrases.add(phrase).unwrap();
        let list = phrases.any_of(vec![phrase]);
        let search = phrases.compile().unwrap();
        let text = format!(" {} ", normalize::of_phrase(text));
        search.find(&text).first(&list).is_some()
    }

    #[test]
    fn phrases_match_whole_words_in_order() {
        let table = [
            ("user unknown", "the USER: unknown.", true),
            ("user unknown", "superuser unknown", false),
            ("user unknown", "user unknownish", false),
            ("user unknown", "unknown user", false),
            ("greylist*", "greylisting in action", true),
            ("greylist*", "not a greyhound", false),
            ("*postfach", "das Hauptpostfach", true),
            ("user .. unknown", "user unknown", true),
            ("user .. unknown", "user a b c d unknown", true),
            ("user .. unknown", "user a b c d e unknown", false),
            ("user .. unknown", "unknown user", false),
            (
                "user .. is .. unknown",
                "user so and so is quite unknown",
                true,
            ),
            ("user .. unknown", "user x x x x x x user y unknown", true),
            ("mail* .. full", "mailbox is full", true),
            ("不存在", "用户不存在", true),
            ("用户 .. 不存在", "用户 ann 不存在", true),
            ("n'existe pas", "Il n\u{2019}existe pas", true),
        ];
        for (phrase, text, expected) in table {
            assert_eq!(stands(phrase, text), expected, "{phrase} in {text}");
        }
    }

    proptest! {
        #[test]
        fn part_by_part_finds_what_the_automaton_finds(
            parts in prop::collection::vec("[ab ]{1,4}|[ab]{1,3}\\*|\u{7528}[ab]?", 1..12),
            text in "[ab\u{7528} ]{0,40}",
        ) {
            let mut phrases = Phrases::default();
            let found: Vec<Phrase> = parts.iter().filter_map(|part| phrases.add(part)).collect();
            phrases.any_of(found);
            let search = phrases.compile().unwrap();
            let text = format!(" {} ", normalize::of_phrase(&text));
            let mut fast = search.hits_by_automaton(&text);
            let mut plain = search.hits_by_part(&text);
            fast.sort_unstable();
            plain.sort_unstable();
            prop_assert_eq!(fast, plain);
        }
    }

    #[test]
    fn a_phrase_without_a_word_is_none() {
        let mut phrases = Phrases::default();
        assert!(phrases.add(" .. ").is_none());
        assert!(phrases.add("*").is_none());
        assert!(phrases.add("--").is_none());
    }
}
