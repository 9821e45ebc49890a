//! console-subscriber: the figures that a client of its protocol gets are right.

use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, TaskDetailsRequest, Update};
use console_api::{field, tasks};
use selvedge_observers::crew;
use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A limit against hangs; no test measures it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The contents of all updates so far.
#[derive(Default)]
struct Seen {
    names: HashMap<u64, String>,
    places: HashMap<u64, String>,
    stats: HashMap<u64, tasks::Stats>,
    resources: HashSet<String>,
    operations: HashSet<String>,
}

impl Seen {
    fn add(&mut self, update: Update) {
        if let Some(tasks) = update.task_update {
            assert_eq!(tasks.dropped_events, 0);
            for task in tasks.new_tasks {
                let id = task.id.unwrap().id;
                for field in &task.fields {
                    let is_name =
                        matches!(&field.name, Some(field::Name::StrName(n)) if n == "task.name");
                    if let (true, Some(field::Value::StrVal(name) | field::Value::DebugVal(name))) =
                        (is_name, &field.value)
                    {
                        self.names.insert(id, name.clone());
                    }
                }
                let place = task.location.unwrap();
                self.places.insert(id, place.file.unwrap_or_default());
            }
            self.stats.extend(tasks.stats_update);
        }
        if let Some(resources) = update.resource_update {
            let types = resources.new_resources.into_iter();
            self.resources.extend(types.map(|it| it.concrete_type));
        }
        if let Some(operations) = update.async_op_update {
            let sources = operations.new_async_ops.into_iter();
            self.operations.extend(sources.map(|it| it.source));
        }
    }

    /// The statistics of the tasks of that name.
    fn named(&self, name: &str) -> Vec<(u64, &tasks::Stats)> {
        let ids = self.names.iter().filter(|(_, n)| *n == name);
        ids.filter_map(|(id, _)| Some((*id, self.stats.get(id)?)))
            .collect()
    }
}

/// Starts the subscriber for the whole process. Returns its address.
fn subscribe() -> SocketAddr {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let layer = console_subscriber::ConsoleLayer::builder()
        .server_addr(address)
        .publish_interval(Duration::from_millis(50))
        .spawn();
    tracing_subscriber::registry().with(layer).init();
    address
}

async fn connect(address: SocketAddr) -> InstrumentClient<Channel> {
    loop {
        // The subscriber's thread may not be listening yet.
        match InstrumentClient::connect(format!("http://{address}")).await {
            Ok(client) => return client,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Locks, channels and timers, each awaited once.
async fn use_resources() {
    let lock = Mutex::new(1);
    let (sender, receiver) = oneshot::channel();
    let _guard = lock.lock().await;
    sender.send(()).unwrap();
    receiver.await.unwrap();
    sleep(Duration::from_millis(1)).await;
}

#[test]
fn a_console_sees_tasks_their_polls_and_what_they_use() {
    let address = subscribe();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let looking = async { timeout(PATIENCE, look(address)).await };
    runtime.block_on(looking).expect("no hang");
}

async fn look(address: SocketAddr) {
    let mut client = connect(address).await;
    let updates = client.watch_updates(InstrumentRequest {}).await.unwrap();
    let mut updates = updates.into_inner();
    let mut seen = Seen::default();
    let using = tokio::task::Builder::new()
        .name("user")
        .spawn(use_resources());
    crew::work(5, 3).await;
    using.unwrap().await.unwrap();
    let is_over = |seen: &Seen| {
        let crew = seen.named(crew::NAME);
        let ended = crew.iter().filter(|(_, it)| it.dropped_at.is_some());
        ended.count() == 5 && seen.named("user").len() == 1
    };
    while !is_over(&seen) {
        seen.add(updates.message().await.unwrap().unwrap());
    }
    for (id, stats) in seen.named(crew::NAME) {
        let polls = stats.poll_stats.as_ref().unwrap();
        // Four polls, and the drop of the future: the console counts each entry of the task's span. tokio has the same
        // figures; there, too, a task that yields is woken after its poll.
        assert_eq!(polls.polls, 5);
        assert_eq!((stats.wakes, stats.self_wakes), (3, 0));
        assert!(polls.busy_time.is_some());
        assert!(
            seen.places[&id].ends_with("crew.rs"),
            "{}",
            seen.places[&id]
        );
    }
    for resource in ["Mutex", "Sleep", "Sender|Receiver"] {
        assert!(seen.resources.contains(resource), "{:?}", seen.resources);
    }
    assert!(
        seen.operations.iter().any(|it| it.contains("Mutex")),
        "{:?}",
        seen.operations
    );
    let (id, _) = seen.named(crew::NAME)[0];
    let request = TaskDetailsRequest {
        id: Some(console_api::Id { id }),
    };
    let details = client.watch_task_details(request).await.unwrap();
    let details = details.into_inner().message().await.unwrap().unwrap();
    assert_eq!(details.task_id.unwrap().id, id);
    assert!(details.poll_times_histogram.is_some());
    assert!(details.scheduled_times_histogram.is_some());
}
