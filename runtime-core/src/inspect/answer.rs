//! Answers: from a request to the line of its answer, and a snapshot's bytes after the line.

use super::request::{MAX_RING, PROTOCOL, Request};
use crate::handle::{Handle, Policy};
use crate::record::{RecordOptions, Recorder};
use crate::runtime::json::{Json, Object};
use crate::runtime::{RuntimeFlavor, RuntimeMetrics};
use std::time::Duration;

/// An answer that is to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) line: String,
    /// What follows the line, if anything does.
    pub(super) bytes: Vec<u8>,
    /// May it take much memory?
    pub(super) is_large: bool,
}

/// A client's use of the recorder.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// The number of the recording that the client has begun.
    begun: Option<u32>,
}

impl Drop for Recording {
    /// A client that is gone, for whatever reason, leaves no recording behind.
    fn drop(&mut self) {
        if let Some(begun) = self.begun {
            Recorder::new().stop_if(begun);
        }
    }
}

/// An error: a word for programs, and a sentence for people.
type Refusal = (&'static str, String);

impl Answer {
    /// The answer to one line of a client; a large answer only if `may_be_large`.
    pub(super) fn to(
        line: &[u8],
        handles: &[Handle],
        recording: &mut Recording,
        may_be_large: bool,
    ) -> Answer {
        let request = std::str::from_utf8(line).ok().and_then(Request::read);
        let Some(request) = request else {
            return Answer::refusal(
                "bad_request",
                "a request is one line with a flat JSON object",
            );
        };
        match answer(&request, handles, recording, may_be_large) {
            Ok(answer) => answer,
            Err((kind, message)) => Answer::refusal(kind, &message),
        }
    }

    /// An answer that is an error.
    pub(super) fn refusal(kind: &str, message: &str) -> Answer {
        Answer::of("error", |answer| {
            answer.text("error", kind);
            answer.text("message", message);
        })
    }

    fn of(name: &str, fill: impl FnOnce(&mut Object<'_>)) -> Answer {
        let mut json = Json::new();
        json.object(|answer| {
            answer.number("protocol", PROTOCOL);
            answer.text("answer", name);
            fill(answer);
        });
        let mut line = json.finish();
        line.push('\n');
        Answer {
            line,
            bytes: Vec::new(),
            is_large: false,
        }
    }
}

fn answer(
    request: &Request,
    handles: &[Handle],
    recording: &mut Recording,
    may_be_large: bool,
) -> Result<Answer, Refusal> {
    let name = request.request.as_str();
    // A client of any version is told this process's version.
    if name != "hello" && request.protocol != Some(PROTOCOL) {
        let message = format!("this process speaks version {PROTOCOL} of the protocol");
        return Err(("version", message));
    }
    let is_large = matches!(
        (name, request.action.as_str()),
        ("tasks" | "findings", _) | ("record", "snapshot")
    );
    if is_large && !may_be_large {
        let message = "another client is being sent a large answer; try again";
        return Err(("busy", message.to_owned()));
    }
    let mut answer = match name {
        "hello" => hello(handles),
        "metrics" => Answer::of(name, |answer| {
            answer.objects("runtimes", handles, |handle, object| {
                runtime(object, handle);
            });
        }),
        "tasks" => Answer::of(name, |answer| {
            let lists: Vec<String> = handles.iter().map(|h| h.tasks().to_json()).collect();
            answer.documents("runtimes", &lists);
        }),
        "findings" => Answer::of(name, |answer| {
            answer.objects("runtimes", handles, |handle, object| {
                object.number("runtime", handle.id().as_u64());
                let findings = handle.findings();
                let findings: Vec<String> = findings.iter().map(|f| f.to_json()).collect();
                object.documents("findings", &findings);
            });
        }),
        "record" => record(request, recording)?,
        _ => {
            let message = "known are hello, metrics, tasks, findings and record";
            return Err(("unknown_request", message.to_owned()));
        }
    };
    answer.is_large = is_large;
    Ok(answer)
}

fn hello(handles: &[Handle]) -> Answer {
    Answer::of("hello", |answer| {
        let program = std::env::current_exe().ok();
        let program = program.as_ref().map(|path| path.to_string_lossy());
        answer.number("pid", std::process::id().into());
        answer.optional_text("program", program.as_deref());
        answer.text("version", env!("CARGO_PKG_VERSION"));
        answer.boolean("recording", Recorder::new().is_on());
        answer.objects("runtimes", handles, |handle, runtime| {
            runtime.number("id", handle.id().as_u64());
            runtime.optional_text("name", handle.name());
            runtime.text(
                "flavor",
                match handle.runtime_flavor() {
                    RuntimeFlavor::CurrentThread if handle.is_local() => "local",
                    RuntimeFlavor::CurrentThread => "current_thread",
                    RuntimeFlavor::MultiThread => "multi_thread",
                },
            );
            runtime.number("workers", handle.workers() as u64);
            runtime.number("uptime_nanos", handle.shared.nanos());
        });
    })
}

fn numbers(object: &mut Object<'_>, numbers: &[(&str, u64)]) {
    for (name, number) in numbers {
        object.number(name, *number);
    }
}

fn runtime(object: &mut Object<'_>, handle: &Handle) {
    let metrics = handle.metrics();
    let idle_blocking = metrics.num_idle_blocking_threads() as u64;
    numbers(
        object,
        &[
            ("id", handle.id().as_u64()),
            ("uptime_nanos", handle.shared.nanos()),
            ("alive_tasks", metrics.num_alive_tasks() as u64),
            ("spawned_tasks", metrics.spawned_tasks_count()),
            ("global_queue_depth", metrics.global_queue_depth() as u64),
            ("remote_schedules", metrics.remote_schedule_count()),
            ("budget_forced_yields", metrics.budget_forced_yield_count()),
            ("blocking_threads", metrics.num_blocking_threads() as u64),
            ("idle_blocking_threads", idle_blocking),
            (
                "blocking_queue_depth",
                metrics.blocking_queue_depth() as u64,
            ),
            ("io_registered", metrics.io_driver_fd_registered_count()),
            ("io_deregistered", metrics.io_driver_fd_deregistered_count()),
            ("io_events", metrics.io_driver_ready_count()),
        ],
    );
    let workers: Vec<usize> = (0..metrics.num_workers()).collect();
    let is_driven = is_driven(handle);
    object.objects("workers", &workers, |index, object| {
        worker(object, &metrics, *index, is_driven);
    });
    histogram(object, &metrics, "poll_times", &POLL_TIMES);
    histogram(object, &metrics, "schedule_latencies", &LATENCIES);
}

/// Is a thread in the runtime's loop? Workers always are.
fn is_driven(handle: &Handle) -> bool {
    match &handle.shared.policy {
        Policy::CurrentThread(policy) => policy.core.lock().is_none(),
        Policy::MultiThread(_) => true,
    }
}

fn worker(object: &mut Object<'_>, metrics: &RuntimeMetrics, index: usize, is_driven: bool) {
    let busy = metrics.worker_total_busy_duration(index);
    let parks_and_unparks = metrics.worker_park_unpark_count(index);
    object.text("state", state(is_driven, parks_and_unparks));
    numbers(
        object,
        &[
            ("index", index as u64),
            ("busy_nanos", nanos(busy)),
            ("polls", metrics.worker_poll_count(index)),
            (
                "mean_poll_nanos",
                nanos(metrics.worker_mean_poll_time(index)),
            ),
            ("parks", metrics.worker_park_count(index)),
            ("parks_and_unparks", parks_and_unparks),
            ("noops", metrics.worker_noop_count(index)),
            ("stolen_tasks", metrics.worker_steal_count(index)),
            ("steals", metrics.worker_steal_operations(index)),
            (
                "local_schedules",
                metrics.worker_local_schedule_count(index),
            ),
            ("overflows", metrics.worker_overflow_count(index)),
            (
                "queue_depth",
                metrics.worker_local_queue_depth(index) as u64,
            ),
        ],
    );
}

/// A park makes the count odd, its end makes it even.
pub(super) fn state(is_driven: bool, parks_and_unparks: u64) -> &'static str {
    match (is_driven, parks_and_unparks % 2 == 1) {
        (false, _) => "not_driven",
        (true, false) => "awake",
        (true, true) => "parked",
    }
}

/// One of the two histograms that a runtime may keep.
struct Histogram {
    buckets: fn(&RuntimeMetrics) -> usize,
    range: fn(&RuntimeMetrics, usize) -> std::ops::Range<Duration>,
    count: fn(&RuntimeMetrics, usize, usize) -> u64,
}

const POLL_TIMES: Histogram = Histogram {
    buckets: RuntimeMetrics::poll_time_histogram_num_buckets,
    range: RuntimeMetrics::poll_time_histogram_bucket_range,
    count: RuntimeMetrics::poll_time_histogram_bucket_count,
};

const LATENCIES: Histogram = Histogram {
    buckets: RuntimeMetrics::schedule_latency_histogram_num_buckets,
    range: RuntimeMetrics::schedule_latency_histogram_bucket_range,
    count: RuntimeMetrics::schedule_latency_histogram_bucket_count,
};

/// Each bucket's lower bound and its count over all workers; null if the histogram is not kept.
fn histogram(object: &mut Object<'_>, metrics: &RuntimeMetrics, name: &str, of: &Histogram) {
    let buckets: Vec<usize> = (0..(of.buckets)(metrics)).collect();
    if buckets.is_empty() {
        return object.document(name, "null");
    }
    object.objects(name, &buckets, |bucket, object| {
        let counts = (0..metrics.num_workers()).map(|w| (of.count)(metrics, w, *bucket));
        let from = nanos((of.range)(metrics, *bucket).start);
        numbers(object, &[("from_nanos", from), ("count", counts.sum())]);
    });
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn record(request: &Request, recording: &mut Recording) -> Result<Answer, Refusal> {
    let recorder = Recorder::new();
    let mut bytes = Vec::new();
    match request.action.as_str() {
        "start" if recorder.is_on() => {
            let message = "something is being recorded already; take a snapshot of it";
            return Err(("recording", message.to_owned()));
        }
        "start" => {
            let mut options = RecordOptions::new();
            if let Some(bytes) = request.ring_bytes {
                let bytes = usize::try_from(bytes).unwrap_or(MAX_RING).min(MAX_RING);
                options = options.ring_bytes(bytes);
            }
            recorder.start(&options).map_err(failed)?;
            recording.begun = Some(Recorder::number());
        }
        "stop" => match recording.begun.take() {
            Some(begun) => recorder.stop_if(begun),
            None => {
                let message = "this client has begun no recording";
                return Err(("recording", message.to_owned()));
            }
        },
        "snapshot" => bytes = recorder.snapshot().map_err(failed)?,
        _ => {
            let message = "the actions of record are start, stop and snapshot";
            return Err(("bad_request", message.to_owned()));
        }
    }
    let mut answer = Answer::of("record", |answer| {
        answer.boolean("recording", recorder.is_on());
        answer.number("bytes", bytes.len() as u64);
    });
    answer.bytes = bytes;
    Ok(answer)
}

fn failed(error: std::io::Error) -> Refusal {
    ("failed", error.to_string())
}
