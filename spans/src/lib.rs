//! Spans of `tracing` in the recordings of selvedge's flight recorder.
//!
//! A span is recorded for as long as it is entered, on the thread that enters it. Of async code that is each poll: the span of an
//! `#[instrument]`ed function that waits three times stands in four polls of its task.
//!
//! **The way**: `tracing` calls the layer as a thread enters a span and as it leaves it. The layer keeps, for each thread, the recorded spans
//! that are open, each with the span's id. What is left is looked up from the end, as spans may be left in another order than they were entered.
//!
//! **Invariants**
//! - I1. An end is recorded for a begin of the same thread and nothing else: a span that was entered while nothing was recorded is
//!   in no list, and what was open as the recording ended is forgotten at the next enter.
//! - I2. A thread that ends drops its list, and with it ends what is open.
//!
//! Nothing is allocated but the thread's list, as it grows. While nothing is recorded an enter is a load and a branch.

use selvedge::runtime::{RecordedSpan, Recorder};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing_core::Subscriber;
use tracing_core::span::Id;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Records when spans are entered and left.
///
/// It records each span that its subscriber enables, the runtime's own (feature `tracing` of selvedge) too;
/// [`with_filter`](tracing_subscriber::Layer::with_filter) leaves out what is not wanted.
///
/// ```
/// use selvedge::runtime::{RecordOptions, Runtime};
/// use selvedge_spans::RecorderLayer;
/// use tracing::Instrument;
/// use tracing_subscriber::prelude::*;
///
/// let runtime = Runtime::new().unwrap();
/// let recorder = runtime.handle().recorder();
/// tracing_subscriber::registry().with(RecorderLayer::new(recorder)).init();
///
/// recorder.start(&RecordOptions::new()).unwrap();
/// let answer = async {
///     selvedge::task::yield_now().await;
///     42
/// };
/// runtime.block_on(async {
///     let task = selvedge::spawn(answer.instrument(tracing::info_span!("answer")));
///     assert_eq!(task.await.unwrap(), 42);
/// });
///
/// let recording = selvedge_trace::Recording::read(&recorder.snapshot().unwrap()).unwrap();
/// let totals = selvedge_trace::Analysis::of(&recording).span_totals(&recording);
/// assert_eq!(totals[0].name, "answer");
/// # recorder.stop();
/// ```
#[derive(Debug)]
pub struct RecorderLayer {
    recorder: Recorder,
    /// Ids are those of one subscriber, and a thread may have several after one another.
    number: u64,
}

struct Open {
    layer: u64,
    id: u64,
    /// Its end is recorded as it is dropped, if something is recorded then.
    _span: RecordedSpan<'static>,
}

thread_local! {
    /// What the thread has entered, the innermost last.
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
}

/// Gives what the thread has entered to `f`, unless the thread has it in hand or is at its end.
fn with_open(f: impl FnOnce(&mut Vec<Open>)) {
    let _ = OPEN.try_with(|open| open.try_borrow_mut().map(|mut open| f(&mut open)));
}

impl RecorderLayer {
    /// A layer that records with this recorder, whenever that is on.
    ///
    /// ```
    /// use tracing_subscriber::prelude::*;
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let layer = selvedge_spans::RecorderLayer::new(runtime.handle().recorder());
    /// let subscriber = tracing_subscriber::registry().with(layer);
    /// # let _ = subscriber;
    /// ```
    pub fn new(recorder: Recorder) -> RecorderLayer {
        static LAYERS: AtomicU64 = AtomicU64::new(0);
        RecorderLayer {
            recorder,
            // Ordering: Relaxed; a counter.
            number: LAYERS.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for RecorderLayer {
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if !self.recorder.is_on() {
            // Their ends would be recorded without their begins once something is recorded again.
            with_open(Vec::clear);
            return;
        }
        let Some(metadata) = context.metadata(id) else {
            return;
        };
        // Before the list is touched: a thread that ends destroys first what it used last, the list before the recorder's ring.
        let entered = Open {
            layer: self.number,
            id: id.into_u64(),
            _span: self.recorder.span(metadata.name()),
        };
        with_open(|open| open.push(entered));
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        with_open(|open| {
            let id = id.into_u64();
            let is_it = |open: &Open| open.layer == self.number && open.id == id;
            if let Some(at) = open.iter().rposition(is_it) {
                open.remove(at);
            }
        });
    }
}
