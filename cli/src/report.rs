//! `selvedge report`: reports on a recording, in the forms that are asked for.

use crate::{Failure, html, json, perfetto, text};
use selvedge_trace::{Analysis, Recording};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The recording; also of a program that still writes to it.
    file: PathBuf,
    /// As one JSON object: findings, tasks, threads, losses.
    #[arg(long)]
    json: bool,
    /// Write a page with a timeline to this file; it needs no network.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Write a trace for the Perfetto UI (ui.perfetto.dev) to this file.
    #[arg(long, value_name = "OUT")]
    perfetto: Option<PathBuf>,
    /// Leave out what was over before this time of the recording, as in `1s 500ms`.
    #[arg(long, value_name = "TIME", value_parser = moment, default_value = "0s")]
    from: u64,
    /// Leave out what began after this time of the recording.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<u64>,
    /// How many tasks the text names, those with the most time in polls first.
    #[arg(long, default_value_t = 20)]
    tasks: usize,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let to = args.to.unwrap_or(u64::MAX);
    if to <= args.from {
        return Err("--to is not after --from".into());
    }
    let mut recording = read(&args.file)?;
    let analysis = Analysis::of_part(&recording, args.from, to);
    // The events may take gigabytes, and the analysis has all that is reported.
    drop(std::mem::take(&mut recording.events));
    if let Some(out) = &args.html {
        write(out, |out| html::write(out, &recording, &analysis))?;
    }
    if let Some(out) = &args.perfetto {
        write(out, |out| perfetto::write(out, &recording, &analysis))?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &json::object(&recording, &analysis))?;
        writeln!(out)?;
    } else {
        text::write(&mut out, &recording, &analysis, args.tasks)?;
    }
    out.flush()?;
    Ok(())
}

/// In nanoseconds.
fn moment(text: &str) -> Result<u64, String> {
    let time = humantime::parse_duration(text);
    let time = time.map_err(|error| format!("{error}; write 2s, 500ms or 1m 30s"))?;
    u64::try_from(time.as_nanos()).map_err(|error| error.to_string())
}

fn read(path: &Path) -> Result<Recording, Failure> {
    let bytes =
        Recording::bytes_of(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Recording::read(&bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn write(
    path: &Path,
    told: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
) -> Result<(), String> {
    let all = || {
        let mut out = BufWriter::new(fs::File::create(path)?);
        told(&mut out)?;
        out.flush()
    };
    all().map_err(|error| format!("{}: {error}", path.display()))
}
