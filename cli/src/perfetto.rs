//! A trace for the Perfetto UI: a track for each thread with its polls and sleeps, and arrows from wake-ups to the polls that follow.
//!
//! A track's slices are nested: an end closes the slice that began last. A slice that crosses another one's end, as a span of async code may,
//! is therefore written as two. The packets are written one after another, so that only an index of them is in memory.
//!
//! The messages are the part of Perfetto's `perfetto_trace.proto` that is used here, with its field numbers.

use prost::Message;
use selvedge_trace::{Analysis, Outcome, PollKind, Recording, Slice, TaskTrack, Wake};
use std::collections::BTreeMap;
use std::io::{self, Write};

const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;
/// The reader begins with empty tables.
const STATE_CLEARED: u32 = 1;
const SEQUENCE: u32 = 1;
/// The tag of a packet in the message that a trace is: field 1, a message.
const PACKET: u8 = 1 << 3 | 2;

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

/// A slice, by its index in the analysis. If two have the same time, the first is the outer one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Sleep(u32),
    Poll(u32),
    Span(u32),
}

/// What happens on a track at one moment, in the order in which it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// The end of a slice that began before; the one that began last ends first.
    End(std::cmp::Reverse<(u64, Of)>),
    Wake(u32),
    /// The outer one, which ends later, first.
    Begin(std::cmp::Reverse<u64>, Of),
    /// The end of a slice without length.
    EndAtOnce(std::cmp::Reverse<Of>),
}

pub fn write(out: &mut impl Write, recording: &Recording, analysis: &Analysis) -> io::Result<()> {
    let mut writer = Writer {
        out,
        bytes: Vec::new(),
        recording,
        analysis,
        open: BTreeMap::new(),
        flows: 0,
        pending: BTreeMap::new(),
    };
    for packet in tracks(recording, analysis) {
        writer.packet(&packet)?;
    }
    for (nanos, change) in changes(analysis) {
        writer.change(nanos, change)?;
    }
    Ok(())
}

fn changes(analysis: &Analysis) -> Vec<(u64, Change)> {
    let (polls, sleeps, spans) = (&analysis.polls, &analysis.sleeps, &analysis.spans);
    let slices = polls.len() + sleeps.len() + spans.len();
    let mut changes = Vec::with_capacity(2 * slices + analysis.wakes.len());
    let mut slice = |of: Of, time: Slice| {
        let end = match time.nanos() {
            0 => Change::EndAtOnce(std::cmp::Reverse(of)),
            _ => Change::End(std::cmp::Reverse((time.begin, of))),
        };
        changes.push((time.begin, Change::Begin(std::cmp::Reverse(time.end), of)));
        changes.push((time.end, end));
    };
    (0..)
        .zip(polls)
        .for_each(|(n, it)| slice(Of::Poll(n), it.time));
    (0..)
        .zip(sleeps)
        .for_each(|(n, it)| slice(Of::Sleep(n), it.1));
    (0..)
        .zip(spans)
        .for_each(|(n, it)| slice(Of::Span(n), it.time));
    changes.extend(
        (0..)
            .zip(&analysis.wakes)
            .map(|(n, wake)| (wake.nanos, Change::Wake(n))),
    );
    changes.sort_unstable();
    changes
}

struct Writer<'a, W> {
    out: &'a mut W,
    bytes: Vec<u8>,
    recording: &'a Recording,
    analysis: &'a Analysis,
    /// The slices of each thread that have begun and not ended, the innermost last.
    open: BTreeMap<u16, Vec<Of>>,
    flows: u64,
    /// The last wake of each task that no poll has answered yet.
    pending: BTreeMap<u64, u64>,
}

impl<W: Write> Writer<'_, W> {
    fn packet(&mut self, packet: &Packet) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.push(PACKET);
        packet.encode_length_delimited(&mut self.bytes)?;
        self.out.write_all(&self.bytes)
    }

    fn event(&mut self, nanos: u64, event: TrackEvent) -> io::Result<()> {
        self.packet(&Packet {
            timestamp: Some(nanos),
            sequence: Some(SEQUENCE),
            event: Some(event),
            ..Packet::default()
        })
    }

    fn change(&mut self, nanos: u64, change: Change) -> io::Result<()> {
        match change {
            Change::Wake(at) => {
                let event = self.wake(&self.analysis.wakes[at as usize]);
                self.event(nanos, event)
            }
            Change::Begin(_, of) => {
                let mut event = self.begin(of);
                if let Of::Poll(at) = of {
                    let task = self.analysis.polls[at as usize].task;
                    event.ending_flows = self.pending.remove(&task).into_iter().collect();
                }
                self.open.entry(self.thread(of)).or_default().push(of);
                self.event(nanos, event)
            }
            Change::End(std::cmp::Reverse((_, of))) | Change::EndAtOnce(std::cmp::Reverse(of)) => {
                self.end(nanos, of)
            }
        }
    }

    /// A slice that began after it and still goes on is written as two: one up to here, and one from here on.
    fn end(&mut self, nanos: u64, of: Of) -> io::Result<()> {
        let thread = self.thread(of);
        let open = self.open.entry(thread).or_default();
        let Some(at) = open.iter().rposition(|open| *open == of) else {
            return Ok(());
        };
        open.remove(at);
        let above = open[at..].to_vec();
        for _ in 0..=above.len() {
            self.event(nanos, end(thread))?;
        }
        for of in above {
            let event = self.begin(of);
            self.event(nanos, event)?;
        }
        Ok(())
    }

    fn thread(&self, of: Of) -> u16 {
        match of {
            Of::Poll(at) => self.analysis.polls[at as usize].thread,
            Of::Sleep(at) => self.analysis.sleeps[at as usize].0,
            Of::Span(at) => self.analysis.spans[at as usize].thread,
        }
    }

    fn begin(&self, of: Of) -> TrackEvent {
        let thread = self.thread(of);
        match of {
            Of::Sleep(_) => begin(thread, "sleep", "asleep"),
            Of::Span(at) => {
                let name = self.recording.name(self.analysis.spans[at as usize].name);
                begin(thread, "span", name)
            }
            Of::Poll(at) => {
                let poll = &self.analysis.polls[at as usize];
                let task = self.analysis.tasks.get(&poll.task);
                let name = name(poll.kind, poll.task, task);
                TrackEvent {
                    annotations: annotations(poll.delay, poll.outcome, poll.task, task),
                    ..begin(thread, &poll.kind.to_string(), &name)
                }
            }
        }
    }

    fn wake(&mut self, wake: &Wake) -> TrackEvent {
        self.flows += 1;
        self.pending.insert(wake.task, self.flows);
        TrackEvent {
            kind: Some(INSTANT),
            track: Some(track(wake.thread)),
            categories: vec!["wake".into()],
            name: Some(format!("wakes {}", wake.task)),
            flows: vec![self.flows],
            ..TrackEvent::default()
        }
    }
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
        // Threads without a number of the system's need different numbers too.
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
    let mut flags = Some(STATE_CLEARED);
    std::iter::once(process)
        .chain(threads)
        .map(|track| Packet {
            sequence: Some(SEQUENCE),
            track: Some(track),
            flags: flags.take(),
            ..Packet::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_trace::{Poll, Span};

    #[derive(Clone, PartialEq, Message)]
    struct Trace {
        #[prost(message, repeated, tag = "1")]
        packet: Vec<Packet>,
    }

    fn slice(begin: u64, end: u64) -> Slice {
        Slice { begin, end }
    }

    fn poll(task: u64, begin: u64, end: u64) -> Poll {
        Poll {
            task,
            thread: 1,
            time: slice(begin, end),
            ..Poll::default()
        }
    }

    fn span(name: u64, begin: u64, end: u64) -> Span {
        Span {
            task: 7,
            thread: 1,
            name,
            time: slice(begin, end),
        }
    }

    /// The slices as the trace's reader sees them: an end closes the slice that began last.
    fn slices(polls: Vec<Poll>, spans: Vec<Span>) -> Vec<(String, u64, u64)> {
        let recording = Recording {
            names: [(1, "a".into()), (2, "b".into())].into(),
            ..Recording::default()
        };
        let analysis = Analysis {
            polls,
            spans,
            ..Analysis::default()
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &recording, &analysis).unwrap();
        let trace = Trace::decode(&bytes[..]).unwrap();
        let (mut open, mut slices) = (Vec::new(), Vec::new());
        for packet in trace.packet {
            let (Some(nanos), Some(event)) = (packet.timestamp, packet.event) else {
                continue;
            };
            match event.kind {
                Some(SLICE_BEGIN) => open.push((event.name.unwrap(), nanos)),
                _ => {
                    let (name, begin) = open.pop().unwrap();
                    slices.push((name, begin, nanos));
                }
            }
        }
        assert_eq!(open, []);
        slices.sort_by_key(|(name, begin, _)| (*begin, name.clone()));
        slices
    }

    #[test]
    fn spans_that_end_out_of_order_are_told_in_two_slices() {
        let told = slices(
            vec![poll(7, 10, 50)],
            vec![span(1, 20, 40), span(2, 30, 45)],
        );
        let expected = [
            ("task 7", 10, 50),
            ("a", 20, 40),
            ("b", 30, 40),
            ("b", 40, 45),
        ];
        assert_eq!(told, expected.map(|(name, b, e)| (name.into(), b, e)));
    }

    #[test]
    fn a_span_that_outlasts_its_poll_goes_on_beside_it() {
        let told = slices(
            vec![poll(7, 10, 20), poll(8, 20, 40)],
            vec![span(1, 10, 30)],
        );
        let expected = [
            ("a", 10, 30),
            ("task 7", 10, 20),
            ("task 8", 20, 30),
            ("task 8", 30, 40),
        ];
        assert_eq!(told, expected.map(|(name, b, e)| (name.into(), b, e)));
    }

    #[test]
    fn what_takes_no_time_ends_after_it_begins() {
        let told = slices(
            vec![poll(7, 10, 10), poll(8, 10, 20)],
            vec![span(1, 20, 20)],
        );
        let expected = [("task 7", 10, 10), ("task 8", 10, 20), ("a", 20, 20)];
        assert_eq!(told, expected.map(|(name, b, e)| (name.into(), b, e)));
    }
}
