//! What was measured as tables in the form of the documents, as JSON and as a plot.

use crate::Result;
use crate::growth;
use crate::measure::Measured;
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use plotters::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// What is measured, and where the results go.
pub struct Report<'a> {
    /// The command, such as `links`.
    pub command: &'a str,
    /// The directory of `COMMAND.json` and `COMMAND.svg`.
    pub results: &'a Path,
    /// The machine and the programs, in words.
    pub conditions: &'a str,
    /// Whether the tables in the documents are replaced.
    pub write: bool,
}

impl Report<'_> {
    /// Prints the tables in the form of the documents, and writes the results as JSON and as a plot.
    pub fn report(&self, rows: &[Measured]) -> Result<()> {
        let mut whole = self.block(&table(rows), rows);
        if self.command == "crates" && document("docs/crates.svg").exists() {
            whole += "\n![the ratio over the number of crates](crates.svg)\n";
        }
        let short = self.block(&short_table(rows), rows);
        let is_short = rows.iter().any(|row| readme_name(row).is_some());
        println!("docs/performance.md:\n\n{whole}");
        if is_short {
            println!("README.md:\n\n{short}");
        }
        for growth in growth::flatness(rows) {
            println!("{growth}");
        }
        fs::create_dir_all(self.results)?;
        let file = self.results.join(self.command);
        fs::write(
            file.with_extension("json"),
            serde_json::to_vec_pretty(rows)?,
        )?;
        plot(&file.with_extension("svg"), rows)?;
        if self.write {
            self.replace("docs/performance.md", &whole)?;
            self.replace("README.md", &short)?;
        }
        Ok(())
    }

    fn block(&self, table: &Table, rows: &[Measured]) -> String {
        let mut rounds: Vec<usize> = rows.iter().map(|row| row.rounds).collect();
        rounds.sort_unstable();
        let rounds = match (rounds.first(), rounds.last()) {
            (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
            (Some(least), _) => least.to_string(),
            _ => String::new(),
        };
        format!(
            "`ci/bench {}`, {}, medians of {rounds} rounds:\n\n{}\n",
            self.command,
            self.conditions,
            markdown(table)
        )
    }

    /// Replaces what stands in a document between `<!-- ci/bench COMMAND -->` and `<!-- end -->`, if it has that.
    fn replace(&self, name: &str, block: &str) -> Result<()> {
        let file = document(name);
        let text = fs::read_to_string(&file)?;
        let begin = format!("<!-- ci/bench {} -->\n", self.command);
        let Some((before, rest)) = text.split_once(&begin) else {
            return Ok(());
        };
        let Some((_, after)) = rest.split_once("<!-- end -->") else {
            return Err(format!("{name} has no `<!-- end -->` after {begin}").into());
        };
        fs::write(
            &file,
            format!("{before}{begin}\n{block}\n<!-- end -->{after}"),
        )?;
        eprintln!("links: wrote the table in {name}");
        Ok(())
    }
}

/// All that was measured.
fn table(rows: &[Measured]) -> Table {
    let mut table = new_table([
        "link",
        "input, MB",
        "alone, ms",
        "alone, huge pages, ms",
        "with us, ms",
        "as a user has it",
        "like for like (min–max)",
        "bar",
        "processor time",
        "memory, MB (of it mapped)",
        "bar",
        "rewritten, MB",
        "µs an entry",
    ]);
    for row in rows {
        let ratio = &row.ratio;
        let entry = match row.entries {
            0 => String::new(),
            entries => format!("{:.2}", row.ours.median * 1e3 / entries as f64),
        };
        let bar = match row.ms_bar {
            Some(ms) => format!("{}, {ms} ms", row.bar),
            None => row.bar.to_string(),
        };
        let difference = match row.ms_bar {
            Some(_) => format!(", {:+.1} ms", row.difference.median),
            None => String::new(),
        };
        table.add_row([
            row.name.clone(),
            mb(row.input),
            format!("{:.1}", row.plain.median),
            format!("{:.1}", row.like_for_like.median),
            format!("{:.1}", row.ours.median),
            format!("{:.2}", row.ratio_to_plain.median),
            format!(
                "{:.3} ({:.2}–{:.2}){difference}",
                ratio.median, ratio.min, ratio.max
            ),
            format!("{bar} {}", met(row.is_met())),
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
    table
}

/// What README shows of it: the rows with a title, or the workspaces.
fn short_table(rows: &[Measured]) -> Table {
    let mut table = new_table([
        "link",
        "input, MB",
        "backend alone, ms",
        "with huge pages, ms",
        "with us, ms",
        "ratio, as a user has it",
        "ratio, like for like",
    ]);
    for row in rows {
        let Some(name) = readme_name(row) else {
            continue;
        };
        table.add_row([
            name.to_owned(),
            mb(row.input),
            format!("{:.1}", row.plain.median),
            format!("{:.1}", row.like_for_like.median),
            format!("{:.1}", row.ours.median),
            format!("{:.2}", row.ratio_to_plain.median),
            format!("{:.2}", row.ratio.median),
        ]);
    }
    table
}

/// A document of the repository.
pub fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(name)
}

/// The table with numbers aligned to the right, also where Markdown is rendered.
fn markdown(table: &Table) -> String {
    let text = table.to_string();
    let lines = text.lines().map(|line| match line.starts_with("|--") {
        true => format!("|---|{}", "---:|".repeat(line.matches('|').count() - 2)),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name of a row in README, if it is there.
fn readme_name(row: &Measured) -> Option<&str> {
    let of_workspace = row.growth.as_ref().map(|_| row.name.as_str());
    row.title.or(of_workspace)
}

fn new_table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
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
        .x_desc("wall time of the link, ours by the backend alone, like for like: median, least and greatest; | is the bar")
        .draw()?;
    for (index, row) in rows.iter().enumerate() {
        let at = || SegmentValue::CenterOf(index);
        let color = if row.is_met() {
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
