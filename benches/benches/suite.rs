//! `cargo bench --bench suite [-- FILTER]`: one criterion group per workload, functions `selvedge` and `tokio`
//! measured directly after each other. The whole suite takes about five minutes on two cores.

use std::time::Duration;

use criterion::Criterion;
use selvedge_benches::{on_selvedge, on_tokio};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_200))
        .configure_from_args();
    let pairs = on_selvedge::suite::all()
        .into_iter()
        .zip(on_tokio::suite::all());
    for (ours, theirs) in pairs {
        assert_eq!(ours.name, theirs.name);
        let mut group = criterion.benchmark_group(ours.name);
        // A runtime lives only while it is measured, so that the other runtime's threads do not exist then.
        group.bench_function("selvedge", |bencher| {
            let runtime = on_selvedge::suite::runtime(ours.flavor);
            bencher.iter_custom(|n| ours.run(&runtime, n));
        });
        group.bench_function("tokio", |bencher| {
            let runtime = on_tokio::suite::runtime(theirs.flavor);
            bencher.iter_custom(|n| theirs.run(&runtime, n));
        });
        group.finish();
    }
    criterion.final_summary();
}
