//! What goes wrong with JetStream, in the engine's words.

use crate::engine::EngineError;

use super::code;

/// Why JetStream did not do as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not answer.
    Silent(String),
    /// Nobody there answers to such questions: the stream is not there, or its servers choose a leader.
    Nobody,
    /// It says no.
    Said {
        /// The kind of answer, as in HTTP.
        status: u32,
        /// Which error it is.
        code: u32,
        /// In its words.
        words: String,
    },
    /// It takes no message as large as this; at most so many bytes.
    TooLarge(usize),
    /// It answers what cannot be read.
    Garbled(String),
}

/// There is no room: no store left for the account, the stream or the server, or the disk is full.
const NO_ROOM: [u32; 5] = [10_002, 10_023, 10_028, 10_047, 10_077];

/// JetStream is not switched on, or not for this account.
const NO_JETSTREAM: [u32; 3] = [10_035, 10_039, 10_076];

/// Not to be had as it was asked for: a stream whose messages vanish before doubles are forgotten.
const NOT_SO: u32 = 10_052;

/// More than one copy without a cluster.
const NO_CLUSTER: u32 = 10_074;

/// Servers that have no leader, or not enough of each other, at the moment.
const NO_LEADER: [u32; 5] = [10_003, 10_004, 10_005, 10_008, 10_009];

impl Fault {
    /// Whether it is the error of that code.
    pub(super) fn has(&self, wanted: u32) -> bool {
        match self {
            Fault::Said { code, .. } => *code == wanted,
            Fault::Silent(_) | Fault::Nobody | Fault::TooLarge(_) | Fault::Garbled(_) => false,
        }
    }

    /// Whether it says that a message to be deleted is not there any more.
    pub(super) fn is_of_a_message_that_is_gone(&self) -> bool {
        match self {
            Fault::Said {
                code: code::NO_SUCH_SEQUENCE | code::NO_SUCH_MESSAGE,
                ..
            } => true,
            // The store's own words: its last one was taken out, or one before that.
            Fault::Said {
                code: code::NOT_DELETED,
                words,
                ..
            } => ["no message found", "deleted message"].contains(&words.as_str()),
            Fault::Said { .. }
            | Fault::Silent(_)
            | Fault::Nobody
            | Fault::TooLarge(_)
            | Fault::Garbled(_) => false,
        }
    }

    /// The same for those who know engines, not JetStream. `about` is what it is about.
    pub(super) fn told(self, about: &str) -> EngineError {
        match self {
            Fault::Silent(words) => EngineError::NoConnection(words),
            Fault::Nobody => {
                EngineError::NoConnection(format!("nobody answers for {about} at the moment"))
            }
            Fault::TooLarge(most) => EngineError::Incompatible(format!(
                "it takes messages of at most {most} bytes (max_payload), and one for {about} is larger; raise that limit there"
            )),
            Fault::Garbled(words) => {
                EngineError::Incompatible(format!("it answers what cannot be read: {words}"))
            }
            Fault::Said {
                status,
                code,
                words,
            } => of_words(status, code, &words, about),
        }
    }
}

fn of_words(status: u32, code: u32, words: &str, about: &str) -> EngineError {
    let said = format!("{about}: {words}");
    if NO_ROOM.contains(&code) {
        return EngineError::Full(said);
    }
    if NO_JETSTREAM.contains(&code) {
        return EngineError::Incompatible(format!(
            "{words}; JetStream must be switched on, as `nats-server -js` does"
        ));
    }
    if NO_LEADER.contains(&code) {
        return EngineError::NoConnection(said);
    }
    match code {
        code::NO_SUCH_STREAM => EngineError::Gone(said),
        NOT_SO => EngineError::Incompatible(said),
        NO_CLUSTER => EngineError::Incompatible(format!(
            "{said}; say --engine-copies 1, or have several servers there form a cluster"
        )),
        code::OTHER_CONFIGURATION => EngineError::Incompatible(format!(
            "{said}; take another --engine-prefix, or delete it"
        )),
        _ if status >= 500 => EngineError::NoConnection(said),
        _ => EngineError::Incompatible(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_told_apart() {
        let said = |status, code| {
            let fault = Fault::Said {
                status,
                code,
                words: "words".to_owned(),
            };
            fault.told("presend-orders")
        };
        assert!(matches!(said(503, 10_077), EngineError::Full(_)));
        assert!(matches!(said(404, 10_059), EngineError::Gone(_)));
        assert!(matches!(said(500, 10_074), EngineError::Incompatible(_)));
        assert!(matches!(said(503, 10_039), EngineError::Incompatible(_)));
        assert!(matches!(said(400, 10_058), EngineError::Incompatible(_)));
        assert!(matches!(said(503, 10_008), EngineError::NoConnection(_)));
        assert!(matches!(said(500, 1), EngineError::NoConnection(_)));
        assert!(matches!(said(400, 1), EngineError::Incompatible(_)));
        assert!(Fault::Nobody.told("x").is_passing());
    }

    #[test]
    fn every_error_says_what_to_change() {
        let said = |status, code, words: &str| Fault::Said {
            status,
            code,
            words: words.to_owned(),
        };
        let every = [
            Fault::Silent("deadline has elapsed".to_owned()),
            Fault::Nobody,
            Fault::TooLarge(1_048_576),
            Fault::Garbled("expected value at line 1 column 1".to_owned()),
            said(503, 10_077, "maximum messages exceeded"),
            said(503, 10_039, "jetstream not enabled for account"),
            said(503, 10_008, "jetstream system temporarily unavailable"),
            said(
                500,
                10_074,
                "replicas > 1 not supported in non-clustered mode",
            ),
            said(404, code::NO_SUCH_STREAM, "stream not found"),
            said(400, code::OTHER_CONFIGURATION, "stream name already in use"),
            said(500, 1, "internal error"),
            said(400, 1, "bad request"),
        ];
        for fault in &every {
            match fault {
                Fault::Silent(_)
                | Fault::Nobody
                | Fault::TooLarge(_)
                | Fault::Garbled(_)
                | Fault::Said { .. } => {}
            }
        }
        let told = every.map(|fault| fault.told("presend-orders").to_string());
        insta::assert_snapshot!(told.join("\n"), @r"
        the engine does not answer: deadline has elapsed; see whether it runs there, and whether this machine may connect to it
        the engine does not answer: nobody answers for presend-orders at the moment; see whether it runs there, and whether this machine may connect to it
        the engine cannot do what is needed: it takes messages of at most 1048576 bytes (max_payload), and one for presend-orders is larger; raise that limit there
        the engine cannot do what is needed: it answers what cannot be read: expected value at line 1 column 1
        the engine has no room left: presend-orders: maximum messages exceeded; give its store more, or wait until workers and lists have caught up
        the engine cannot do what is needed: jetstream not enabled for account; JetStream must be switched on, as `nats-server -js` does
        the engine does not answer: presend-orders: jetstream system temporarily unavailable; see whether it runs there, and whether this machine may connect to it
        the engine cannot do what is needed: presend-orders: replicas > 1 not supported in non-clustered mode; say --engine-copies 1, or have several servers there form a cluster
        the engine has lost what it kept messages in: presend-orders: stream not found; run the same command again, which sets it up anew
        the engine cannot do what is needed: presend-orders: stream name already in use; take another --engine-prefix, or delete it
        the engine does not answer: presend-orders: internal error; see whether it runs there, and whether this machine may connect to it
        the engine cannot do what is needed: presend-orders: bad request
        ");
    }
}
