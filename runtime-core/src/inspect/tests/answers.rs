//! Tests of whole answers: each member, in the order that `docs/inspector.md` has.

use crate::driver::Drivers;
use crate::inspect::answer::{Answer, Recording, state};
use crate::record::Recorder;
use crate::record::tests::events::alone;
use crate::runtime::config::HistogramBuckets;
use crate::runtime::{Config, Core, Handle, RuntimeMetrics};
use crate::spawn::spawn;
use std::sync::Arc;
use std::time::Duration;

fn core(configure: impl FnOnce(&mut Config)) -> Core {
    let mut config = Config::new(None, "test");
    configure(&mut config);
    Core::start(config, Drivers::default()).unwrap()
}

fn ask(request: &str, handles: &[Handle]) -> Answer {
    let line = format!("{{\"protocol\":1,{request}}}");
    Answer::to(line.as_bytes(), handles, &mut Recording::default(), true)
}

/// The line, with `?` for times of the clock.
fn told(request: &str, handles: &[Handle]) -> String {
    let line = ask(request, handles).line;
    let mut parts = line.split("\"uptime_nanos\":");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap();
        assert!(end > 0, "{line}");
        told += "\"uptime_nanos\":?";
        told += &part[end..];
    }
    told
}

#[test]
fn hello_tells_the_process_and_its_runtimes() {
    let _alone = alone();
    let named = core(|config| config.name = Some("first".to_owned()));
    let local = core(|config| config.is_local = true);
    let multi = core(|config| config.workers = Some(3));
    let handles = [&named, &local, &multi].map(|core| core.handle().clone());
    let ids = [0, 1, 2].map(|at: usize| handles[at].id().as_u64());
    let program = std::env::current_exe().unwrap();
    let runtime = |id, rest| format!("{{\"id\":{id},{rest},\"uptime_nanos\":?}}");
    let runtimes = [
        runtime(
            ids[0],
            "\"name\":\"first\",\"flavor\":\"current_thread\",\"workers\":1",
        ),
        runtime(ids[1], "\"name\":null,\"flavor\":\"local\",\"workers\":1"),
        runtime(
            ids[2],
            "\"name\":null,\"flavor\":\"multi_thread\",\"workers\":3",
        ),
    ];
    for is_on in [false, true] {
        if is_on {
            Recorder::new().start(&Default::default()).unwrap();
        }
        let expected = format!(
            "{{\"protocol\":1,\"answer\":\"hello\",\"pid\":{},\"program\":\"{}\",\"version\":\"{}\",\"recording\":{is_on},\"runtimes\":[{}]}}\n",
            std::process::id(),
            program.display(),
            env!("CARGO_PKG_VERSION"),
            runtimes.join(","),
        );
        assert_eq!(told("\"request\":\"hello\"", &handles), expected);
    }
    Recorder::new().stop();
}

#[derive(Debug)]
struct Buckets;

impl HistogramBuckets for Buckets {
    fn len(&self) -> usize {
        2
    }
    fn bucket_of(&self, nanos: u64) -> usize {
        usize::from(nanos >= 5)
    }
    fn range(&self, bucket: usize) -> std::ops::Range<Duration> {
        let from = Duration::from_nanos(5 * bucket as u64);
        from..Duration::MAX
    }
}

/// Each worker's figures, in their order, from the metrics.
fn worker(metrics: &RuntimeMetrics, index: usize) -> String {
    format!(
        "{{\"state\":\"not_driven\",\"index\":{index},\"busy_nanos\":{},\"polls\":{},\"mean_poll_nanos\":{},\"parks\":{},\"parks_and_unparks\":{},\"noops\":{},\"stolen_tasks\":{},\"steals\":{},\"local_schedules\":{},\"overflows\":{},\"queue_depth\":{}}}",
        metrics.worker_total_busy_duration(index).as_nanos(),
        metrics.worker_poll_count(index),
        metrics.worker_mean_poll_time(index).as_nanos(),
        metrics.worker_park_count(index),
        metrics.worker_park_unpark_count(index),
        metrics.worker_noop_count(index),
        metrics.worker_steal_count(index),
        metrics.worker_steal_operations(index),
        metrics.worker_local_schedule_count(index),
        metrics.worker_overflow_count(index),
        metrics.worker_local_queue_depth(index),
    )
}

#[test]
fn metrics_tell_every_figure() {
    for keeps in [false, true] {
        let core = core(|config| {
            if keeps {
                config.schedule_latency_histogram = Some(Arc::new(Buckets));
                config.tracks_latency = true;
            }
        });
        core.block_on(async {
            for _ in 0..3 {
                spawn(async {}).await.unwrap();
            }
        });
        let handle = core.handle();
        let metrics = handle.metrics();
        let latencies = match keeps {
            true => {
                let counts =
                    [0, 1].map(|bucket| metrics.schedule_latency_histogram_bucket_count(0, bucket));
                assert_eq!(counts[0] + counts[1], 3);
                format!(
                    "[{{\"from_nanos\":0,\"count\":{}}},{{\"from_nanos\":5,\"count\":{}}}]",
                    counts[0], counts[1]
                )
            }
            false => "null".to_owned(),
        };
        let expected = format!(
            "{{\"protocol\":1,\"answer\":\"metrics\",\"runtimes\":[{{\"id\":{},\"uptime_nanos\":?,\"alive_tasks\":0,\"spawned_tasks\":3,\"global_queue_depth\":0,\"remote_schedules\":{},\"budget_forced_yields\":0,\"blocking_threads\":0,\"idle_blocking_threads\":0,\"blocking_queue_depth\":0,\"io_registered\":0,\"io_deregistered\":0,\"io_events\":0,\"workers\":[{}],\"poll_times\":null,\"schedule_latencies\":{latencies}}}]}}\n",
            handle.id().as_u64(),
            metrics.remote_schedule_count(),
            worker(&metrics, 0),
        );
        let asked = told("\"request\":\"metrics\"", std::slice::from_ref(handle));
        assert_eq!(asked, expected);
    }
}

#[test]
fn a_park_makes_the_count_odd() {
    for count in 0..8 {
        let expected = ["awake", "parked"][count as usize % 2];
        assert_eq!(state(true, count), expected, "{count}");
        assert_eq!(state(false, count), "not_driven", "{count}");
    }
}

#[test]
fn a_refusal_tells_a_word_and_a_sentence() {
    let refusal = Answer::refusal("busy", "try again");
    let expected =
        "{\"protocol\":1,\"answer\":\"error\",\"error\":\"busy\",\"message\":\"try again\"}\n";
    assert_eq!(refusal.line, expected);
    assert!(!refusal.is_large && refusal.bytes.is_empty());
}

/// Answers that may take much memory are refused to a second client; other answers are not.
#[test]
fn large_answers_are_one_at_a_time() {
    let _alone = alone();
    Recorder::new().start(&Default::default()).unwrap();
    for (request, is_large) in [
        ("hello", false),
        ("metrics", false),
        ("tasks", true),
        ("findings", true),
        ("record\",\"action\":\"snapshot", true),
    ] {
        let request = format!("\"request\":\"{request}\"");
        assert_eq!(ask(&request, &[]).is_large, is_large, "{request}");
        let line = format!("{{\"protocol\":1,{request}}}");
        let answer = Answer::to(line.as_bytes(), &[], &mut Recording::default(), false);
        let is_refused = answer.line.contains("\"error\":\"busy\"");
        assert_eq!(is_refused, is_large, "{request}");
        assert!(!answer.is_large);
    }
    Recorder::new().stop();
}

/// A client's ring is as large as the client says, up to the limit.
#[test]
fn a_recording_is_as_large_as_the_client_says_up_to_a_limit() {
    let _alone = alone();
    let size = |bytes: u64| {
        let request = format!("\"request\":\"record\",\"action\":\"start\",\"ring_bytes\":{bytes}");
        let line = format!("{{\"protocol\":1,{request}}}");
        let mut recording = Recording::default();
        let answer = Answer::to(line.as_bytes(), &[], &mut recording, true);
        let expected = "{\"protocol\":1,\"answer\":\"record\",\"recording\":true,\"bytes\":0}\n";
        assert_eq!(answer.line, expected);
        crate::record::tests::ring_bytes()
    };
    assert_eq!(size(1 << 16), 1 << 16);
    assert_eq!(size(1 << 40), 1 << 24);
    assert_eq!(size(u64::MAX), 1 << 24);
}
