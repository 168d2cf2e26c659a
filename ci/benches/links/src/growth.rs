//! How the ratio grows with the number of crates.

use crate::Result;
use crate::measure::Measured;
use plotters::prelude::*;
use std::path::Path;

/// What the ratio with the most crates may be above that with the fewest.
const MORE: f64 = 0.03;
/// What the ratio may be.
const BAR: f64 = 1.05;

/// Of each profile, with entries and, pale, without.
const COLORS: [RGBColor; 4] = [RED, RED, BLUE, BLUE];

/// A line of the plot: the numbers of crates, and the ratios.
struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

fn lines(rows: &[Measured]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for row in rows {
        let Some(growth) = &row.growth else {
            continue;
        };
        let point = (growth.count as f64, row.ratio.median);
        match lines.iter_mut().find(|line| line.name == growth.line) {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                name: &growth.line,
                points: vec![point],
            }),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

/// For each line, in words, whether it is flat.
pub fn flatness(rows: &[Measured]) -> Vec<String> {
    let lines = lines(rows);
    let words = lines.iter().filter_map(|line| {
        let [first, .., last] = line.points[..] else {
            return None;
        };
        let more = last.1 - first.1;
        let met = if more <= MORE { "met" } else { "not met" };
        Some(format!(
            "{}: {:+.3} from {} to {} crates, bar {MORE}: {met}",
            line.name, more, first.0, last.0
        ))
    });
    words.collect()
}

/// The ratio over the number of crates.
pub fn plot(file: &Path, rows: &[Measured], conditions: &str) -> Result<()> {
    let lines = lines(rows);
    let points = || lines.iter().flat_map(|line| &line.points);
    let counts = points().map(|point| point.0);
    let (fewest, most) = (
        counts.clone().fold(f64::INFINITY, f64::min),
        counts.fold(0.0, f64::max),
    );
    let highest = points().map(|point| point.1).fold(1.2, f64::max) + 0.05;
    let lowest = points().map(|point| point.1).fold(1.0, f64::min) - 0.05;
    let root = SVGBackend::new(file, (760, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(14)
        .caption(
            format!("link time with us by that of the backend alone; {conditions}"),
            ("sans-serif", 13),
        )
        .x_label_area_size(40)
        .y_label_area_size(46)
        .build_cartesian_2d(((fewest * 0.9)..(most * 1.1)).log_scale(), lowest..highest)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("crates, each with four entries of linkme and two of inventory")
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|ratio| format!("{ratio:.2}"))
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        let color = COLORS[index % COLORS.len()].mix(if index % 2 == 0 { 1.0 } else { 0.35 });
        let style = color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    let bar = [(fewest * 0.9, BAR), (most * 1.1, BAR)];
    let bar_style = BLACK.mix(0.5).stroke_width(1);
    chart
        .draw_series([PathElement::new(bar, bar_style)])?
        .label(format!("bar: {BAR}"))
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], bar_style));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    root.present()?;
    Ok(())
}
