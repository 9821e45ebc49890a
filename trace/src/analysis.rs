//! Tasks and threads, put together from the events.
//!
//! An event names its thread. The poll or the delivery that the thread is in at that moment tells which task wakes or spawns, and
//! which one waits.

use crate::event::{EventKind, Outcome, PollKind, WaitKind};
use crate::findings::{self, Finding};
use crate::format::Recording;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A wait for the next turn with this value: the task has not yielded by itself, its budget was spent.
const BUDGET_SPENT: u64 = 1;

/// A stretch of a thread's time.
///
/// ```
/// let slice = selvedge_trace::Slice { begin: 10, end: 25 };
/// assert_eq!(slice.nanos(), 15);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// In nanoseconds since the recording's begin.
    pub begin: u64,
    /// In nanoseconds since the recording's begin.
    pub end: u64,
}

impl Slice {
    /// How long it is, in nanoseconds.
    ///
    /// ```
    /// assert_eq!(selvedge_trace::Slice::default().nanos(), 0);
    /// ```
    pub fn nanos(&self) -> u64 {
        self.end.saturating_sub(self.begin)
    }
}

/// One poll.
///
/// ```
/// let poll = selvedge_trace::Poll::default();
/// assert_eq!(poll.task, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Poll {
    /// The task that is polled.
    pub task: u64,
    /// On which thread.
    pub thread: u16,
    /// When.
    pub time: Slice,
    /// How long the task had been ready, in nanoseconds; 0 where that is not recorded.
    pub delay: u64,
    /// Its outcome; `None`: it had not ended when the recording did.
    pub outcome: Option<Outcome>,
    /// What is polled.
    pub kind: PollKind,
}

/// What woke a task.
///
/// ```
/// assert_eq!(selvedge_trace::Waker::Task(3), selvedge_trace::Waker::Task(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waker {
    /// A task in a poll: another one, or the same.
    Task(u64),
    /// A descriptor that became ready.
    Io(i64),
    /// A timer.
    Timer,
    /// A thread in no poll.
    Thread(u16),
}

/// One wake-up of an idle task.
///
/// ```
/// use selvedge_trace::{Wake, Waker};
/// let wake = Wake { nanos: 5, thread: 1, task: 2, by: Waker::Timer };
/// assert_eq!(wake.task, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wake {
    /// When.
    pub nanos: u64,
    /// On which thread the waker was called.
    pub thread: u16,
    /// The task that is woken.
    pub task: u64,
    /// What woke it.
    pub by: Waker,
}

/// One span of the user: `Recorder::span`, or a span of `tracing` by the layer of `selvedge-spans`.
///
/// ```
/// let span = selvedge_trace::Span::default();
/// assert_eq!(span.task, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The task that was polled as it began; 0: none was.
    pub task: u64,
    /// On which thread.
    pub thread: u16,
    /// The key of its name in [`Recording::names`].
    pub name: u64,
    /// When.
    pub time: Slice,
}

/// All spans of one name.
///
/// ```
/// let total = selvedge_trace::SpanTotal::default();
/// assert_eq!(total.times, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpanTotal {
    /// The name.
    pub name: String,
    /// How many there are.
    pub times: u64,
    /// Their time together, in nanoseconds. A span inside another one of the name counts as well.
    pub total: u64,
    /// The longest of them, in nanoseconds.
    pub longest: u64,
}

/// What the recording tells of a task.
///
/// ```
/// let task = selvedge_trace::TaskTrack::default();
/// assert_eq!(task.polls, 0);
/// ```
#[derive(Clone, Debug, Default, Serialize)]
pub struct TaskTrack {
    /// Its id.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub place: String,
    /// The task that spawned it; 0: none, or not recorded.
    pub parent: u64,
    /// What it is.
    pub kind: PollKind,
    /// When it was spawned, if that is recorded.
    pub spawned: Option<u64>,
    /// When it ended, if it did.
    pub ended: Option<u64>,
    /// Did it end by a panic?
    pub panicked: bool,
    /// Was it cancelled?
    pub cancelled: bool,
    /// How often it was polled.
    pub polls: u64,
    /// Of these, how many ended because its budget was spent.
    pub budget_spent: u64,
    /// How often it was woken while it was idle.
    pub wakes: u64,
    /// Time in polls, in nanoseconds.
    pub busy: u64,
    /// The longest poll, in nanoseconds.
    pub longest_poll: u64,
    /// The longest time that it was ready before a poll, in nanoseconds.
    pub longest_delay: u64,
    /// What it waited for at the end of its last poll.
    pub waits: Vec<Waiting>,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The kind of thing.
    pub kind: WaitKind,
    /// Which one: a lock's number, the address of a channel, a task, a descriptor, a sleep's deadline in milliseconds of the runtime's clock.
    pub what: u64,
}

/// What the recording tells of a thread.
///
/// ```
/// let thread = selvedge_trace::ThreadTrack::default();
/// assert!(thread.worker.is_none());
/// ```
#[derive(Clone, Debug, Default, Serialize)]
pub struct ThreadTrack {
    /// Its number in the recording.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// The system's number of it.
    pub system_id: u32,
    /// Runtime and index of the worker that it last was.
    pub worker: Option<(u64, u64)>,
    /// Time in polls, in nanoseconds.
    pub busy: u64,
    /// Time asleep, in nanoseconds.
    pub parked: u64,
    /// How often it slept.
    pub parks: u64,
    /// Tasks that it stole.
    pub stolen: u64,
    /// Nanoseconds for which it was ready to run and had no processor, if the system tells.
    pub no_processor: Option<u64>,
    /// How often it lost its processor to another thread, if the system tells.
    pub preempted: Option<u64>,
}

/// All that is known from a recording.
///
/// ```
/// use selvedge_trace::{Analysis, Recording};
/// let analysis = Analysis::of(&Recording::default());
/// assert!(analysis.tasks.is_empty() && analysis.findings.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// The part of the recording that it covers: from the first event to the last.
    pub part: Slice,
    /// How many events are in it.
    pub events: usize,
    /// By id.
    pub tasks: BTreeMap<u64, TaskTrack>,
    /// By number.
    pub threads: BTreeMap<u16, ThreadTrack>,
    /// By their begin.
    pub polls: Vec<Poll>,
    /// By time.
    pub wakes: Vec<Wake>,
    /// Sleeps of threads, by their begin.
    pub sleeps: Vec<(u16, Slice)>,
    /// The user's spans, by their begin.
    pub spans: Vec<Span>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// What a thread does at the current event.
#[derive(Default)]
struct Now {
    /// Indices of polls; a poll may have others inside, of a `LocalSet` or a `block_on`.
    polls: Vec<usize>,
    delivers: Option<Waker>,
    asleep: Option<usize>,
    spans: Vec<usize>,
    waits: Vec<Waiting>,
    /// The first record of its waits for a processor.
    waited: Option<(u64, u64)>,
}

/// Tables that are looked up at each event are hash maps: a recording may have tens of millions of events, and millions of tasks.
struct Builder {
    analysis: Analysis,
    tasks: HashMap<u64, TaskTrack>,
    now: HashMap<u16, Now>,
    /// When a task was woken or queued, and has not been polled since.
    ready: HashMap<u64, u64>,
}

impl Analysis {
    /// Puts a recording's events together, and looks for what is wrong.
    ///
    /// ```
    /// # use selvedge_trace::{Analysis, Recording};
    /// let analysis = Analysis::of(&Recording::default());
    /// # assert!(analysis.polls.is_empty());
    /// ```
    pub fn of(recording: &Recording) -> Analysis {
        Analysis::of_part(recording, 0, u64::MAX)
    }

    /// The same for a part of the recording, between two moments in nanoseconds since its begin: polls, sleeps and spans that reach into the
    /// part, wakes in it, and tasks that have not ended before it. Events before the part only tell where tasks come from.
    ///
    /// ```
    /// # use selvedge_trace::{Analysis, Recording};
    /// let analysis = Analysis::of_part(&Recording::default(), 1_000_000, 2_000_000);
    /// # assert!(analysis.polls.is_empty());
    /// ```
    pub fn of_part(recording: &Recording, from: u64, to: u64) -> Analysis {
        let mut builder = Builder::of(recording);
        let whole_from = recording.whole_from;
        let end = recording.events.partition_point(|event| event.nanos <= to);
        let (mut is_whole, mut is_part) = (false, from == 0);
        for event in &recording.events[..end] {
            if !is_whole && event.nanos >= whole_from {
                is_whole = true;
                builder.begin_whole(whole_from);
            }
            if !is_part && event.nanos >= from {
                is_part = true;
                builder.begin_part();
            }
            builder.take(recording, event.nanos, event.thread, event.kind);
        }
        if !is_part {
            builder.begin_part();
        }
        let first = recording.events.partition_point(|event| event.nanos < from);
        let events = &recording.events[first.min(end)..end];
        let before = recording.events[..end].last();
        let last = before.map_or(0, |event| event.nanos);
        let begin = events.first().map_or(last, |event| event.nanos);
        let mut analysis = builder.end(last);
        analysis.part = Slice {
            begin: begin.max(whole_from).min(last),
            end: last,
        };
        analysis.events = events.len();
        analysis.findings = findings::find(recording, &analysis);
        analysis
    }

    /// The time in spans by their names, the most time first.
    ///
    /// ```
    /// # use selvedge_trace::{Analysis, Recording};
    /// let recording = Recording::default();
    /// assert!(Analysis::of(&recording).span_totals(&recording).is_empty());
    /// ```
    pub fn span_totals(&self, recording: &Recording) -> Vec<SpanTotal> {
        let mut totals: BTreeMap<&str, SpanTotal> = BTreeMap::new();
        for span in &self.spans {
            let total = totals.entry(recording.name(span.name)).or_default();
            total.times += 1;
            total.total += span.time.nanos();
            total.longest = total.longest.max(span.time.nanos());
        }
        let named = totals.into_iter().map(|(name, total)| SpanTotal {
            name: name.to_owned(),
            ..total
        });
        let mut totals: Vec<SpanTotal> = named.collect();
        totals.sort_by_key(|total| std::cmp::Reverse(total.total));
        totals
    }
}

impl Builder {
    fn of(recording: &Recording) -> Builder {
        let mut analysis = Analysis::default();
        for (number, thread) in &recording.threads {
            let track = analysis.threads.entry(*number).or_default();
            track.number = *number;
            track.name.clone_from(&thread.name);
            track.system_id = thread.system_id;
        }
        Builder {
            analysis,
            tasks: HashMap::new(),
            now: HashMap::new(),
            ready: HashMap::new(),
        }
    }

    /// From here on no event of any thread is missing. Earlier events only tell where tasks come from, not how long things took.
    fn begin_whole(&mut self, nanos: u64) {
        self.ready.clear();
        for now in self.now.values_mut() {
            now.polls.clear();
            now.waited = None;
            if let Some(at) = now.asleep {
                self.analysis.sleeps[at].1.begin = nanos;
            }
        }
        self.analysis.polls.retain(|poll| poll.outcome.is_some());
        self.analysis
            .polls
            .iter_mut()
            .for_each(|poll| poll.delay = 0);
        self.tasks
            .values_mut()
            .for_each(|task| task.longest_delay = 0);
        self.count_threads_anew();
    }

    fn count_threads_anew(&mut self) {
        for thread in self.analysis.threads.values_mut() {
            (thread.busy, thread.parked, thread.parks, thread.stolen) = (0, 0, 0, 0);
            (thread.no_processor, thread.preempted) = (None, None);
        }
    }

    /// Leaves out what is over at this moment, and counts from here on.
    fn begin_part(&mut self) {
        self.tasks.retain(|_, task| task.ended.is_none());
        for task in self.tasks.values_mut() {
            (task.polls, task.budget_spent, task.wakes, task.busy) = (0, 0, 0, 0);
            (task.longest_poll, task.longest_delay) = (0, 0);
        }
        self.count_threads_anew();
        self.analysis.wakes.clear();
        let now = || self.now.values();
        let polls = kept(&mut self.analysis.polls, now().flat_map(|it| &it.polls));
        let sleeps = kept(&mut self.analysis.sleeps, now().flat_map(|it| &it.asleep));
        let spans = kept(&mut self.analysis.spans, now().flat_map(|it| &it.spans));
        for now in self.now.values_mut() {
            now.polls.iter_mut().for_each(|at| *at = polls[at]);
            now.asleep.iter_mut().for_each(|at| *at = sleeps[at]);
            now.spans.iter_mut().for_each(|at| *at = spans[at]);
        }
        for at in 0..self.analysis.polls.len() {
            let id = self.analysis.polls[at].task;
            self.task(id).polls += 1;
        }
    }

    fn task(&mut self, id: u64) -> &mut TaskTrack {
        let task = self.tasks.entry(id).or_default();
        task.id = id;
        task
    }

    fn thread(&mut self, number: u16) -> &mut ThreadTrack {
        let thread = self.analysis.threads.entry(number).or_default();
        thread.number = number;
        thread
    }

    /// The task that is polled on a thread.
    fn polled(&self, thread: u16) -> Option<u64> {
        let poll = *self.now.get(&thread)?.polls.last()?;
        Some(self.analysis.polls[poll].task)
    }

    fn take(&mut self, recording: &Recording, nanos: u64, thread: u16, kind: EventKind) {
        match kind {
            EventKind::Spawned {
                task,
                parent,
                place,
            } => {
                let inferred = self.polled(thread).unwrap_or(0);
                let task = self.task(task);
                task.spawned = Some(nanos);
                task.parent = if parent != 0 { parent } else { inferred };
                task.place = recording.place(place);
            }
            EventKind::Named { task, name } => {
                self.task(task).name = recording.names.get(&name).cloned();
            }
            EventKind::PollBegin { task, place, poll } => {
                self.poll_begin(recording, nanos, thread, task, place, poll);
            }
            EventKind::PollEnd {
                task,
                outcome,
                wait,
            } => {
                if let Some((kind, what)) = wait {
                    let now = self.now.entry(thread).or_default();
                    now.waits.insert(0, Waiting { kind, what });
                }
                self.poll_end(nanos, thread, task, outcome);
            }
            EventKind::Woken { task } => self.woken(nanos, thread, task),
            // Moved from one queue to another, by the watch.
            EventKind::Queued { task, .. } if self.ready.contains_key(&task) => {}
            EventKind::Queued { task, .. } => {
                let is_new = self.tasks.get(&task).is_some_and(|task| {
                    task.polls == 0 && task.spawned.is_some() && !self.ready.contains_key(&task.id)
                });
                match is_new {
                    true => drop(self.ready.insert(task, nanos)),
                    false => self.woken(nanos, thread, task),
                }
            }
            EventKind::Cancelled { task } => {
                let task = self.task(task);
                task.cancelled = true;
                task.ended = Some(nanos);
            }
            EventKind::Wait { kind, what } => {
                let now = self.now.entry(thread).or_default();
                now.waits.push(Waiting { kind, what });
            }
            other => self.of_thread(nanos, thread, other),
        }
    }

    fn woken(&mut self, nanos: u64, thread: u16, task: u64) {
        let by = match (self.polled(thread), self.now.get(&thread)) {
            (Some(task), _) => Waker::Task(task),
            (None, Some(now)) => now.delivers.unwrap_or(Waker::Thread(thread)),
            (None, None) => Waker::Thread(thread),
        };
        self.task(task).wakes += 1;
        // It may be moved from one queue to another.
        self.ready.entry(task).or_insert(nanos);
        self.analysis.wakes.push(Wake {
            nanos,
            thread,
            task,
            by,
        });
    }

    fn of_thread(&mut self, nanos: u64, thread: u16, kind: EventKind) {
        let at = self.analysis.sleeps.len();
        let now = self.now.entry(thread).or_default();
        match kind {
            EventKind::Park { .. } => {
                now.delivers = None;
                now.asleep = Some(at);
                let time = Slice {
                    begin: nanos,
                    end: nanos,
                };
                self.analysis.sleeps.push((thread, time));
            }
            EventKind::Unpark { .. } => {
                if let Some(at) = now.asleep.take() {
                    let slept = &mut self.analysis.sleeps[at].1;
                    slept.end = nanos;
                    let slept = slept.nanos();
                    let thread = self.thread(thread);
                    thread.parked += slept;
                    thread.parks += 1;
                }
            }
            EventKind::Io { fd, .. } => now.delivers = Some(Waker::Io(fd)),
            EventKind::Timers { .. } => now.delivers = Some(Waker::Timer),
            EventKind::Worker { runtime, index } => {
                self.thread(thread).worker = Some((runtime, index));
            }
            EventKind::Waited { nanos, lost } => {
                let (nanos_before, lost_before) = *now.waited.get_or_insert((nanos, lost));
                let thread = self.thread(thread);
                thread.no_processor = Some(nanos.saturating_sub(nanos_before));
                thread.preempted = Some(lost.saturating_sub(lost_before));
            }
            EventKind::Stolen { tasks, .. } => self.thread(thread).stolen += tasks,
            EventKind::SpanBegin { name } => self.span_begin(nanos, thread, name),
            EventKind::SpanEnd { name } => {
                // Spans of async code may end in any order. An end without a begin is of a span that began unrecorded.
                let spans = &mut self.analysis.spans;
                let is_it = |at: &usize| spans[*at].name == name;
                if let Some(open) = now.spans.iter().rposition(is_it) {
                    spans[now.spans.remove(open)].time.end = nanos;
                }
            }
            _ => {}
        }
    }

    fn span_begin(&mut self, nanos: u64, thread: u16, name: u64) {
        let span = Span {
            task: self.polled(thread).unwrap_or(0),
            thread,
            name,
            time: Slice {
                begin: nanos,
                end: nanos,
            },
        };
        let at = self.analysis.spans.len();
        self.analysis.spans.push(span);
        self.now.entry(thread).or_default().spans.push(at);
    }

    fn poll_begin(
        &mut self,
        recording: &Recording,
        nanos: u64,
        thread: u16,
        id: u64,
        place: u64,
        kind: PollKind,
    ) {
        let delay = self.ready.remove(&id).map_or(0, |at| nanos - at);
        let task = self.task(id);
        task.polls += 1;
        task.kind = kind;
        task.longest_delay = task.longest_delay.max(delay);
        if task.place.is_empty() {
            task.place = recording.place(place);
        }
        let poll = self.analysis.polls.len();
        let now = self.now.entry(thread).or_default();
        now.delivers = None;
        now.waits.clear();
        now.polls.push(poll);
        self.analysis.polls.push(Poll {
            task: id,
            thread,
            time: Slice {
                begin: nanos,
                end: nanos,
            },
            delay,
            outcome: None,
            kind,
        });
    }

    fn poll_end(&mut self, nanos: u64, thread: u16, id: u64, outcome: Outcome) {
        let now = self.now.entry(thread).or_default();
        let polls = &self.analysis.polls;
        // Its begin may have been lost; then so were the begins of polls inside it.
        let Some(at) = now.polls.iter().rposition(|at| polls[*at].task == id) else {
            now.polls.clear();
            return;
        };
        let poll = now.polls[at];
        now.polls.truncate(at);
        let is_outermost = now.polls.is_empty();
        let waits = std::mem::take(&mut now.waits);
        let poll = &mut self.analysis.polls[poll];
        poll.time.end = nanos;
        poll.outcome = Some(outcome);
        let took = poll.time.nanos();
        if is_outermost {
            self.thread(thread).busy += took;
        }
        let task = self.task(id);
        task.busy += took;
        task.longest_poll = task.longest_poll.max(took);
        let is_spent = |wait: &Waiting| wait.kind == WaitKind::Turn && wait.what == BUDGET_SPENT;
        task.budget_spent += u64::from(waits.iter().any(is_spent));
        task.waits = waits;
        if outcome != Outcome::Pending {
            task.waits.clear();
            task.ended = Some(nanos);
            task.panicked = outcome == Outcome::Panicked;
        }
    }

    /// Polls, sleeps and spans that have not ended last to the end.
    fn end(mut self, end: u64) -> Analysis {
        let now = std::mem::take(&mut self.now);
        for (thread, now) in now {
            if let Some(at) = now.asleep {
                let slept = &mut self.analysis.sleeps[at].1;
                slept.end = end;
                let slept = slept.nanos();
                self.thread(thread).parked += slept;
            }
            for at in now.spans {
                self.analysis.spans[at].time.end = end;
            }
            for (depth, at) in now.polls.into_iter().enumerate() {
                let poll = &mut self.analysis.polls[at];
                poll.time.end = end;
                let (id, took) = (poll.task, poll.time.nanos());
                if depth == 0 {
                    self.thread(thread).busy += took;
                }
                let task = self.task(id);
                task.busy += took;
                task.longest_poll = task.longest_poll.max(took);
            }
        }
        self.analysis.tasks = self.tasks.into_iter().collect();
        self.analysis
    }
}

/// Keeps the given items of a list, in their order; returns where each of them is then.
fn kept<'a, T: Copy>(
    list: &mut Vec<T>,
    which: impl Iterator<Item = &'a usize>,
) -> HashMap<usize, usize> {
    let which: BTreeSet<usize> = which.copied().collect();
    *list = which.iter().map(|at| list[*at]).collect();
    which.into_iter().zip(0..).collect()
}
