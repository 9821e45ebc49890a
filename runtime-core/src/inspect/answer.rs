//! What is told: from a request to the line of its answer, and a snapshot's bytes behind it.

use super::json::Json;
use super::request::{MAX_RING, PROTOCOL, Request};
use crate::handle::{Handle, Policy};
use crate::record::{RecordOptions, Recorder};
use crate::runtime::{RuntimeFlavor, RuntimeMetrics};
use std::time::Duration;

/// An answer that is to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) line: String,
    /// What follows the line, if anything does.
    pub(super) bytes: Vec<u8>,
}

/// What a client has of the recorder.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// The number of the recording that the client has begun.
    begun: Option<u32>,
}

impl Drop for Recording {
    /// A client that goes, for whatever reason, leaves no recording behind.
    fn drop(&mut self) {
        if let Some(begun) = self.begun {
            Recorder::new().stop_if(begun);
        }
    }
}

/// What goes wrong: a word for programs, and a sentence.
type Refusal = (&'static str, String);

impl Answer {
    /// To one line of a client, whole or not.
    pub(super) fn to(
        line: &[u8],
        handles: &[Handle],
        recording: &mut Recording,
        may_snapshot: bool,
    ) -> Answer {
        let request = std::str::from_utf8(line).ok().and_then(Request::read);
        let Some(request) = request else {
            return Answer::refusal(
                "bad_request",
                "a request is one line with a flat JSON object",
            );
        };
        match answer(&request, handles, recording, may_snapshot) {
            Ok(answer) => answer,
            Err((kind, message)) => Answer::refusal(kind, &message),
        }
    }

    /// An error.
    pub(super) fn refusal(kind: &str, message: &str) -> Answer {
        let mut json = begin("error");
        json.name("error").text(kind);
        json.name("message").text(message);
        Answer::of(json)
    }

    fn of(mut json: Json) -> Answer {
        json.close('}');
        Answer {
            line: json.line(),
            bytes: Vec::new(),
        }
    }
}

fn begin(answer: &str) -> Json {
    let mut json = Json::default();
    json.open('{');
    json.name("protocol").number(PROTOCOL);
    json.name("answer").text(answer);
    json
}

fn answer(
    request: &Request,
    handles: &[Handle],
    recording: &mut Recording,
    may_snapshot: bool,
) -> Result<Answer, Refusal> {
    let name = request.request.as_str();
    // Whatever its version, a client is told this process's.
    if name != "hello" && request.protocol != Some(PROTOCOL) {
        let message = format!("this process speaks version {PROTOCOL} of the protocol");
        return Err(("version", message));
    }
    match name {
        "hello" => Ok(hello(handles)),
        "metrics" => Ok(metrics(handles)),
        "record" => record(request, recording, may_snapshot),
        _ => Err((
            "unknown_request",
            "known are hello, metrics and record".to_owned(),
        )),
    }
}

fn hello(handles: &[Handle]) -> Answer {
    let mut json = begin("hello");
    json.name("pid").number(std::process::id().into());
    match std::env::current_exe() {
        Ok(program) => json.name("program").text(&program.to_string_lossy()),
        Err(_) => json.name("program").null(),
    }
    json.name("version").text(env!("CARGO_PKG_VERSION"));
    json.name("recording").flag(Recorder::new().is_on());
    json.name("runtimes").open('[');
    for handle in handles {
        json.open('{');
        json.name("id").number(handle.id().as_u64());
        match handle.name() {
            Some(name) => json.name("name").text(name),
            None => json.name("name").null(),
        }
        json.name("flavor").text(match handle.runtime_flavor() {
            RuntimeFlavor::CurrentThread if handle.is_local() => "local",
            RuntimeFlavor::CurrentThread => "current_thread",
            RuntimeFlavor::MultiThread => "multi_thread",
        });
        json.name("workers").number(handle.workers() as u64);
        json.name("uptime_nanos").number(handle.shared.nanos());
        json.close('}');
    }
    json.close(']');
    Answer::of(json)
}

fn metrics(handles: &[Handle]) -> Answer {
    let mut json = begin("metrics");
    json.name("runtimes").open('[');
    for handle in handles {
        runtime(&mut json, handle);
    }
    json.close(']');
    Answer::of(json)
}

fn numbers(json: &mut Json, numbers: &[(&str, u64)]) {
    for (name, number) in numbers {
        json.name(name).number(*number);
    }
}

fn runtime(json: &mut Json, handle: &Handle) {
    let metrics = handle.metrics();
    json.open('{');
    numbers(
        json,
        &[
            ("id", handle.id().as_u64()),
            ("uptime_nanos", handle.shared.nanos()),
            ("alive_tasks", metrics.num_alive_tasks() as u64),
            ("spawned_tasks", metrics.spawned_tasks_count()),
            ("global_queue_depth", metrics.global_queue_depth() as u64),
            ("remote_schedules", metrics.remote_schedule_count()),
            ("budget_forced_yields", metrics.budget_forced_yield_count()),
            ("blocking_threads", metrics.num_blocking_threads() as u64),
            (
                "idle_blocking_threads",
                metrics.num_idle_blocking_threads() as u64,
            ),
            (
                "blocking_queue_depth",
                metrics.blocking_queue_depth() as u64,
            ),
            ("io_registered", metrics.io_driver_fd_registered_count()),
            ("io_deregistered", metrics.io_driver_fd_deregistered_count()),
            ("io_events", metrics.io_driver_ready_count()),
        ],
    );
    json.name("workers").open('[');
    for index in 0..metrics.num_workers() {
        worker(json, &metrics, index, is_driven(handle));
    }
    json.close(']');
    histogram(json, &metrics, "poll_times", &POLL_TIMES);
    histogram(json, &metrics, "schedule_latencies", &LATENCIES);
    json.close('}');
}

/// Is a thread in the runtime's loop? Workers always are.
fn is_driven(handle: &Handle) -> bool {
    match &handle.shared.policy {
        Policy::CurrentThread(policy) => policy.core.lock().is_none(),
        Policy::MultiThread(_) => true,
    }
}

fn worker(json: &mut Json, metrics: &RuntimeMetrics, index: usize, is_driven: bool) {
    json.open('{');
    let is_parked = metrics.worker_park_unpark_count(index) % 2 == 1;
    json.name("state").text(match (is_driven, is_parked) {
        (false, _) => "not_driven",
        (true, false) => "awake",
        (true, true) => "parked",
    });
    numbers(
        json,
        &[
            ("index", index as u64),
            (
                "busy_nanos",
                nanos(metrics.worker_total_busy_duration(index)),
            ),
            ("polls", metrics.worker_poll_count(index)),
            (
                "mean_poll_nanos",
                nanos(metrics.worker_mean_poll_time(index)),
            ),
            ("parks", metrics.worker_park_count(index)),
            ("parks_and_unparks", metrics.worker_park_unpark_count(index)),
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
    json.close('}');
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
fn histogram(json: &mut Json, metrics: &RuntimeMetrics, name: &str, of: &Histogram) {
    let buckets = (of.buckets)(metrics);
    json.name(name);
    if buckets == 0 {
        return json.null();
    }
    json.open('[');
    for bucket in 0..buckets {
        let counts = (0..metrics.num_workers()).map(|w| (of.count)(metrics, w, bucket));
        let count = counts.sum();
        json.open('{');
        let from = nanos((of.range)(metrics, bucket).start);
        numbers(json, &[("from_nanos", from), ("count", count)]);
        json.close('}');
    }
    json.close(']');
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn record(
    request: &Request,
    recording: &mut Recording,
    may_snapshot: bool,
) -> Result<Answer, Refusal> {
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
        "snapshot" if !may_snapshot => {
            let message = "another client takes a snapshot; try again";
            return Err(("busy", message.to_owned()));
        }
        "snapshot" => bytes = recorder.snapshot().map_err(failed)?,
        _ => {
            let message = "the actions of record are start, stop and snapshot";
            return Err(("bad_request", message.to_owned()));
        }
    }
    let mut json = begin("record");
    json.name("recording").flag(recorder.is_on());
    json.name("bytes").number(bytes.len() as u64);
    let line = Answer::of(json).line;
    Ok(Answer { line, bytes })
}

fn failed(error: std::io::Error) -> Refusal {
    ("failed", error.to_string())
}
