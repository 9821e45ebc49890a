//! dial9-tokio-telemetry: `cargo run --example dial9 [FILE]`. Writes a trace, reads it, and prints what is in it.

use dial9_tokio_telemetry::telemetry::analysis::{TraceReader, analyze_trace, print_analysis};
use dial9_tokio_telemetry::telemetry::{
    Dial9HandleTokioExt, DiskBuffer, TokioAttachOptions, recorder,
};
use selvedge_observers::crew;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let base = std::env::args().nth(1).map_or_else(
        || std::env::temp_dir().join("dial9-trace.bin"),
        PathBuf::from,
    );
    let recorder = recorder(DiskBuffer::single_file(&base)?).build();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().worker_threads(2);
    let options = TokioAttachOptions::builder().task_tracking_enabled(true);
    let runtime = recorder
        .handle()
        .attach_tokio_runtime(builder, options.build())?;
    runtime.block_on(crew::work(100, 10));
    drop(runtime);
    drop(recorder);
    let written = base.with_extension("0.bin");
    println!("the trace is {}", written.display());
    let trace = TraceReader::new(&written.to_string_lossy())?;
    print_analysis(&analyze_trace(&trace.runtime_events));
    Ok(())
}
