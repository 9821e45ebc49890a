//! Judges: tests and models of the copy. Each is measured without a fault, then run with each fault that it reaches.
//!
//! Unit tests and integration tests of one binary run in one process, the quick ones before the slow ones. Each model runs in a process
//! of its own: first with one preemption and, if no judge kills the mutant, with two. A judge that hangs has killed the mutant, and so has
//! a judge that needs too much memory or processor time. A hang is detected by processor time, so that a slow machine does not look like one.

use super::Mutant;
use super::build::Test;
use crate::env::{self, Until, run_limited, run_until};
use crate::loom::wanted;
use crate::mutants::{Args, krate};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A judge may take this time plus [`SLOWNESS`] times what it took without a fault, as other programs use the machine too.
const PATIENCE: Duration = Duration::from_secs(30);
const SLOWNESS: u32 = 6;
/// A judge may use no processor time for this long, plus twice what it took without a fault. After that it hangs.
const IDLE: Duration = Duration::from_millis(1500);
/// A judge may use so many seconds of processor time, plus [`SLOWNESS`] times what it took without a fault.
const BUSY: u64 = 3;
/// Tests that take no longer than this run together, before the other tests of their binary.
const QUICK: Duration = Duration::from_millis(60);
/// A test or model that takes longer than this without a fault is no judge, as every survivor is run by all judges.
const LONGEST: Duration = Duration::from_secs(10);
/// The same for a model with two preemptions.
const LONGEST_THOROUGH: Duration = Duration::from_secs(5);
/// Limits of a judge: kilobytes of data, blocks of output, seconds of processor time.
const LIMITS: &str =
    "ulimit -d 4000000; ulimit -f 400000; ulimit -t $JUDGE_SECONDS; exec \"$0\" \"$@\"";

/// What became of a mutant.
pub enum Verdict {
    Killed,
    /// It survives, and the table has a reason.
    Accepted,
    Lives {
        is_reached: bool,
    },
}

pub struct Judged {
    /// The index of the mutant.
    pub at: usize,
    pub verdict: Verdict,
    pub took: Duration,
}

/// A test or model that passes without a fault, and the faults that it reaches.
struct Judge {
    test: Test,
    reached: BTreeSet<u32>,
    /// Its time; for a model, with one preemption.
    took: Duration,
    /// The time of a model with two preemptions.
    thorough: Option<Duration>,
}

/// The result of a test without a fault.
enum Measured {
    Passes {
        reached: BTreeSet<u32>,
        took: Duration,
        thorough: Option<Duration>,
    },
    TooSlow,
    Fails,
}

pub struct Judges {
    judges: Vec<Judge>,
    failing: Vec<String>,
    dir: PathBuf,
    bound: Option<String>,
}

impl Test {
    /// Is the test a judge of the mutant's file?
    fn speaks_for(&self, mutant: &Mutant<'_>) -> bool {
        if self.target.replace('_', "-") == krate(mutant.file) {
            return !self.is_model || wanted(&self.name, &mutant.section.models);
        }
        !self.is_model && mutant.section.tests.contains(&self.target)
    }
}

impl Judges {
    /// Runs the tests that judge any of the mutants, without a fault.
    pub fn measure(
        tests: Vec<Test>,
        work: &[Mutant<'_>],
        args: &Args,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let start = Instant::now();
        let mut judges = Judges {
            judges: Vec::new(),
            failing: Vec::new(),
            dir: env::target_dir().join("mutants").join("logic"),
            bound: std::env::var("LOOM_MAX_PREEMPTIONS").ok(),
        };
        let mut kinds: Vec<&Mutant<'_>> = Vec::new();
        for mutant in work {
            if kinds.last().is_none_or(|last| last.file != mutant.file) {
                kinds.push(mutant);
            }
        }
        let mut tests = tests;
        tests.retain(|test| kinds.iter().any(|mutant| test.speaks_for(mutant)));
        let measured = in_parallel(args.jobs, tests.len(), |worker, at| {
            judges.measure_one(&tests[at], worker)
        });
        let mut measured: BTreeMap<usize, _> = measured.into_iter().collect();
        let mut too_slow = 0;
        for (at, test) in tests.into_iter().enumerate() {
            match measured.remove(&at) {
                Some(Ok(Measured::Passes {
                    reached,
                    took,
                    thorough,
                })) => judges.judges.push(Judge {
                    test,
                    reached,
                    took,
                    thorough,
                }),
                Some(Ok(Measured::TooSlow)) => too_slow += 1,
                Some(Err(error)) => return Err(error.into()),
                _ => judges
                    .failing
                    .push(format!("{}: {}", test.target, test.name)),
            }
        }
        judges.judges.sort_by_key(|judge| judge.took);
        println!(
            "{} judges measured in {:.0} s, {too_slow} are too slow, {} failed",
            judges.judges.len(),
            start.elapsed().as_secs_f64(),
            judges.failing.len()
        );
        Ok(judges)
    }

    pub fn failing(&self) -> &[String] {
        &self.failing
    }

    fn measure_one(&self, test: &Test, worker: usize) -> std::io::Result<Measured> {
        let log = self.dir.join(format!("judge-{worker}.log"));
        let reached = self.dir.join(format!("reached-{worker}"));
        let _ = fs::remove_file(&reached);
        let mut command = self.command(&[test], Some("1"));
        command.env("RUNTIME_LOGIC_REACHED", &reached);
        let ended = run_limited(&mut command, LONGEST, &log)?;
        let Some(status) = ended.status else {
            return Ok(Measured::TooSlow);
        };
        if !status.success() {
            return Ok(Measured::Fails);
        }
        let took = ended.took;
        let numbers = fs::read_to_string(&reached).unwrap_or_default();
        let numbers = numbers
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        let mut thorough = None;
        if test.is_model && self.bound.is_none() && took < LONGEST_THOROUGH {
            let mut command = self.command(&[test], Some("2"));
            let ended = run_limited(&mut command, LONGEST_THOROUGH, &log)?;
            thorough = ended
                .status
                .is_some_and(|s| s.success())
                .then_some(ended.took);
        }
        Ok(Measured::Passes {
            reached: numbers,
            took,
            thorough,
        })
    }

    /// A command that runs these tests of one executable in one process.
    fn command(&self, tests: &[&Test], bound: Option<&str>) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", LIMITS]).arg(&tests[0].executable);
        command.arg("--exact").args(tests.iter().map(|t| &t.name));
        command.env("RUST_BACKTRACE", "0").current_dir(env::root());
        command.env("JUDGE_SECONDS", "unlimited");
        // The failures of a mutant must not be stored as regressions.
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
        if let Some(bound) = self.bound.as_deref().or(bound) {
            command.env("LOOM_MAX_PREEMPTIONS", bound);
        }
        command
    }

    pub fn judge(&self, work: &[Mutant<'_>], args: &Args) -> Vec<Judged> {
        let judged = in_parallel(args.jobs, work.len(), |worker, at| {
            let start = Instant::now();
            let mutant = &work[at];
            let (killer, is_reached) = self.killer(mutant, worker);
            let verdict = match (killer, mutant.allow) {
                (Some(killer), _) => {
                    println!("killed    {} by {killer}", mutant.name);
                    Verdict::Killed
                }
                (None, Some(allow)) => {
                    println!(
                        "accepted  {}: {}",
                        mutant.name,
                        mutant.section.accept(allow)
                    );
                    Verdict::Accepted
                }
                (None, None) => {
                    let how = if is_reached { "SURVIVED " } else { "UNREACHED" };
                    println!("{how} {}", mutant.name);
                    Verdict::Lives { is_reached }
                }
            };
            (verdict, start.elapsed())
        });
        judged
            .into_iter()
            .map(|(at, (verdict, took))| Judged { at, verdict, took })
            .collect()
    }

    /// The judge that kills the mutant, and whether any judge reaches it.
    fn killer(&self, mutant: &Mutant<'_>, worker: usize) -> (Option<String>, bool) {
        let log = self.dir.join(format!("judge-{worker}.log"));
        let comes_by = |judge: &&Judge| {
            judge.reached.contains(&mutant.number) && judge.test.speaks_for(mutant)
        };
        let judges: Vec<&Judge> = self.judges.iter().filter(comes_by).collect();
        let is_reached = !judges.is_empty();
        for Group { took, tests, bound } in in_order(&judges) {
            let mut command = self.command(&tests, Some(bound));
            let seconds = BUSY + u64::from(SLOWNESS) * took.as_secs();
            command.env("JUDGE_SECONDS", seconds.to_string());
            command.env("RUNTIME_LOGIC_MUTANT", mutant.number.to_string());
            let until = Until {
                limit: PATIENCE + took * SLOWNESS,
                idle: Some(IDLE + took * 2),
                word: Some("... FAILED\n"),
            };
            match run_until(&mut command, &until, &log) {
                Ok(ended) if ended.status.is_some_and(|s| s.success()) => {}
                Ok(ended) => return (Some(name_of_killer(&tests, &ended)), is_reached),
                Err(error) => println!("{error}"),
            }
        }
        (None, is_reached)
    }
}

/// Judges that run together.
struct Group<'a> {
    took: Duration,
    tests: Vec<&'a Test>,
    /// The bound on preemptions, for models.
    bound: &'static str,
}

/// The judges in groups: the quickest first, models with two preemptions last.
fn in_order<'a>(judges: &[&'a Judge]) -> Vec<Group<'a>> {
    let mut groups: Vec<(bool, Group<'a>)> = Vec::new();
    for judge in judges {
        let (test, took) = (&judge.test, judge.took);
        let is_quick = took <= QUICK;
        let same = groups.iter_mut().find(|(are_quick, group)| {
            let is_same = group.tests[0].executable == test.executable;
            !test.is_model && is_same && *are_quick == is_quick
        });
        match same {
            Some((_, group)) => {
                group.took += took;
                group.tests.push(test);
            }
            None => groups.push((
                is_quick,
                Group {
                    took,
                    tests: vec![test],
                    bound: "1",
                },
            )),
        }
    }
    groups.sort_by_key(|(_, group)| group.took);
    let mut groups: Vec<Group<'a>> = groups.into_iter().map(|(_, group)| group).collect();
    for judge in judges.iter().filter(|j| j.test.is_model) {
        if let Some(took) = judge.thorough {
            groups.push(Group {
                took,
                tests: vec![&judge.test],
                bound: "2",
            });
        }
    }
    groups
}

fn name_of_killer(tests: &[&Test], ended: &env::Ended) -> String {
    let failed = ended.output.lines().find_map(|line| {
        let line = line.strip_prefix("test ")?;
        line.strip_suffix(" ... FAILED").map(str::to_owned)
    });
    let name = failed.unwrap_or_else(|| match tests {
        [one] => one.name.clone(),
        several => format!("one of {} tests", several.len()),
    });
    let hung = ended.status.is_none() && !ended.output.contains("... FAILED");
    format!(
        "{}::{name}{}",
        tests[0].target,
        if hung { " (hung)" } else { "" }
    )
}

/// Runs `f(worker, at)` for all `at` below `count`.
fn in_parallel<T: Send>(
    jobs: usize,
    count: usize,
    f: impl Fn(usize, usize) -> T + Sync,
) -> Vec<(usize, T)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for worker in 0..jobs.max(1) {
            let (next, done, f) = (&next, &done, &f);
            scope.spawn(move || {
                loop {
                    // Ordering: Relaxed; a ticket.
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let value = f(worker, at);
                    let mut done = done.lock().unwrap_or_else(|e| e.into_inner());
                    done.push((at, value));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(|e| e.into_inner())
}
