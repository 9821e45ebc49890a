//! Named tasks, and what hooks see of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use selvedge::runtime;
use selvedge::task::{Builder, JoinSet, LocalSet};

#[test]
fn hooks_are_told_names_and_latencies() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let longest = Arc::new(Mutex::new(Duration::ZERO));
    let (told, longest_seen) = (names.clone(), longest.clone());
    let runtime = runtime::Builder::new_current_thread()
        .track_task_schedule_latency()
        .on_task_spawn(move |meta| {
            assert_eq!(meta.schedule_latency(), None);
            told.lock().unwrap().push(meta.name().map(str::to_owned));
        })
        .on_before_task_poll(move |meta| {
            let mut longest = longest_seen.lock().unwrap();
            *longest = meta.schedule_latency().unwrap().max(*longest);
        })
        .build()
        .unwrap();
    let first = {
        let _entered = runtime.enter();
        Builder::new().name("first").spawn(async {}).unwrap()
    };
    std::thread::sleep(Duration::from_millis(20));
    runtime.block_on(async {
        first.await.unwrap();
        let mut set = JoinSet::new();
        set.build_task().name("second").spawn(async { 2 }).unwrap();
        set.build_task().spawn_blocking(|| 3).unwrap();
        let mut sum = 0;
        while let Some(n) = set.join_next().await {
            sum += n.unwrap();
        }
        assert_eq!(sum, 5);
    });
    let local = LocalSet::new();
    let third = Builder::new()
        .name("third")
        .spawn_local_on(async {}, &local)
        .unwrap();
    local.block_on(&runtime, third).unwrap();
    let names = names.lock().unwrap();
    let names: Vec<_> = names.iter().map(Option::as_deref).collect();
    // The third is spawned from outside of the runtime, so the hook does not see its name.
    assert_eq!(names, [Some("first"), Some("second"), None]);
    assert!(*longest.lock().unwrap() >= Duration::from_millis(20));
}
