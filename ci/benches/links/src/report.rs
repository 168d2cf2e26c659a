//! What was measured as a table, as JSON and as a plot.

use crate::Result;
use crate::measure::Measured;
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use plotters::prelude::*;
use std::fs;
use std::path::Path;

/// Prints the table, and writes it as JSON and as a plot beside `results`.
pub fn report(results: &Path, rows: &[Measured]) -> Result<()> {
    println!("{}", table(rows));
    fs::create_dir_all(results.parent().unwrap_or(results))?;
    fs::write(
        results.with_extension("json"),
        serde_json::to_vec_pretty(rows)?,
    )?;
    plot(&results.with_extension("svg"), rows)
}

fn table(rows: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "link",
        "input, MB",
        "plain, ms",
        "like for like, ms",
        "ours, ms",
        "ours by plain",
        "ours by like for like (min–max)",
        "bar",
        "processor time",
        "memory, MB (of it mapped)",
        "bar",
        "rewritten, MB",
        "µs an entry",
    ]);
    let mb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    for row in rows {
        let ratio = &row.ratio;
        let entry = match row.entries {
            0 => String::new(),
            entries => format!("{:.2}", row.ours.median * 1e3 / entries as f64),
        };
        table.add_row([
            row.name.clone(),
            mb(row.input),
            format!("{:.1}", row.plain.median),
            format!("{:.1}", row.like_for_like.median),
            format!("{:.1}", row.ours.median),
            format!("{:.2}", row.ratio_to_plain.median),
            format!("{:.3} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max),
            format!("{} {}", row.bar, met(ratio.median <= row.bar)),
            match row.cpu_bar {
                Some(bar) => {
                    let is_met = met(row.cpu.median <= bar);
                    format!("{:.2} (bar {bar}) {is_met}", row.cpu.median)
                }
                None => format!("{:.2}", row.cpu.median),
            },
            format!("{} ({})", mb(row.memory.peak), mb(row.memory.mapped)),
            row.memory_bar
                .as_ref()
                .map_or_else(String::new, |(bar, is_met)| {
                    format!("{bar} {}", met(*is_met))
                }),
            mb(row.memory.rewritten),
            entry,
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn met(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

/// Of each row the ratio, from least to greatest, and its bar.
fn plot(file: &Path, rows: &[Measured]) -> Result<()> {
    let height = 60 + 34 * rows.len() as u32;
    let root = SVGBackend::new(file, (860, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let most = rows
        .iter()
        .map(|row| row.ratio.median.max(row.bar))
        .fold(1.5, f64::max)
        * 1.15;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(210)
        .build_cartesian_2d(0.0..most, (0..rows.len()).into_segmented())?;
    let name = |position: &SegmentValue<usize>| match position {
        SegmentValue::CenterOf(row) => rows
            .get(*row)
            .map_or_else(String::new, |row| row.name.clone()),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len() + 1)
        .y_label_formatter(&name)
        .x_desc("wall time of the link, ours by the backend alone: median, least and greatest; | is the bar")
        .draw()?;
    for (index, row) in rows.iter().enumerate() {
        let at = || SegmentValue::CenterOf(index);
        let color = if row.ratio.median <= row.bar {
            GREEN.mix(0.6)
        } else {
            RED.mix(0.6)
        };
        chart.draw_series([Rectangle::new(
            [
                (0.0, SegmentValue::Exact(index)),
                (row.ratio.median, SegmentValue::Exact(index + 1)),
            ],
            color.filled(),
        )])?;
        let spread = [(row.ratio.min, at()), (row.ratio.max.min(most), at())];
        chart.draw_series([PathElement::new(spread, BLACK)])?;
        let bar = [
            (row.bar, SegmentValue::Exact(index)),
            (row.bar, SegmentValue::Exact(index + 1)),
        ];
        chart.draw_series([PathElement::new(bar, BLACK.stroke_width(2))])?;
    }
    root.present()?;
    Ok(())
}
