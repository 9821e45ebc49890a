//! A trace for the Perfetto UI: a track for each thread with its polls and sleeps, and arrows from who wakes to what is polled.
//!
//! The messages are the part of Perfetto's `perfetto_trace.proto` that is used here, with its field numbers.

use prost::{EncodeError, Message};
use selvedge_trace::{Analysis, Outcome, PollKind, Recording, TaskTrack};
use std::collections::BTreeMap;

const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;
/// Whoever reads begins with empty tables.
const STATE_CLEARED: u32 = 1;
const SEQUENCE: u32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Trace {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<Packet>,
}

#[derive(Clone, PartialEq, Message)]
struct Packet {
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    sequence: Option<u32>,
    #[prost(message, optional, tag = "11")]
    event: Option<TrackEvent>,
    #[prost(uint32, optional, tag = "13")]
    flags: Option<u32>,
    #[prost(message, optional, tag = "60")]
    track: Option<TrackDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackDescriptor {
    #[prost(uint64, optional, tag = "1")]
    uuid: Option<u64>,
    #[prost(message, optional, tag = "3")]
    process: Option<ProcessDescriptor>,
    #[prost(message, optional, tag = "4")]
    thread: Option<ThreadDescriptor>,
    #[prost(uint64, optional, tag = "5")]
    parent: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct ProcessDescriptor {
    #[prost(int32, optional, tag = "1")]
    pid: Option<i32>,
    #[prost(string, optional, tag = "6")]
    name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ThreadDescriptor {
    #[prost(int32, optional, tag = "1")]
    pid: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    tid: Option<i32>,
    #[prost(string, optional, tag = "5")]
    name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    annotations: Vec<Annotation>,
    #[prost(int32, optional, tag = "9")]
    kind: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    track: Option<u64>,
    #[prost(string, repeated, tag = "22")]
    categories: Vec<String>,
    #[prost(string, optional, tag = "23")]
    name: Option<String>,
    #[prost(fixed64, repeated, tag = "47")]
    flows: Vec<u64>,
    #[prost(fixed64, repeated, tag = "48")]
    ending_flows: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Annotation {
    #[prost(uint64, optional, tag = "3")]
    number: Option<u64>,
    #[prost(string, optional, tag = "6")]
    text: Option<String>,
    #[prost(string, optional, tag = "10")]
    name: Option<String>,
}

fn text(name: &str, text: impl Into<String>) -> Annotation {
    Annotation {
        name: Some(name.into()),
        text: Some(text.into()),
        number: None,
    }
}

fn number(name: &str, number: u64) -> Annotation {
    Annotation {
        name: Some(name.into()),
        number: Some(number),
        text: None,
    }
}

/// The track of a thread; 1 is the process's.
fn track(thread: u16) -> u64 {
    u64::from(thread) + 2
}

pub fn trace(recording: &Recording, analysis: &Analysis) -> Result<Vec<u8>, EncodeError> {
    let mut packets = tracks(recording, analysis);
    let mut events = Vec::new();
    let mut flow = 0;
    // The last wake of each task that no poll has answered yet.
    let mut pending: BTreeMap<u64, u64> = BTreeMap::new();
    let mut wakes = analysis.wakes.iter().peekable();
    for poll in &analysis.polls {
        while let Some(wake) = wakes.next_if(|wake| wake.nanos <= poll.time.begin) {
            flow += 1;
            pending.insert(wake.task, flow);
            let event = TrackEvent {
                kind: Some(INSTANT),
                track: Some(track(wake.thread)),
                categories: vec!["wake".into()],
                name: Some(format!("wakes {}", wake.task)),
                flows: vec![flow],
                ..TrackEvent::default()
            };
            events.push((wake.nanos, event));
        }
        let task = analysis.tasks.get(&poll.task);
        let begin = TrackEvent {
            kind: Some(SLICE_BEGIN),
            track: Some(track(poll.thread)),
            categories: vec![poll.kind.to_string()],
            name: Some(name(poll.kind, poll.task, task)),
            ending_flows: pending.remove(&poll.task).into_iter().collect(),
            annotations: annotations(poll.delay, poll.outcome, poll.task, task),
            ..TrackEvent::default()
        };
        events.push((poll.time.begin, begin));
        events.push((poll.time.end, end(poll.thread)));
    }
    for (thread, time) in &analysis.sleeps {
        events.push((time.begin, begin(*thread, "sleep", "asleep")));
        events.push((time.end, end(*thread)));
    }
    for (thread, key, time) in &analysis.spans {
        let name = recording.names.get(key).map_or("?", String::as_str);
        events.push((time.begin, begin(*thread, "span", name)));
        events.push((time.end, end(*thread)));
    }
    // An end before a begin of the same moment.
    events.sort_by_key(|(nanos, event)| (*nanos, event.kind != Some(SLICE_END)));
    packets.extend(events.into_iter().map(|(nanos, event)| Packet {
        timestamp: Some(nanos),
        sequence: Some(SEQUENCE),
        event: Some(event),
        ..Packet::default()
    }));
    if let Some(first) = packets.first_mut() {
        first.flags = Some(STATE_CLEARED);
    }
    let trace = Trace { packet: packets };
    let mut bytes = Vec::with_capacity(trace.encoded_len());
    trace.encode(&mut bytes)?;
    Ok(bytes)
}

fn begin(thread: u16, category: &str, name: &str) -> TrackEvent {
    TrackEvent {
        kind: Some(SLICE_BEGIN),
        track: Some(track(thread)),
        categories: vec![category.into()],
        name: Some(name.into()),
        ..TrackEvent::default()
    }
}

fn end(thread: u16) -> TrackEvent {
    TrackEvent {
        kind: Some(SLICE_END),
        track: Some(track(thread)),
        ..TrackEvent::default()
    }
}

fn name(kind: PollKind, id: u64, task: Option<&TaskTrack>) -> String {
    match task.and_then(|task| task.name.as_deref()) {
        Some(name) => format!("{name} ({kind} {id})"),
        None => format!("{kind} {id}"),
    }
}

fn annotations(
    delay: u64,
    outcome: Option<Outcome>,
    id: u64,
    task: Option<&TaskTrack>,
) -> Vec<Annotation> {
    let mut annotations = vec![number("task", id), number("ready for, ns", delay)];
    if let Some(outcome) = outcome {
        annotations.push(text("outcome", format!("{outcome:?}").to_lowercase()));
    }
    if let Some(task) = task {
        annotations.push(text("spawned at", &task.place));
        annotations.push(number("parent", task.parent));
    }
    annotations
}

fn tracks(recording: &Recording, analysis: &Analysis) -> Vec<Packet> {
    let pid = i32::try_from(recording.process).ok();
    let process = TrackDescriptor {
        uuid: Some(1),
        process: Some(ProcessDescriptor {
            pid,
            name: Some(recording.program.clone()),
        }),
        ..TrackDescriptor::default()
    };
    let threads = analysis.threads.values().map(|thread| {
        // The numbers of threads whose system does not tell must differ too.
        let tid = match thread.system_id {
            0 => i32::from(thread.number),
            id => id as i32,
        };
        TrackDescriptor {
            uuid: Some(track(thread.number)),
            parent: Some(1),
            thread: Some(ThreadDescriptor {
                pid,
                tid: Some(tid),
                name: Some(thread.name.clone()),
            }),
            ..TrackDescriptor::default()
        }
    });
    std::iter::once(process)
        .chain(threads)
        .map(|track| Packet {
            sequence: Some(SEQUENCE),
            track: Some(track),
            ..Packet::default()
        })
        .collect()
}
