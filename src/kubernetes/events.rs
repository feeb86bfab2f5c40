//! Events on objects: what `kubectl describe` shows under `Events`.
//!
//! # Guarantees
//! - Writing never fails or delays the loop: events are queued, and written in order by one task of its own.
//! - The same words about the same object are written once in [`REPEAT_AFTER`]; other words at once. (kube's own
//!   bookkeeping overlooks a change of the note, so an object would go on showing its first error.)
//! - An object that never says the same thing twice is cut off at [`MOST_PER_OBJECT`] in that time.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::deadline::{CallError, call};
use crate::api::MANAGER;

/// After this time the same words are news again: half of what an API server keeps events for.
const REPEAT_AFTER: Duration = Duration::from_mins(30);
/// Most different events on one object within [`REPEAT_AFTER`].
const MOST_PER_OBJECT: usize = 50;
/// Most events that wait to be written. More are dropped: they tell of the past.
const QUEUE: usize = 2048;
/// Longest note that the API server takes is 1024 bytes.
const LONGEST_NOTE: usize = 1000;

/// Writes events. Cheap to clone; all clones write through one task, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Publish(Box<Announcement>),
    Forget { uid: String },
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Announcement {
    object: ObjectReference,
    event_type: EventType,
    reason: String,
    action: String,
    note: String,
}

impl Events {
    /// A publisher that reports as this replica (the Pod's name). Must be called within a runtime.
    #[must_use]
    pub fn new(client: Client, replica: &str) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let writer = Writer {
            client,
            reporter: Reporter {
                controller: MANAGER.to_owned(),
                instance: Some(replica.to_owned()),
            },
            said: HashMap::new(),
            swept: Instant::now(),
        };
        tokio::spawn(writer.run(messages));
        Self { queue }
    }

    /// Something happened as it should. `reason` is why, `action` what was done, both `UpperCamelCase`; the note is for
    /// the reader, and cut at 1000 bytes.
    pub fn normal(&self, object: &ObjectReference, reason: &str, action: &str, note: impl Into<String>) {
        self.announce(EventType::Normal, object, reason, action, note.into());
    }

    /// Something is not as it should be. Parameters as for [`Self::normal`].
    pub fn warning(&self, object: &ObjectReference, reason: &str, action: &str, note: impl Into<String>) {
        self.announce(EventType::Warning, object, reason, action, note.into());
    }

    /// Everything about this object is news again: it succeeded, or is gone.
    pub fn forget(&self, uid: &str) {
        // A full queue loses this; what was said is then forgotten by age.
        let _ = self.queue.try_send(Message::Forget { uid: uid.to_owned() });
    }

    /// Waits until all that was announced is written, up to this time.
    pub async fn flush(&self, deadline: Duration) {
        let (done, written) = oneshot::channel();
        let flush = async {
            if self.queue.send(Message::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        };
        if tokio::time::timeout(deadline, flush).await.is_err() {
            tracing::warn!("the last events were not written in time");
        }
    }

    fn announce(&self, event_type: EventType, object: &ObjectReference, reason: &str, action: &str, note: String) {
        let announcement = Announcement {
            object: object.clone(),
            event_type,
            reason: reason.to_owned(),
            action: action.to_owned(),
            note: cut(note),
        };
        if self.queue.try_send(Message::Publish(announcement.into())).is_err() {
            tracing::warn!(reason, "an event is dropped: too many wait to be written");
        }
    }
}

/// The task that writes.
struct Writer {
    client: Client,
    reporter: Reporter,
    /// For each object's UID, what was said of it and when.
    said: HashMap<String, HashMap<(bool, String, String), Instant>>,
    swept: Instant,
}

impl Writer {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        while let Some(message) = messages.recv().await {
            match message {
                Message::Publish(announcement) => {
                    if self.is_news(&announcement) {
                        self.publish(*announcement).await;
                    }
                }
                Message::Forget { uid } => {
                    self.said.remove(&uid);
                }
                Message::Flush(done) => {
                    let _ = done.send(());
                }
            }
        }
    }

    fn is_news(&mut self, announcement: &Announcement) -> bool {
        self.sweep();
        let uid = announcement.object.uid.clone().unwrap_or_default();
        let said = self.said.entry(uid).or_default();
        said.retain(|_, at| at.elapsed() < REPEAT_AFTER);
        let words = (
            announcement.event_type == EventType::Warning,
            announcement.reason.clone(),
            announcement.note.clone(),
        );
        if said.contains_key(&words) || said.len() >= MOST_PER_OBJECT {
            return false;
        }
        said.insert(words, Instant::now());
        true
    }

    /// Forgets objects of which nothing was said for long.
    fn sweep(&mut self) {
        if self.swept.elapsed() < REPEAT_AFTER {
            return;
        }
        self.swept = Instant::now();
        self.said
            .retain(|_, said| said.values().any(|at| at.elapsed() < REPEAT_AFTER));
    }

    async fn publish(&self, announcement: Announcement) {
        let event = Event {
            type_: announcement.event_type,
            reason: announcement.reason,
            note: Some(announcement.note),
            action: announcement.action,
            secondary: None,
        };
        // A recorder of its own for each: what it would remember of earlier events ignores their notes.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        let result = call(recorder.publish(&event, &announcement.object)).await;
        if let Err(error) = result {
            report(&error, &event, &announcement.object);
        }
    }
}

fn report(error: &CallError, event: &Event, object: &ObjectReference) {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let name = object.name.as_deref().unwrap_or_default();
    // Where a namespace is being deleted no event can be made; the object's last ones go with it.
    if error.is_forbidden() || error.is_not_found() {
        tracing::debug!(%error, reason = event.reason, namespace, name, "an event is not written");
    } else {
        tracing::warn!(%error, reason = event.reason, namespace, name, "an event is not written");
    }
}

/// The note within the API server's bound, cut at a character.
fn cut(mut note: String) -> String {
    if note.len() > LONGEST_NOTE {
        let end = note.floor_char_boundary(LONGEST_NOTE - '…'.len_utf8());
        note.truncate(end);
        note.push('…');
    }
    note
}

#[cfg(test)]
mod tests;
