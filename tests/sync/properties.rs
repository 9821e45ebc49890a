//! Random operations on the locks and channels, beside simple models of what they must do: what is given, in what order,
//! who is woken, and that nothing is left over. Futures are polled by hand, with wakers that count.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError, broadcast, mpsc};

const SEEDS: u64 = 400;
const STEPS: usize = 120;

/// Numbers without a pattern, the same each time.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        numbers.below(2);
        numbers
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        // Ordering: Relaxed; one thread.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A future, and whether it was woken since it was last polled.
struct Wait<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    wakes: Arc<Wakes>,
    was_polled: bool,
}

impl<T> Wait<T> {
    fn new(future: impl Future<Output = T> + 'static) -> Self {
        Wait {
            future: Box::pin(future),
            wakes: Arc::default(),
            was_polled: false,
        }
    }

    fn poll(&mut self) -> Poll<T> {
        self.was_polled = true;
        // A new waker each time: the one before must not be used any more.
        let old = std::mem::take(&mut self.wakes);
        let waker = Waker::from(self.wakes.clone());
        let poll = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(waker);
        assert_eq!(Arc::strong_count(&old), 1, "an old waker was kept");
        poll
    }

    fn is_woken(&self) -> bool {
        // Ordering: Relaxed; one thread.
        self.wakes.0.load(Ordering::Relaxed) > 0
    }
}

fn remove_at<T>(list: &mut Vec<T>, numbers: &mut Numbers) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(numbers.below(list.len())))
}

/// What a semaphore is: permits that are free, and requests in the order in which they came.
#[derive(Default)]
struct Permits {
    free: usize,
    /// Number and size of each request.
    queue: VecDeque<(usize, usize)>,
    granted: Vec<(usize, usize)>,
    closed: bool,
}

impl Permits {
    fn serve(&mut self) {
        while let Some((number, wanted)) = self.queue.front().copied() {
            if self.free < wanted {
                return;
            }
            self.free -= wanted;
            self.granted.push((number, wanted));
            self.queue.pop_front();
        }
    }

    fn add(&mut self, n: usize) {
        self.free += n;
        self.serve();
    }

    fn has(&self, n: usize) -> bool {
        self.free >= n && (self.queue.is_empty() || n == 0)
    }

    /// True if the request is granted at once.
    fn request(&mut self, number: usize, wanted: usize) -> bool {
        if self.has(wanted) {
            self.free -= wanted;
            return true;
        }
        self.queue.push_back((number, wanted));
        false
    }

    fn is_granted(&self, number: usize) -> bool {
        self.granted.iter().any(|(of, _)| *of == number)
    }

    fn take_grant(&mut self, number: usize) -> Option<usize> {
        let at = self.granted.iter().position(|(of, _)| *of == number)?;
        Some(self.granted.remove(at).1)
    }

    /// The request goes, with what it was given.
    fn cancel(&mut self, number: usize) {
        if let Some(n) = self.take_grant(number) {
            self.add(n);
        }
        self.queue.retain(|(of, _)| *of != number);
        self.serve();
    }

    fn available(&self) -> usize {
        match self.queue.is_empty() {
            true => self.free,
            // All of them are the first one's.
            false => 0,
        }
    }
}

type Acquire = Wait<Result<OwnedSemaphorePermit, tokio::sync::AcquireError>>;

struct Request {
    number: usize,
    wanted: usize,
    wait: Acquire,
}

#[test]
fn a_semaphore_gives_what_the_model_gives() {
    for seed in 0..SEEDS {
        semaphore(Numbers::new(seed));
    }
}

fn semaphore(mut numbers: Numbers) {
    let total = numbers.below(4);
    let semaphore = Arc::new(Semaphore::new(total));
    let mut model = Permits {
        free: total,
        ..Permits::default()
    };
    let (mut requests, mut held) = (Vec::<Request>::new(), Vec::new());
    let mut total = total;
    for number in 0..STEPS {
        match numbers.below(8) {
            0 | 1 => {
                let wanted = numbers.below(4);
                let wait = Wait::new(semaphore.clone().acquire_many_owned(wanted as u32));
                requests.push(Request {
                    number,
                    wanted,
                    wait,
                });
            }
            2 | 3 if !requests.is_empty() => {
                let at = numbers.below(requests.len());
                let request = &mut requests[at];
                let is_first = !request.wait.was_polled;
                let granted = match is_first {
                    true => !model.closed && model.request(request.number, request.wanted),
                    false => model.take_grant(request.number).is_some(),
                };
                match request.wait.poll() {
                    Poll::Ready(Ok(permit)) => {
                        assert!(granted);
                        held.push(permit);
                        requests.remove(at);
                    }
                    Poll::Ready(Err(_)) => panic!("it was not closed"),
                    Poll::Pending => assert!(!granted),
                }
            }
            4 => {
                if let Some(request) = remove_at(&mut requests, &mut numbers) {
                    drop(request.wait);
                    model.cancel(request.number);
                }
            }
            5 => {
                if let Some(permit) = remove_at(&mut held, &mut numbers) {
                    model.add(permit.num_permits());
                    drop(permit);
                }
            }
            6 => {
                let n = numbers.below(3);
                semaphore.add_permits(n);
                model.add(n);
                total += n;
            }
            _ => {
                let n = numbers.below(4);
                match semaphore.clone().try_acquire_many_owned(n as u32) {
                    Ok(permit) => {
                        assert!(model.has(n));
                        model.free -= n;
                        held.push(permit);
                    }
                    Err(error) => {
                        assert_eq!(error, TryAcquireError::NoPermits);
                        assert!(!model.has(n));
                    }
                }
            }
        }
        assert_eq!(semaphore.available_permits(), model.available());
        for request in requests.iter().filter(|request| request.wait.was_polled) {
            assert_eq!(request.wait.is_woken(), model.is_granted(request.number));
        }
    }
    semaphore.close();
    for mut request in requests {
        assert!(!request.wait.was_polled || request.wait.is_woken());
        assert!(matches!(request.wait.poll(), Poll::Ready(Err(_))));
    }
    drop(held);
    assert_eq!(semaphore.available_permits(), total);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Told {
    No,
    ByOne,
    ByLast,
    ByAll,
}

struct Listener {
    number: usize,
    wait: Wait<()>,
    told: Told,
}

#[test]
fn a_notify_tells_whom_the_model_tells() {
    for seed in 0..SEEDS {
        notify(Numbers::new(seed));
    }
}

fn notify(mut numbers: Numbers) {
    let notify = Arc::new(Notify::new());
    let (mut permit, mut queue) = (false, VecDeque::<usize>::new());
    let mut listeners = Vec::<Listener>::new();
    fn tell(
        last: bool,
        permit: &mut bool,
        queue: &mut VecDeque<usize>,
        listeners: &mut [Listener],
    ) {
        let next = match last {
            true => queue.pop_back(),
            false => queue.pop_front(),
        };
        match next {
            Some(number) => {
                let told = if last { Told::ByLast } else { Told::ByOne };
                let listener = listeners.iter_mut().find(|l| l.number == number);
                listener.unwrap().told = told;
            }
            None => *permit = true,
        }
    }
    for number in 0..STEPS {
        match numbers.below(8) {
            0 | 1 => listeners.push(Listener {
                number,
                wait: Wait::new(notify.clone().notified_owned()),
                told: Told::No,
            }),
            2 | 3 if !listeners.is_empty() => {
                let at = numbers.below(listeners.len());
                let listener = &mut listeners[at];
                let is_first = !listener.wait.was_polled;
                let mut ready = listener.told != Told::No;
                if is_first && !ready {
                    ready = std::mem::take(&mut permit);
                    if !ready {
                        queue.push_back(listener.number);
                    }
                }
                assert_eq!(listener.wait.poll().is_ready(), ready);
                if ready {
                    listeners.remove(at);
                }
            }
            4 => {
                if let Some(listener) = remove_at(&mut listeners, &mut numbers) {
                    drop(listener.wait);
                    queue.retain(|number| *number != listener.number);
                    // What it was told goes to the next.
                    match listener.told {
                        Told::ByOne => tell(false, &mut permit, &mut queue, &mut listeners),
                        Told::ByLast => tell(true, &mut permit, &mut queue, &mut listeners),
                        Told::ByAll | Told::No => {}
                    }
                }
            }
            5 => {
                notify.notify_waiters();
                queue.clear();
                for listener in listeners.iter_mut().filter(|l| l.told == Told::No) {
                    listener.told = Told::ByAll;
                }
            }
            6 => {
                notify.notify_one();
                tell(false, &mut permit, &mut queue, &mut listeners);
            }
            _ => {
                notify.notify_last();
                tell(true, &mut permit, &mut queue, &mut listeners);
            }
        }
        for listener in listeners.iter().filter(|l| l.wait.was_polled) {
            assert_eq!(listener.wait.is_woken(), listener.told != Told::No);
        }
    }
    drop(listeners);
    assert_eq!(Arc::strong_count(&notify), 1);
}

struct Sending {
    number: usize,
    value: usize,
    wait: Wait<Result<(), mpsc::error::SendError<Counted>>>,
}

/// A value that is counted while it lives.
#[derive(Debug)]
struct Counted {
    value: usize,
    _token: Arc<()>,
}

#[test]
fn a_bounded_channel_carries_what_the_model_carries() {
    for seed in 0..SEEDS {
        bounded(Numbers::new(seed));
    }
}

/// Polls `recv` or `recv_many` for a moment, and gives up the wait.
fn receive(rx: &mut mpsc::Receiver<Counted>, limit: usize, waker: &Waker) -> Poll<Vec<usize>> {
    let cx = &mut Context::from_waker(waker);
    if limit == 0 {
        return rx
            .poll_recv(cx)
            .map(|value| value.iter().map(|v| v.value).collect());
    }
    let mut buffer = Vec::new();
    let poll = rx.poll_recv_many(cx, &mut buffer, limit);
    poll.map(|count| {
        assert_eq!(count, buffer.len());
        buffer.iter().map(|v| v.value).collect()
    })
}

fn bounded(mut numbers: Numbers) {
    let capacity = 1 + numbers.below(4);
    let token = Arc::new(());
    let counted = |value| Counted {
        value,
        _token: token.clone(),
    };
    let (tx, mut rx) = mpsc::channel(capacity);
    let mut room = Permits {
        free: capacity,
        ..Permits::default()
    };
    let mut queue = VecDeque::new();
    let (mut sending, mut permits) = (Vec::<Sending>::new(), Vec::new());
    let receiver = Arc::new(Wakes::default());
    let mut waits = false;
    for number in 0..STEPS {
        let before = queue.len();
        match numbers.below(10) {
            0 | 1 => {
                let (tx, value) = (tx.clone(), counted(number));
                sending.push(Sending {
                    number,
                    value: number,
                    wait: Wait::new(async move { tx.send(value).await }),
                });
            }
            2 | 3 if !sending.is_empty() => {
                let at = numbers.below(sending.len());
                let one = &mut sending[at];
                let granted = match one.wait.was_polled {
                    false => room.request(one.number, 1),
                    true => room.take_grant(one.number).is_some(),
                };
                match one.wait.poll() {
                    Poll::Ready(result) => {
                        assert!(granted && result.is_ok());
                        queue.push_back(one.value);
                        sending.remove(at);
                    }
                    Poll::Pending => assert!(!granted),
                }
            }
            4 => {
                if let Some(one) = remove_at(&mut sending, &mut numbers) {
                    drop(one.wait);
                    room.cancel(one.number);
                }
            }
            5 => match tx.try_send(counted(number)) {
                Ok(()) => {
                    assert!(room.request(number, 1));
                    queue.push_back(number);
                }
                Err(mpsc::error::TrySendError::Full(value)) => {
                    assert_eq!(value.value, number);
                    assert!(!room.has(1));
                }
                Err(mpsc::error::TrySendError::Closed(_)) => panic!("it is open"),
            },
            6 => match tx.clone().try_reserve_owned() {
                Ok(permit) => {
                    assert!(room.request(number, 1));
                    permits.push(permit);
                }
                Err(_) => assert!(!room.has(1)),
            },
            7 => {
                if let Some(permit) = remove_at(&mut permits, &mut numbers) {
                    if numbers.below(2) == 0 {
                        permit.send(counted(number));
                        queue.push_back(number);
                    } else {
                        drop(permit);
                        room.add(1);
                    }
                }
            }
            8 => match rx.try_recv() {
                Ok(value) => {
                    assert_eq!(Some(value.value), queue.pop_front());
                    room.add(1);
                }
                Err(error) => {
                    assert_eq!(error, mpsc::error::TryRecvError::Empty);
                    assert!(queue.is_empty());
                }
            },
            _ => {
                let limit = numbers.below(4);
                // Ordering: Relaxed; one thread.
                receiver.0.store(0, Ordering::Relaxed);
                let waker = Waker::from(receiver.clone());
                match receive(&mut rx, limit, &waker) {
                    Poll::Ready(values) => {
                        let n = limit.max(1).min(queue.len());
                        assert_eq!(values, queue.drain(..n).collect::<Vec<_>>());
                        assert!(n > 0);
                        room.add(n);
                        waits = false;
                    }
                    Poll::Pending => {
                        assert!(queue.is_empty());
                        waits = true;
                    }
                }
            }
        }
        if waits && queue.len() > before {
            // Ordering: Relaxed; one thread.
            assert!(
                receiver.0.load(Ordering::Relaxed) > 0,
                "the receiver sleeps"
            );
            waits = false;
        }
        assert_eq!((tx.capacity(), rx.len()), (room.available(), queue.len()));
        for one in sending.iter().filter(|one| one.wait.was_polled) {
            assert_eq!(one.wait.is_woken(), room.is_granted(one.number));
        }
        // Each value is with its sender or in the queue.
        assert_eq!(Arc::strong_count(&token), 1 + sending.len() + queue.len());
    }
    // After the closing, what was granted before is still carried.
    rx.close();
    let (mut carried, mut returned) = (0, 0);
    for mut one in sending {
        assert!(!one.wait.was_polled || one.wait.is_woken());
        match one.wait.poll() {
            Poll::Ready(Ok(())) => panic!("a send ends after the closing"),
            Poll::Ready(Err(error)) => assert_eq!(error.0.value, one.value),
            Poll::Pending => panic!("a send waits after the closing"),
        }
    }
    for permit in permits {
        if numbers.below(2) == 0 {
            permit.send(counted(0));
            carried += 1;
        } else {
            drop(permit);
            returned += 1;
        }
        let _ = returned;
    }
    let mut rest = 0;
    while let Poll::Ready(values) = receive(&mut rx, 0, Waker::noop()) {
        if values.is_empty() {
            break;
        }
        rest += 1;
    }
    assert_eq!(rest, queue.len() + carried);
    assert_eq!(
        rx.try_recv().unwrap_err(),
        mpsc::error::TryRecvError::Disconnected
    );
    assert_eq!(tx.capacity(), capacity);
    drop((tx, rx));
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_broadcast_gives_each_receiver_what_the_model_gives() {
    for seed in 0..SEEDS {
        broadcast_one(Numbers::new(seed));
    }
}

/// A value that is counted, clones included.
#[derive(Clone, Debug)]
struct Shared(usize, #[allow(dead_code)] Arc<()>);

struct Receiver {
    rx: broadcast::Receiver<Shared>,
    /// Number of the next value.
    next: usize,
    wakes: Arc<Wakes>,
}

fn broadcast_one(mut numbers: Numbers) {
    let capacity = 1 + numbers.below(4);
    let kept = capacity.next_power_of_two();
    let token = Arc::new(());
    let (tx, rx) = broadcast::channel(capacity);
    let mut sent = 0;
    let mut receivers = vec![Receiver {
        rx,
        next: 0,
        wakes: Arc::default(),
    }];
    for _ in 0..STEPS {
        match numbers.below(8) {
            0..3 => match tx.send(Shared(sent, token.clone())) {
                Ok(count) => {
                    assert_eq!(count, receivers.len());
                    sent += 1;
                }
                Err(_) => assert!(receivers.is_empty()),
            },
            3 if receivers.len() < 4 => receivers.push(Receiver {
                rx: tx.subscribe(),
                next: sent,
                wakes: Arc::default(),
            }),
            4 if numbers.below(3) == 0 => drop(remove_at(&mut receivers, &mut numbers)),
            5..8 if !receivers.is_empty() => {
                let at = numbers.below(receivers.len());
                let one = &mut receivers[at];
                let oldest = sent.saturating_sub(kept);
                match one.rx.try_recv() {
                    Ok(value) => {
                        assert!(one.next >= oldest && one.next < sent);
                        assert_eq!(value.0, one.next);
                        one.next += 1;
                    }
                    Err(broadcast::error::TryRecvError::Lagged(n)) => {
                        assert_eq!(n as usize, oldest - one.next);
                        one.next = oldest;
                    }
                    Err(error) => {
                        assert_eq!(error, broadcast::error::TryRecvError::Empty);
                        assert_eq!(one.next, sent);
                        // Waits for a moment, and gives up: a value sent meanwhile would have woken it.
                        let waker = Waker::from(one.wakes.clone());
                        let mut wait = Box::pin(one.rx.recv());
                        let cx = &mut Context::from_waker(&waker);
                        assert!(wait.as_mut().poll(cx).is_pending());
                        if numbers.below(2) == 0 {
                            tx.send(Shared(sent, token.clone())).unwrap();
                            sent += 1;
                            // Ordering: Relaxed; one thread.
                            assert_eq!(one.wakes.0.swap(0, Ordering::Relaxed), 1);
                            assert!(matches!(wait.as_mut().poll(cx), Poll::Ready(Ok(_))));
                            drop(wait);
                            one.next += 1;
                        } else {
                            drop(wait);
                        }
                        drop(waker);
                        assert_eq!(Arc::strong_count(&one.wakes), 1, "a waker was kept");
                    }
                }
            }
            _ => {}
        }
        let oldest = sent.saturating_sub(kept);
        // A value is kept until the last receiver has it, or it is written over.
        let unread = receivers.iter().map(|one| one.next.max(oldest)).min();
        let live = sent - unread.unwrap_or(sent);
        assert_eq!(Arc::strong_count(&token), 1 + live);
        assert_eq!((tx.len(), tx.receiver_count()), (live, receivers.len()));
        for one in &receivers {
            assert_eq!(one.rx.len(), sent - one.next);
        }
    }
    drop((tx, receivers));
    assert_eq!(Arc::strong_count(&token), 1);
}
