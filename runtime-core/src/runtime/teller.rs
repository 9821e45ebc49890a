//! A thread that looks for findings and reports the new ones.
//!
//! It looks every half second, and when the watch unparks it because a worker is stuck. A new finding goes to the program's hook, to `tracing`
//! (feature `tracing`, target `selvedge::findings`), into the recording as a mark, and with `SELVEDGE_FINDINGS=1` to the standard error.
//! A finding that may be brief (a full pool, late timers, few descriptors) is reported once two looks in a row have found it.
//!
//! The thread holds the runtime only during a look, and ends at the look after the runtime's end.

use super::conditions;
use super::findings::{Finding, FindingKind};
use super::tasks::TaskList;
use super::{Handle, Recorder};
use crate::base::clock;
use crate::base::contain;
use crate::base::parker::ThreadParker;
use crate::base::shim::thread::Builder;
use crate::handle::Policy;
use crate::task::Id;
use crate::worker::rescue;
use std::io;
// Not part of a model: std's atomic under the model checker too.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

const VARIABLE: &str = "SELVEDGE_FINDINGS";
/// The time between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Is called with each finding, once.
pub type FindingHook = Arc<dyn Fn(&Finding) + Send + Sync>;

/// Ends the thread when it is dropped. The drop does not wait for the thread, as the hook may be what drops it.
#[derive(Debug)]
pub struct Teller(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    is_over: AtomicBool,
    parker: Arc<ThreadParker>,
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Ordering: Release; pairs with the Acquire in `Looks::run`.
        self.0.is_over.store(true, Ordering::Release);
        self.0.parker.unpark();
    }
}

/// Begins to report a runtime's findings, if the program or the environment asks for it.
///
/// # Errors
/// If the program asks for it, and the system gives no thread.
pub fn begin(handle: &Handle, hook: Option<FindingHook>) -> io::Result<Option<Teller>> {
    let prints =
        std::env::var_os(VARIABLE).is_some_and(|value| !matches!(value.to_str(), Some("" | "0")));
    let asked_by_program = hook.is_some();
    if !asked_by_program && !prints {
        return Ok(None);
    }
    let stop = Arc::new(Stop::default());
    if let Policy::MultiThread(policy) = &handle.shared.policy {
        policy.watch.unpark_at_stalls(stop.parker.clone());
    }
    let looks = Looks {
        runtime: Arc::downgrade(&handle.shared),
        stop: stop.clone(),
        hook,
        prints,
        last: None,
        seen: Vec::new(),
        told: Vec::new(),
    };
    let thread = Builder::new()
        .name("selvedge-findings".to_owned())
        .spawn(move || looks.run());
    match thread {
        Ok(_) => Ok(Some(Teller(stop))),
        Err(error) if asked_by_program => Err(error),
        // A program that did not ask for reports runs without them.
        Err(error) => {
            eprintln!("selvedge: no thread for {VARIABLE}: {error}");
            Ok(None)
        }
    }
}

/// Two findings with the same key are the same.
type Key = (FindingKind, Vec<Id>);

struct Looks {
    runtime: Weak<crate::handle::shared::Shared>,
    stop: Arc<Stop>,
    hook: Option<FindingHook>,
    prints: bool,
    /// The tasks at the last look, and when that was.
    last: Option<(Instant, TaskList)>,
    /// What was found at the last look.
    seen: Vec<Key>,
    /// What was reported, and is still found.
    told: Vec<Key>,
}

impl Looks {
    fn run(mut self) {
        loop {
            self.stop.parker.park_timeout(PERIOD);
            // Ordering: Acquire; pairs with the Release in `Teller::drop`.
            if self.stop.is_over.load(Ordering::Acquire) {
                return;
            }
            let Some(shared) = self.runtime.upgrade() else {
                return;
            };
            let findings = self.look(&Handle { shared });
            self.tell(&findings);
        }
    }

    fn look(&mut self, handle: &Handle) -> Vec<Finding> {
        rescue::end_grace(handle);
        let mut findings = handle.findings();
        // The time between two looks is measured from after one list to before the next, so that it is never too long.
        let now = clock::now();
        let tasks = handle.tasks();
        if let Some((at, last)) = &self.last {
            // The sleep in between may have ended early.
            let apart = now.saturating_duration_since(*at);
            findings.extend(conditions::still_polled(handle, last, &tasks, apart));
        }
        conditions::note_look(handle);
        self.last = Some((clock::now(), tasks));
        findings
    }

    fn tell(&mut self, findings: &[Finding]) {
        let keys: Vec<Key> = findings.iter().map(key).collect();
        self.told.retain(|told| keys.contains(told));
        for (finding, key) in findings.iter().zip(&keys) {
            let is_settled = !finding.kind().may_be_brief() || self.seen.contains(key);
            if is_settled && !self.told.contains(key) {
                self.told.push(key.clone());
                self.tell_one(finding);
            }
        }
        self.seen = keys;
    }

    fn tell_one(&self, finding: &Finding) {
        let first = finding.tasks().first().map_or(0, |id| id.as_u64());
        Recorder::new().mark(&format!("finding: {}", finding.kind()), first);
        // Each is contained by itself: if a subscriber panics, the hook still gets the finding.
        #[cfg(feature = "tracing")]
        contain::contain(|| {
            tracing::warn!(
                target: "selvedge::findings",
                kind = %finding.kind(),
                task.id = first,
                cure = finding.cure(),
                stack = finding.stack().join("\n"),
                "{}",
                finding.evidence()
            );
        });
        if self.prints {
            contain::contain(|| eprintln!("selvedge: {finding}"));
        }
        if let Some(hook) = &self.hook {
            contain::contain(|| hook(finding));
        }
    }
}

fn key(finding: &Finding) -> Key {
    (finding.kind(), finding.tasks().to_vec())
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/teller.rs"]
mod tests;
