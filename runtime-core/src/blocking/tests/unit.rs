//! The state machine, driven at random without threads, against what it promises.

use super::state::{Call, Errand, Job, Next, State, Ticket};
use std::collections::VecDeque;

struct Probe {
    number: usize,
    mandatory: bool,
}

impl Job for Probe {
    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
    fn run(self) {}
    fn cancel(self) {}
}

/// What a thread of the test does at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// Being made, for this job.
    Starting(Errand, Ticket),
    Arriving(Errand),
    Closure,
    Worker,
    Idle,
    Leaving,
    Gone,
}

struct World {
    cap: usize,
    state: State<Probe, usize>,
    threads: Vec<Doing>,
    /// The closures that must be queued, in order.
    queued: VecDeque<usize>,
    mandatory: Vec<bool>,
    settled: Vec<bool>,
    idle_order: Vec<usize>,
    shutdown: bool,
    random: u64,
}

impl World {
    fn new(cap: usize, seed: u64) -> World {
        World {
            cap,
            state: State::new(cap),
            threads: Vec::new(),
            queued: VecDeque::new(),
            mandatory: Vec::new(),
            settled: Vec::new(),
            idle_order: Vec::new(),
            shutdown: false,
            random: seed | 1,
        }
    }

    fn below(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % n
    }

    fn count(&self, which: impl Fn(Doing) -> bool) -> usize {
        self.threads.iter().filter(|t| which(**t)).count()
    }

    fn settle(&mut self, job: usize) {
        assert!(
            !std::mem::replace(&mut self.settled[job], true),
            "{job} twice"
        );
    }

    fn submit(&mut self) {
        let number = self.settled.len();
        let mandatory = self.below(3) == 0;
        match self.state.submit(Probe { number, mandatory }) {
            Err(_) => assert!(self.shutdown),
            Ok((ticket, call)) => {
                assert!(!self.shutdown);
                self.settled.push(false);
                self.mandatory.push(mandatory);
                self.queued.push_back(number);
                self.call(ticket, call);
            }
        }
    }

    fn submit_worker(&mut self) {
        let (ticket, call) = self.state.submit_worker(Box::new(|| {}));
        assert_ne!(call, Call::Nobody, "a worker needs a thread of its own");
        self.call(ticket, call);
    }

    fn call(&mut self, ticket: Ticket, call: Call<usize>) {
        match call {
            Call::Nobody => {}
            Call::Wake(thread, errand) => self.wake(thread, errand),
            Call::Start(errand) => {
                assert!(self.idle_order.is_empty(), "an idle thread was there");
                self.threads.push(Doing::Starting(errand, ticket));
            }
        }
    }

    fn wake(&mut self, thread: usize, errand: Errand) {
        assert_eq!(self.threads[thread], Doing::Idle);
        assert_eq!(
            self.idle_order.pop(),
            Some(thread),
            "not the one that slept last"
        );
        self.threads[thread] = Doing::Arriving(errand);
    }

    fn take_next(&mut self, thread: usize, next: Next<Probe>) {
        self.threads[thread] = match next {
            Next::Run(job) => {
                assert_eq!(self.queued.pop_front(), Some(job.number), "out of order");
                self.settle(job.number);
                Doing::Closure
            }
            Next::RunWorker(_) => Doing::Worker,
            Next::Wait => {
                assert!(!self.shutdown);
                self.idle_order.push(thread);
                Doing::Idle
            }
            Next::Leave => {
                let (slots, ..) = self.state.counts();
                let is_all_taken = self.queued.is_empty() || slots == self.cap;
                assert!(is_all_taken, "it leaves what it could run");
                Doing::Leaving
            }
        };
    }

    /// One step of a thread; the keep-alive of an idle one ends.
    fn step(&mut self, thread: usize, may_refuse: bool) {
        let is_refused = may_refuse && self.below(3) == 0;
        let doing = self.threads[thread];
        match doing {
            Doing::Starting(errand, ticket) if is_refused => {
                self.threads[thread] = Doing::Gone;
                self.refuse(errand, ticket);
            }
            Doing::Starting(errand, _) => self.threads[thread] = Doing::Arriving(errand),
            Doing::Arriving(errand) => {
                let next = self.state.arrive(errand, &thread);
                self.take_next(thread, next);
            }
            Doing::Closure => {
                let next = self.state.closure_done(&thread);
                self.take_next(thread, next);
            }
            Doing::Worker => {
                let next = self.state.worker_done(&thread);
                self.take_next(thread, next);
            }
            Doing::Leaving => {
                self.state.gone();
                self.threads[thread] = Doing::Gone;
            }
            Doing::Idle => {
                let next = self.state.time_out(&thread);
                assert!(matches!(next, Next::Leave));
                self.idle_order.retain(|t| *t != thread);
                self.threads[thread] = Doing::Leaving;
            }
            Doing::Gone => {}
        }
    }

    fn refuse(&mut self, errand: Errand, ticket: Ticket) {
        if errand != Errand::Closure {
            assert_eq!(errand, Errand::Worker(ticket));
            let _ = self.state.refuse_worker(ticket);
            return;
        }
        let refusal = self.state.refuse(ticket);
        let lost = refusal.orphans.len() + usize::from(refusal.own.is_some());
        if lost > 0 {
            assert_eq!(lost, self.queued.len(), "all of them or none");
            self.queued.clear();
        }
        let orphans = refusal.orphans.iter().map(|job| job.number);
        assert!(orphans.is_sorted(), "out of order");
        for job in refusal.own.into_iter().chain(refusal.orphans) {
            self.settle(job.number);
        }
        if let Some(thread) = refusal.instead {
            assert!(!self.queued.is_empty(), "woken for nothing");
            self.wake(thread, Errand::Closure);
        }
    }

    fn shut_down(&mut self) {
        self.shutdown = true;
        let coming = self.count(|t| {
            matches!(
                t,
                Doing::Starting(Errand::Closure, _) | Doing::Arriving(Errand::Closure)
            )
        });
        let (idle, cancelled) = self.state.begin_shutdown();
        for thread in idle.into_iter().rev() {
            self.wake(thread, Errand::Look);
        }
        assert!(self.idle_order.is_empty());
        for job in cancelled {
            assert!(!job.mandatory);
            let at = self.queued.iter().position(|n| *n == job.number);
            assert!(
                at.expect("it was queued") >= coming,
                "a thread was on its way to it"
            );
            self.queued.retain(|n| *n != job.number);
            self.settle(job.number);
        }
    }

    fn check(&self) {
        let closures = self.count(|t| t == Doing::Closure);
        let coming = self.count(|t| {
            matches!(
                t,
                Doing::Starting(Errand::Closure, _) | Doing::Arriving(Errand::Closure)
            )
        });
        let alive = self.count(|t| !matches!(t, Doing::Leaving | Doing::Gone));
        let leaving = self.count(|t| t == Doing::Leaving);
        let (slots, is_coming, threads, _) = self.state.counts();
        assert!(slots <= self.cap);
        assert_eq!(
            (slots, is_coming, threads),
            (closures + coming, coming, alive)
        );
        assert_eq!(self.state.is_empty(), alive + leaving == 0);
        assert_eq!(self.state.num_idle(), self.idle_order.len());
        assert_eq!(self.state.num_queued(), self.queued.len());
        if !self.queued.is_empty() {
            assert!(slots > 0, "nobody comes to what is queued");
        }
        for ticket in self.state.queued_workers() {
            let own = Errand::Worker(ticket);
            let comes = |t: Doing| t == Doing::Arriving(own) || t == Doing::Starting(own, ticket);
            assert_eq!(self.count(comes), 1, "a worker without a thread of its own");
        }
        // Each closure has a thread on the way, as far as the cap and the system allow.
        if slots < self.cap && self.queued.len() > coming {
            assert!(self.idle_order.is_empty(), "an idle thread sleeps on work");
        }
    }
}

#[test]
fn counts_order_and_cap_hold_whatever_happens() {
    for seed in 0..400 {
        let mut world = World::new(1 + seed as usize % 4, seed * 7919 + 1);
        for _ in 0..300 {
            match world.below(12) {
                0..=2 => world.submit(),
                3 => world.submit_worker(),
                4 if world.below(40) == 0 && !world.shutdown => world.shut_down(),
                _ if !world.threads.is_empty() => {
                    let thread = world.below(world.threads.len());
                    world.step(thread, true);
                }
                _ => {}
            }
            world.check();
        }
        if !world.shutdown {
            world.shut_down();
        }
        while world.count(|t| t != Doing::Gone) > 0 {
            for thread in 0..world.threads.len() {
                world.step(thread, false);
                world.check();
            }
        }
        assert!(world.queued.is_empty());
        assert!(world.settled.iter().all(|s| *s), "a job was lost");
        assert_eq!(world.state.num_threads(), 0);
    }
}

#[test]
fn the_threads_that_slept_longest_come_to_the_end_of_their_keep_alive() {
    let mut world = World::new(8, 1);
    for _ in 0..8 {
        world.submit();
    }
    for thread in 0..8 {
        world.step(thread, false);
        world.step(thread, false);
    }
    for thread in 0..8 {
        world.step(thread, false);
    }
    assert_eq!(world.state.num_idle(), 8);
    for _ in 0..20 {
        world.submit();
        world.step(7, false);
        world.step(7, false);
        assert_eq!(world.threads[7], Doing::Idle, "always the same thread");
    }
    for thread in 0..7 {
        world.step(thread, false); // its keep-alive is over
    }
    world.check();
    assert_eq!(world.state.num_idle(), 1);
}

/// So the oldest worker does not wait for a thread that is still being made.
#[test]
fn a_thread_that_is_free_takes_the_oldest_worker() {
    let mut world = World::new(1, 1);
    world.submit();
    world.step(0, false);
    world.step(0, false);
    assert_eq!(world.threads[0], Doing::Closure);
    world.submit_worker();
    world.submit_worker();
    let [oldest, younger] = [1, 2].map(|thread| match world.threads[thread] {
        Doing::Starting(_, ticket) => ticket,
        _ => unreachable!("both are being made"),
    });
    let next = world.state.closure_done(&0);
    assert!(matches!(next, Next::RunWorker(_)));
    assert!(world.state.queued_workers().eq([younger]));
    // The oldest worker's own thread finds it taken, and takes the younger one.
    let next = world.state.arrive(Errand::Worker(oldest), &1);
    assert!(matches!(next, Next::RunWorker(_)));
    let next = world.state.arrive(Errand::Worker(younger), &2);
    assert!(matches!(next, Next::Wait));
}

#[test]
fn a_refused_thread_costs_only_the_job_it_was_made_for() {
    let mut world = World::new(1, 1);
    world.submit();
    let Doing::Starting(errand, first) = world.threads[0] else {
        unreachable!("the pool is empty")
    };
    world.submit(); // relies on the same thread
    world.threads[0] = Doing::Gone;
    let refusal = world.state.refuse(first);
    assert_eq!(errand, Errand::Closure);
    assert_eq!(refusal.own.map(|job| job.number), Some(0));
    assert_eq!(refusal.orphans.len(), 1);
    assert_eq!(world.state.counts().0, 0);
    // The second attempt gets a thread.
    world.queued.clear();
    world.settled.fill(true);
    world.submit();
    world.step(1, false);
    world.step(1, false);
    assert_eq!(world.threads[1], Doing::Closure);
    world.check();
}

#[test]
fn a_refused_thread_gives_back_its_own_job_not_the_first() {
    let mut world = World::new(4, 1);
    world.submit();
    world.submit();
    let tickets: Vec<_> = world
        .threads
        .iter()
        .map(|t| match t {
            Doing::Starting(_, ticket) => *ticket,
            _ => unreachable!("both are being made"),
        })
        .collect();
    let refusal = world.state.refuse(tickets[0]);
    assert!(refusal.own.is_none(), "the other thread comes to it");
    let refusal = world.state.refuse(tickets[1]);
    assert_eq!(refusal.own.map(|job| job.number), Some(1));
    assert_eq!(refusal.orphans[0].number, 0);
}

#[test]
fn memory_comes_back_after_a_burst() {
    let mut world = World::new(1, 1);
    for _ in 0..10_000 {
        world.submit();
    }
    assert!(world.state.counts().3 >= 10_000);
    for _ in 0..10_002 {
        world.step(0, false);
    }
    assert_eq!(world.threads[0], Doing::Idle);
    assert!(world.state.counts().3 <= 128, "{}", world.state.counts().3);
}
