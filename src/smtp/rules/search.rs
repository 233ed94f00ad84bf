//! Finds all phrases of all rules in one pass over a reply's words.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError, Match};

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
    ids: HashMap<String, usize>,
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
        Ok(Search {
            automaton: AhoCorasick::new(&self.all)?,
            lists: self.lists,
            count_of_lists: self.count_of_lists,
        })
    }
}

/// All parts of all phrases, compiled.
#[derive(Debug)]
pub(super) struct Search {
    automaton: AhoCorasick,
    lists: Vec<Vec<usize>>,
    count_of_lists: usize,
}

impl Search {
    /// Every part that stands in `text`, which is the text of [`normalize::Words`].
    pub(super) fn find<'t>(&self, text: &'t str) -> Found<'t> {
        let mut there = vec![false; self.lists.len()];
        let mut worth_a_look = vec![false; self.count_of_lists];
        let mut hits = Vec::new();
        for hit in self.automaton.find_overlapping_iter(text) {
            let part = hit.pattern().as_usize();
            hits.push(hit);
            if !there[part] {
                there[part] = true;
                for &list in &self.lists[part] {
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

/// What was found in one reply.
#[derive(Debug)]
pub(super) struct Found<'t> {
    text: &'t str,
    there: Vec<bool>,
    /// The lists of which some phrase has begun; all others are passed over.
    worth_a_look: Vec<bool>,
    hits: Vec<Match>,
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

    fn hits_of(&self, part: usize) -> impl Iterator<Item = &Match> {
        self.hits
            .iter()
            .filter(move |hit| hit.pattern().as_usize() == part)
    }

    /// Where the words of a hit begin: some patterns have the space before them.
    fn first_letter(&self, hit: &Match) -> usize {
        hit.start() + usize::from(self.text.as_bytes()[hit.start()] == b' ')
    }

    /// Where the words of a hit end: some patterns have the space behind them.
    fn last_letter(&self, hit: &Match) -> usize {
        let last = hit.end() - 1;
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

    #[test]
    fn a_phrase_without_a_word_is_none() {
        let mut phrases = Phrases::default();
        assert!(phrases.add(" .. ").is_none());
        assert!(phrases.add("*").is_none());
        assert!(phrases.add("--").is_none());
    }
}
