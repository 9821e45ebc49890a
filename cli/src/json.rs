//! The report for programs. `cli/schema/report.json` has its shape.

use selvedge_trace::{Analysis, Recording};
use serde_json::{Value, json};

/// The version of the object's shape: it grows when something is renamed or left out.
const VERSION: u32 = 1;

pub fn object(recording: &Recording, analysis: &Analysis) -> Value {
    json!({
        "version": VERSION,
        "program": recording.program,
        "process": recording.process,
        "began_at_unix_nanos": recording.began_at,
        "from": analysis.part.begin,
        "nanos": analysis.part.nanos(),
        "events": analysis.events,
        "lost_events": recording.lost,
        "findings": analysis.findings,
        "tasks": analysis.tasks.values().collect::<Vec<_>>(),
        "spans": analysis.span_totals(recording),
        "threads": analysis.threads.values().collect::<Vec<_>>(),
    })
}
