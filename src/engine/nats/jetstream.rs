//! The few requests of JetStream's wire API that the engine makes, each with an answer or a fault.
//!
//! Spoken over the core client: so every fault comes back as what the server said, servers from 2.9 on are spoken to in
//! one way, and no message's text goes through any log. The API is described in the NATS documentation, "JetStream wire
//! API Reference"; subjects of acknowledgements in ADR-15.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::header::{HeaderMap, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID};
use async_nats::{Client, Request, RequestErrorKind, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::code;
use super::fault::Fault;
use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// How a stream is kept, of what its configuration may say.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) subjects: Vec<String>,
    /// `workqueue` or `limits`.
    pub(super) retention: &'static str,
    /// What is full takes nothing more: nothing that was kept makes room.
    pub(super) discard: &'static str,
    pub(super) storage: &'static str,
    pub(super) num_replicas: usize,
    #[serde(with = "nanos")]
    pub(super) max_age: Duration,
    #[serde(with = "nanos")]
    pub(super) duplicate_window: Duration,
    /// How many messages of one subject are kept, the latest; -1 for all.
    pub(super) max_msgs_per_subject: i64,
}

mod nanos {
    use std::time::Duration;

    use serde::Serializer;

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(super::nanos_of(*duration))
    }
}

/// A time as the API writes it.
fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What is known of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    /// When it was set up.
    #[serde(default)]
    pub(super) created: String,
    pub(super) config: StreamConfig,
    pub(super) state: StreamState,
    pub(super) cluster: Option<Cluster>,
}

/// What a stream says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct StreamConfig {
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) num_replicas: usize,
}

/// What a stream holds.
#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) last_seq: u64,
    /// When the oldest message came; nobody's time where there is none.
    #[serde(default)]
    first_ts: String,
}

impl StreamState {
    /// When the oldest message came.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let there = (self.messages > 0).then(|| self.first_ts.parse().ok());
        there.flatten()
    }
}

/// Which servers keep a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Cluster {
    pub(super) leader: Option<String>,
    #[serde(default)]
    pub(super) replicas: Vec<Replica>,
}

/// A server that keeps a copy.
#[derive(Debug, Deserialize)]
pub(super) struct Replica {
    pub(super) name: String,
    #[serde(default)]
    pub(super) current: bool,
    #[serde(default)]
    pub(super) offline: bool,
}

/// How far a consumer is.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerInfo {
    pub(super) name: String,
    pub(super) ack_floor: Floor,
}

/// Up to where all is acknowledged.
#[derive(Debug, Deserialize)]
pub(super) struct Floor {
    pub(super) stream_seq: u64,
}

/// Who reads a stream, from where, and how.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    /// Under which name it is remembered.
    pub(super) name: &'a str,
    pub(super) filter: &'a str,
    pub(super) from: From,
    /// After how long a message that was not acknowledged comes again.
    pub(super) ack_wait: Duration,
    /// After how long without a reading it vanishes.
    pub(super) forgotten_after: Option<Duration>,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// With the oldest.
    Beginning,
    /// With the message of this number.
    Sequence(u64),
}

/// A message that was handed out.
#[derive(Debug)]
pub(super) struct Pulled {
    pub(super) subject: String,
    pub(super) payload: Vec<u8>,
    /// Where to acknowledge it.
    pub(super) reply: String,
    pub(super) handed: Handed,
}

/// Messages that were handed out together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<Pulled>,
    /// Whether they are all that were handed out: others may be lost on the way, and count as handed out all the same.
    pub(super) is_whole: bool,
}

/// What the subject of a message's acknowledgement says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    /// How often the message was handed out.
    pub(super) delivered: u64,
    /// Its number in the stream.
    pub(super) sequence: u64,
}

impl Handed {
    /// Reads `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER_SEQUENCE.TIME.PENDING`, which newer servers write with
    /// two further words before the stream and perhaps one at the end.
    pub(super) fn read(reply: &str) -> Option<Self> {
        let words = Handed::words(reply)?;
        let number = |place: usize| words.get(place)?.parse().ok();
        Some(Handed {
            delivered: number(1)?,
            sequence: number(2)?,
        })
    }

    /// Which reader the message was handed out to.
    pub(super) fn reader_in(reply: &str) -> Option<&str> {
        Handed::words(reply)?.first().copied()
    }

    /// The words of such a subject, from the reader's name on.
    fn words(reply: &str) -> Option<Vec<&str>> {
        let mut words: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let before = match words.len() {
            7 => 1,
            9.. => 3,
            _ => return None,
        };
        Some(words.split_off(before))
    }
}

/// A message as the stream keeps it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) subject: String,
    pub(super) sequence: u64,
    pub(super) payload: Vec<u8>,
}

/// What is said in answer to a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    /// It is done.
    Done,
    /// It is to be handed out again after this time.
    Later(Duration),
    /// It is still being worked on.
    StillAtWork,
}

impl Said {
    fn payload(self) -> Vec<u8> {
        match self {
            Said::Done => b"+ACK".to_vec(),
            Said::StillAtWork => b"+WPI".to_vec(),
            Said::Later(wait) => {
                format!("-NAK {}", json!({ "delay": nanos_of(wait) })).into_bytes()
            }
        }
    }
}

/// An answer of the API: an error, or what was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused { error: Words },
    Given(T),
}

/// That something was done.
#[derive(Deserialize)]
struct Success {
    success: bool,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

/// A message on its way into a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) subject: &'a str,
    pub(super) payload: Vec<u8>,
    /// Another one with the same id is dropped for a while.
    pub(super) id: Option<String>,
    /// Which number the last message of the subject must have; 0 is none.
    pub(super) follows: Option<u64>,
}

/// JetStream behind a connection.
#[derive(Clone, Debug)]
pub(super) struct JetStream {
    pub(super) client: Client,
}

impl JetStream {
    /// Asks the API.
    async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        payload: &serde_json::Value,
    ) -> Result<T, Fault> {
        let payload = match payload {
            serde_json::Value::Null => Vec::new(),
            said => said.to_string().into_bytes(),
        };
        let request = Request::new().payload(payload.into());
        self.request(format!("$JS.API.{what}"), request).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        subject: String,
        request: Request,
    ) -> Result<T, Fault> {
        let answer = self.answer(subject, request).await?;
        let given = serde_json::from_slice(&answer.payload);
        match given.map_err(|error| Fault::Garbled(error.to_string()))? {
            Answer::Given(given) => Ok(given),
            Answer::Refused { error } => Err(Fault::Said {
                status: error.code,
                code: error.err_code,
                words: error.description,
            }),
        }
    }

    /// What is answered to a request, whatever that says.
    async fn answer(
        &self,
        subject: String,
        request: Request,
    ) -> Result<async_nats::Message, Fault> {
        let request = request.timeout(Some(limits::ENGINE_REPLY));
        let answer = self.client.send_request(subject, request);
        // A client that is cut off may keep us waiting before the request is on its way.
        let answer = tokio::time::timeout(limits::ENGINE_REPLY * 2, answer).await;
        let answer = answer.map_err(|late| Fault::Silent(late.to_string()))?;
        answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => Fault::Nobody,
            RequestErrorKind::MaxPayloadExceeded => {
                Fault::TooLarge(self.client.server_info().max_payload)
            }
            RequestErrorKind::TimedOut
            | RequestErrorKind::InvalidSubject
            | RequestErrorKind::Other => Fault::Silent(error.to_string()),
        })
    }

    /// Sets up a stream; one that is there in the same way is left as it is.
    pub(super) async fn create_stream(&self, stream: &Stream) -> Result<(), Fault> {
        let config = serde_json::to_value(stream).expect("plain data");
        let made: Result<StreamInfo, Fault> = self
            .ask(&format!("STREAM.CREATE.{}", stream.name), &config)
            .await;
        made.map(|_| ())
    }

    /// Keeps the messages of a stream for another time from now on.
    pub(super) async fn keep_for(&self, name: &str, time: Duration) -> Result<(), Fault> {
        #[derive(Deserialize)]
        struct Configured {
            config: serde_json::Map<String, serde_json::Value>,
        }
        let Configured { mut config } = self
            .ask(&format!("STREAM.INFO.{name}"), &serde_json::Value::Null)
            .await?;
        let time = json!(nanos_of(time));
        if config.insert("max_age".to_owned(), time.clone()) == Some(time) {
            return Ok(());
        }
        let changed: Result<StreamInfo, Fault> = self
            .ask(&format!("STREAM.UPDATE.{name}"), &config.into())
            .await;
        changed.map(|_| ())
    }

    /// What is known of a stream.
    pub(super) async fn stream(&self, name: &str) -> Result<StreamInfo, Fault> {
        self.ask(&format!("STREAM.INFO.{name}"), &serde_json::Value::Null)
            .await
    }

    /// Takes a message into the stream of its subject. Returns its number there.
    pub(super) async fn publish(&self, message: Message<'_>) -> Result<u64, Fault> {
        #[derive(Deserialize)]
        struct Kept {
            seq: u64,
        }
        let mut headers = HeaderMap::new();
        if let Some(id) = message.id {
            headers.insert(NATS_MESSAGE_ID, id);
        }
        if let Some(number) = message.follows {
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, number.to_string());
        }
        let request = Request::new()
            .headers(headers)
            .payload(message.payload.into());
        let kept: Kept = self.request(message.subject.to_owned(), request).await?;
        Ok(kept.seq)
    }

    /// The first message with a number of at least `from` whose subject fits `filter`, as the stream's leader has it.
    pub(super) async fn next(
        &self,
        stream: &str,
        filter: &str,
        from: u64,
    ) -> Result<Option<Stored>, Fault> {
        let which = json!({ "seq": from, "next_by_subj": filter });
        self.message(stream, &which).await
    }

    /// The latest message of a subject, as the stream's leader has it.
    pub(super) async fn latest(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Stored>, Fault> {
        let which = json!({ "last_by_subj": subject });
        self.message(stream, &which).await
    }

    async fn message(
        &self,
        stream: &str,
        which: &serde_json::Value,
    ) -> Result<Option<Stored>, Fault> {
        #[derive(Deserialize)]
        struct Found {
            message: Raw,
        }
        #[derive(Deserialize)]
        struct Raw {
            subject: String,
            seq: u64,
            #[serde(default)]
            data: String,
        }
        let found: Result<Found, Fault> =
            self.ask(&format!("STREAM.MSG.GET.{stream}"), which).await;
        let Found { message } = match found {
            Ok(found) => found,
            Err(fault) if fault.has(code::NO_SUCH_MESSAGE) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let payload = STANDARD
            .decode(&message.data)
            .map_err(|error| Fault::Garbled(error.to_string()))?;
        Ok(Some(Stored {
            subject: message.subject,
            sequence: message.seq,
            payload,
        }))
    }

    /// Overwrites a message and takes it out of its stream. Returns whether it was there.
    pub(super) async fn erase(&self, stream: &str, sequence: u64) -> Result<bool, Fault> {
        let which = json!({ "seq": sequence });
        let erased: Result<Success, Fault> = self
            .ask(&format!("STREAM.MSG.DELETE.{stream}"), &which)
            .await;
        match erased {
            Ok(erased) => Ok(erased.success),
            Err(fault) if fault.is_of_a_message_that_is_gone() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Takes out all messages whose subject fits `filter`. Their bytes stay in the store's files for a while.
    pub(super) async fn purge(&self, stream: &str, filter: &str) -> Result<(), Fault> {
        self.purge_which(stream, &json!({ "filter": filter })).await
    }

    /// Takes out all messages before the one with that number, and removes the files that hold no others.
    pub(super) async fn purge_before(&self, stream: &str, sequence: u64) -> Result<(), Fault> {
        self.purge_which(stream, &json!({ "seq": sequence })).await
    }

    async fn purge_which(&self, stream: &str, which: &serde_json::Value) -> Result<(), Fault> {
        let purged: Result<Success, Fault> =
            self.ask(&format!("STREAM.PURGE.{stream}"), which).await;
        purged.map(|_| ())
    }

    /// Sets up a reader; one that is there in the same way is left as it is. Returns its name.
    pub(super) async fn create_reader(
        &self,
        stream: &str,
        reader: &Reader<'_>,
    ) -> Result<String, Fault> {
        let mut config = HashMap::from([
            ("filter_subject", json!(reader.filter)),
            ("replay_policy", json!("instant")),
        ]);
        match reader.from {
            From::Beginning => config.insert("deliver_policy", json!("all")),
            From::Sequence(number) => {
                config.insert("opt_start_seq", json!(number));
                config.insert("deliver_policy", json!("by_start_sequence"))
            }
        };
        config.insert("ack_policy", json!("explicit"));
        config.insert("ack_wait", json!(nanos_of(reader.ack_wait)));
        config.insert("max_ack_pending", json!(limits::ENGINE_UNACKNOWLEDGED));
        config.insert("max_deliver", json!(-1));
        if let Some(time) = reader.forgotten_after {
            config.insert("inactive_threshold", json!(nanos_of(time)));
        }
        config.insert("durable_name", json!(reader.name));
        let what = format!("CONSUMER.DURABLE.CREATE.{stream}.{}", reader.name);
        let whole = json!({ "stream_name": stream, "config": config });
        let made: ConsumerInfo = self.ask(&what, &whole).await?;
        Ok(made.name)
    }

    /// Sets up a reader that is given the latest message of each subject that fits `filter`, then each that follows. It
    /// acknowledges nothing, is kept by one server in its memory, and vanishes when it does not read for `forgotten_after`.
    /// Returns its name.
    pub(super) async fn create_watcher(
        &self,
        stream: &str,
        filter: &str,
        forgotten_after: Duration,
    ) -> Result<String, Fault> {
        let config = json!({
            "filter_subject": filter,
            "deliver_policy": "last_per_subject",
            "replay_policy": "instant",
            "ack_policy": "none",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanos_of(forgotten_after),
        });
        let whole = json!({ "stream_name": stream, "config": config });
        let made: ConsumerInfo = self
            .ask(&format!("CONSUMER.CREATE.{stream}"), &whole)
            .await?;
        Ok(made.name)
    }

    /// How far a reader is; `None` where there is none of that name.
    pub(super) async fn reader(
        &self,
        stream: &str,
        name: &str,
    ) -> Result<Option<ConsumerInfo>, Fault> {
        let what = format!("CONSUMER.INFO.{stream}.{name}");
        match self.ask(&what, &serde_json::Value::Null).await {
            Ok(info) => Ok(Some(info)),
            Err(fault) if fault.has(code::NO_SUCH_CONSUMER) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Takes a reader down, if it is there.
    pub(super) async fn remove_reader(&self, stream: &str, name: &str) -> Result<(), Fault> {
        let what = format!("CONSUMER.DELETE.{stream}.{name}");
        match self.ask::<Success>(&what, &serde_json::Value::Null).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.has(code::NO_SUCH_CONSUMER) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Hands out at most `most` messages to a reader, without waiting for any to come.
    pub(super) async fn pull(
        &self,
        stream: &str,
        reader: &str,
        most: usize,
    ) -> Result<Batch, Fault> {
        let mut batch = Batch::default();
        let pulling = self.pull_into(&mut batch.messages, stream, reader, most);
        let ended = tokio::time::timeout(limits::ENGINE_REPLY, pulling).await;
        let ended = ended.unwrap_or_else(|late| Err(Fault::Silent(late.to_string())));
        match ended {
            Ok(()) => batch.is_whole = true,
            // What has come before the connection was lost is in our hands.
            Err(_) if !batch.messages.is_empty() => {}
            Err(fault) => return Err(fault),
        }
        Ok(batch)
    }

    async fn pull_into(
        &self,
        pulled: &mut Vec<Pulled>,
        stream: &str,
        reader: &str,
        most: usize,
    ) -> Result<(), Fault> {
        let silent = |error: &dyn std::fmt::Display| Fault::Silent(error.to_string());
        let inbox = self.client.new_inbox();
        let mut replies = self
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| silent(&error))?;
        let wanted = json!({ "batch": most, "no_wait": true }).to_string();
        self.client
            .publish_with_reply(
                format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{reader}"),
                inbox,
                wanted.into(),
            )
            .await
            .map_err(|error| silent(&error))?;
        while pulled.len() < most {
            let Some(message) = replies.next().await else {
                return Err(Fault::Silent("the connection was closed".to_owned()));
            };
            match message.status {
                None | Some(StatusCode::OK) => {}
                Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => return Ok(()),
                // There is no such consumer, it was deleted, or its leader steps down.
                Some(_) => return Err(Fault::Nobody),
            }
            let Some((reply, handed)) = message
                .reply
                .as_deref()
                .and_then(|reply| Some((reply.to_owned(), Handed::read(reply)?)))
            else {
                continue;
            };
            pulled.push(Pulled {
                subject: message.subject.to_string(),
                payload: message.payload.to_vec(),
                reply,
                handed,
            });
        }
        Ok(())
    }

    /// Says what became of a message, and waits until the server has heard it.
    pub(super) async fn say(&self, reply: &str, said: Said) -> Result<(), Fault> {
        let request = Request::new().payload(said.payload().into());
        let heard = self.answer(reply.to_owned(), request).await;
        heard.map(|_| ())
    }

    /// Says of many messages that they are done; of the last it is known that the server has heard it, and so of those
    /// before, which went the same way.
    pub(super) async fn say_done(&self, replies: &[&str]) -> Result<(), Fault> {
        let Some((last, others)) = replies.split_last() else {
            return Ok(());
        };
        let saying = async {
            for reply in others {
                self.client
                    .publish((*reply).to_owned(), Said::Done.payload().into())
                    .await
                    .map_err(|error| Fault::Silent(error.to_string()))?;
            }
            Ok(())
        };
        // A client that is cut off may keep us waiting.
        let said = tokio::time::timeout(limits::ENGINE_REPLY, saying).await;
        said.unwrap_or_else(|late| Err(Fault::Silent(late.to_string())))?;
        self.say(last, Said::Done).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_acknowledgement_is_sent_to_tells_of_its_message() {
        let wanted = Some(Handed {
            delivered: 2,
            sequence: 17,
        });
        for reply in [
            "$JS.ACK.presend-orders.partition-3.2.17.9.1764594000000000000.4",
            "$JS.ACK._.hash.presend-orders.partition-3.2.17.9.1764594000000000000.4",
            "$JS.ACK.hub.hash.presend-orders.partition-3.2.17.9.1764594000000000000.4.rnd",
        ] {
            assert_eq!(Handed::read(reply), wanted, "{reply}");
            assert_eq!(Handed::reader_in(reply), Some("partition-3"), "{reply}");
        }
        for reply in ["", "_INBOX.x", "$JS.ACK.a.b.c", "$JS.ACK.a.b.x.17.9.1.4"] {
            assert_eq!(Handed::read(reply), None, "{reply}");
        }
    }

    #[test]
    fn a_message_is_given_back_for_a_while() {
        let said = Said::Later(Duration::from_millis(1500)).payload();
        assert_eq!(said, br#"-NAK {"delay":1500000000}"#);
    }
}
