//! Draws the plots of docs/BENCHMARKS.md: SVG files in docs/plots/, from the tables that the benches print.

use super::curves::{Load, Workers};
use super::{Group, Row};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::fs;
use std::path::Path;

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const OURS: RGBColor = RGBColor(0x1b, 0x6e, 0xc2);
const THEIRS: RGBColor = RGBColor(0xd2, 0x5a, 0x1f);
const GREY: RGBColor = RGBColor(0x99, 0x99, 0x99);
const FONT: &str = "sans-serif";

/// Ratios beyond these are drawn at the edge.
const LEAST: f64 = 1.0 / 32.0;
const MOST: f64 = 4.0;

/// Draws what was measured. Where nothing was measured, the old plot stays.
pub(super) fn draw(
    folder: &Path,
    groups: &[Group<'_>],
    workers: &[Workers<'_>],
    load: &[Load<'_>],
    memory: Option<(f64, f64)>,
) -> Drawn {
    fs::create_dir_all(folder)?;
    ratios(&folder.join("ratios.svg"), groups)?;
    if !workers.is_empty() {
        by_workers(&folder.join("workers.svg"), workers)?;
    }
    if !load.is_empty() {
        by_load(&folder.join("load.svg"), load)?;
    }
    if let Some(memory) = memory {
        bytes(&folder.join("memory.svg"), memory)?;
    }
    Ok(())
}

fn page(path: &Path, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    crate::env::write_if_changed(path, &text)?;
    Ok(())
}

/// A line for each workload, from the lower to the upper quartile of its ratio, and a dot at the median.
fn ratios(path: &Path, groups: &[Group<'_>]) -> Drawn {
    const LINE: u32 = 15;
    let rows: Vec<(&str, Option<&Row>, f64)> = groups
        .iter()
        .flat_map(|group| {
            let heading = std::iter::once((group.name, None, group.mean));
            heading.chain(
                group
                    .rows
                    .iter()
                    .map(|(name, row)| (*name, Some(row), row.ratio)),
            )
        })
        .collect();
    let count = rows.len() as f64;
    page(path, (900, LINE * rows.len() as u32 + 90), |area| {
        let mut chart = ChartBuilder::on(area)
            .caption(
                "selvedge's time over tokio's: below 1 selvedge is faster",
                (FONT, 16),
            )
            .margin(8)
            .set_label_area_size(LabelAreaPosition::Left, 230)
            .set_label_area_size(LabelAreaPosition::Bottom, 30)
            .build_cartesian_2d((LEAST..MOST).log_scale().base(2.0), 0f64..count)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .y_labels(0)
            .x_label_formatter(&|x| format!("{x}"))
            .draw()?;
        let at = |line: usize| count - 0.5 - line as f64;
        let one = [(1.0, 0.0), (1.0, count)];
        chart.draw_series(LineSeries::new(one, GREY.stroke_width(2)))?;
        for (line, (name, row, ratio)) in rows.iter().enumerate() {
            let colour = if *ratio > 1.0 { THEIRS } else { OURS };
            match row {
                Some(row) => {
                    let (low, high) = row.quartiles;
                    let ends = [(low.max(LEAST), at(line)), (high.min(MOST), at(line))];
                    chart.draw_series(LineSeries::new(ends, colour.stroke_width(3)))?;
                    chart.draw_series([Circle::new(
                        (ratio.max(LEAST), at(line)),
                        4,
                        colour.filled(),
                    )])?;
                }
                None => {
                    let mean = (*ratio, at(line));
                    chart.draw_series([TriangleMarker::new(mean, 6, BLACK.filled())])?;
                }
            }
            let y = chart.backend_coord(&(1.0, at(line))).1 - 6;
            let text = match row {
                Some(_) => format!("    {name}"),
                None => format!("{name}: geometric mean {ratio:.2}"),
            };
            let size = if row.is_some() { 11 } else { 12 };
            area.draw_text(&text, &(FONT, size).into_text_style(area), (8, y))?;
        }
        Ok(())
    })
}

/// A curve's colour, beside its name.
fn swatch(style: ShapeStyle) -> impl Fn((i32, i32)) -> Rectangle<(i32, i32)> {
    move |(x, y)| Rectangle::new([(x, y - 2), (x + 12, y + 2)], style)
}

/// A panel for each workload.
fn by_workers(path: &Path, all: &[Workers<'_>]) -> Drawn {
    let height = 250 * all.len().div_ceil(3) as u32;
    page(path, (960, height), |area| {
        for (panel, curve) in area
            .split_evenly((all.len().div_ceil(3), 3))
            .iter()
            .zip(all)
        {
            let most = curve
                .points
                .iter()
                .fold(0.0, |most, p| f64::max(most, p.1.max(p.2)));
            let last = curve.points.last().map_or(1, |p| p.0) as f64;
            let mut chart = ChartBuilder::on(panel)
                .caption(format!("{}, ns", curve.name), (FONT, 13))
                .margin(6)
                .set_label_area_size(LabelAreaPosition::Left, 48)
                .set_label_area_size(LabelAreaPosition::Bottom, 32)
                .build_cartesian_2d((1f64..last).log_scale().base(2.0), 0f64..most * 1.1)?;
            chart
                .configure_mesh()
                .x_desc("workers")
                .x_label_formatter(&|x| format!("{x:.0}"))
                .y_label_formatter(&|y| format!("{y:.0}"))
                .light_line_style(TRANSPARENT)
                .draw()?;
            let line = |of: fn(&(usize, f64, f64)) -> f64| {
                curve.points.iter().map(move |p| (p.0 as f64, of(p)))
            };
            for (name, colour, points) in [
                ("selvedge", OURS, line(|p| p.1).collect::<Vec<_>>()),
                ("tokio", THEIRS, line(|p| p.2).collect()),
            ] {
                chart
                    .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3))?
                    .label(name)
                    .legend(swatch(colour.filled()));
            }
            chart
                .configure_series_labels()
                .background_style(WHITE.mix(0.8))
                .position(SeriesLabelPosition::LowerLeft)
                .label_font((FONT, 11))
                .draw()?;
        }
        Ok(())
    })
}

/// Requests per second to the right, time upward: medians, and the 99th percentiles in a lighter colour.
fn by_load(path: &Path, all: &[Load<'_>]) -> Drawn {
    let most = |of: fn(&Load<'_>) -> f64| all.iter().map(of).fold(0.0, f64::max);
    let least = all.iter().map(|load| load.median).fold(f64::MAX, f64::min);
    let (rates, tails) = (most(|l| l.rate), most(|l| l.tail));
    page(path, (900, 420), |area| {
        let mut chart = ChartBuilder::on(area)
            .caption(
                "time of an HTTP answer, 1 to 128 clients at once",
                (FONT, 16),
            )
            .margin(8)
            .set_label_area_size(LabelAreaPosition::Left, 60)
            .set_label_area_size(LabelAreaPosition::Bottom, 40)
            .build_cartesian_2d(0f64..rates * 1.05, (least * 0.7..tails * 1.3).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("requests a second")
            .y_desc("us")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (runtime, colour) in [("selvedge", OURS), ("tokio", THEIRS)] {
            let of = || all.iter().filter(move |load| load.runtime == runtime);
            let medians = of().map(|load| (load.rate, load.median));
            chart
                .draw_series(LineSeries::new(medians, colour.stroke_width(2)).point_size(3))?
                .label(format!("{runtime}, p50"))
                .legend(swatch(colour.filled()));
            let tails = of().map(|load| (load.rate, load.tail));
            let lighter = colour.mix(0.5);
            chart
                .draw_series(LineSeries::new(tails, lighter.stroke_width(2)).point_size(3))?
                .label(format!("{runtime}, p99"))
                .legend(swatch(lighter.filled()));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .position(SeriesLabelPosition::UpperLeft)
            .label_font((FONT, 12))
            .draw()?;
        Ok(())
    })
}

fn bytes(path: &Path, (ours, theirs): (f64, f64)) -> Drawn {
    page(path, (600, 130), |area| {
        let mut chart = ChartBuilder::on(area)
            .caption("bytes of a task that waits", (FONT, 15))
            .margin(8)
            .set_label_area_size(LabelAreaPosition::Left, 70)
            .set_label_area_size(LabelAreaPosition::Bottom, 24)
            .build_cartesian_2d(0f64..ours.max(theirs) * 1.15, 0f64..2.0)?;
        chart.configure_mesh().disable_mesh().y_labels(0).draw()?;
        for (name, value, from, colour) in [
            ("selvedge", ours, 1.15, OURS),
            ("tokio", theirs, 0.15, THEIRS),
        ] {
            chart.draw_series([Rectangle::new(
                [(0.0, from), (value, from + 0.7)],
                colour.filled(),
            )])?;
            let (x, y) = chart.backend_coord(&(value, from + 0.35));
            let style = (FONT, 12).into_text_style(area);
            area.draw_text(&format!("{value:.0}"), &style, (x + 6, y - 6))?;
            area.draw_text(name, &style, (12, y - 6))?;
        }
        Ok(())
    })
}
