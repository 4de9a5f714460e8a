//! Rows a second against the size of an export, as an SVG that is written by hand.

use std::fmt::Write;

/// One line of the plot: (rows, rows a second).
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Room for the axes' words.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 160.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Told apart by people who see colours otherwise, too.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#666666"];

/// Sizes on a logarithmic axis, rates on a straight one that begins at 0.
pub(super) fn svg(lines: &[Line]) -> String {
    let every = || lines.iter().flat_map(|line| &line.points);
    let low = every().map(|p| p.0).fold(f64::INFINITY, f64::min).log10().floor();
    let high = every().map(|p| p.0).fold(0.0, f64::max).log10().ceil().max(low + 1.0);
    let step = nice(every().map(|p| p.1).fold(1.0, f64::max) / 5.0);
    let most = (every().map(|p| p.1).fold(1.0, f64::max) / step).ceil() * step;
    let x = |rows: f64| LEFT + (rows.log10() - low) / (high - low) * (WIDTH - LEFT - RIGHT);
    let y = |rate: f64| HEIGHT - BOTTOM - rate / most * (HEIGHT - TOP - BOTTOM);

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"22\" font-size=\"15\">Million rows a second, Initiate to Complete, by rows of the export</text>\n"
    );
    let mut rate = 0.0;
    while rate <= most + step / 2.0 {
        let (at, right) = (y(rate), WIDTH - RIGHT);
        let _ = writeln!(out, "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>");
        let (left, below, millions) = (LEFT - 8.0, at + 4.0, rate / 1e6);
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{below:.1}\" text-anchor=\"end\">{millions:.2}</text>");
        rate += step;
    }
    for power in low as i32..=high as i32 {
        let (at, below) = (x(10f64.powi(power)), HEIGHT - BOTTOM + 20.0);
        let words = match power {
            ..3 => format!("{}", 10f64.powi(power)),
            3..6 => format!("{},000", 10f64.powi(power - 3)),
            _ => format!("{},000,000", 10f64.powi(power - 6)),
        };
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{words}</text>");
    }
    for (at, (line, colour)) in lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points: Vec<_> = line.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        for p in &line.points {
            let _ = writeln!(out, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(p.0), y(p.1));
        }
        let (left, down) = (WIDTH - RIGHT + 14.0, TOP + 20.0 * at as f64 + 10.0);
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{down}\" fill=\"{colour}\">{}</text>", line.name);
    }
    out + "</svg>\n"
}

/// The next of 1, 2, 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= step).unwrap_or(10.0);
    times * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lies_inside() {
        let line = |name: &str, rate: f64| Line {
            name: name.to_owned(),
            points: vec![(10_000.0, rate), (100_000.0, rate * 2.0), (5_000_000.0, rate * 3.0)],
        };
        let text = svg(&[line("a", 300_000.0), line("b", 1_000_000.0)]);
        let centres = text.lines().filter(|line| line.starts_with("<circle"));
        let mut seen = 0;
        for centre in centres {
            let number = |name: &str| -> f64 {
                let after = centre.split(&format!("{name}=\"")).nth(1).unwrap();
                after.split('"').next().unwrap().parse().unwrap()
            };
            assert!((LEFT..=WIDTH - RIGHT).contains(&number("cx")), "{centre}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(&number("cy")), "{centre}");
            seen += 1;
        }
        assert_eq!(seen, 6);
    }

    #[test]
    fn steps_are_round_numbers() {
        assert_eq!(nice(0.3), 0.5);
        assert_eq!(nice(130_000.0), 200_000.0);
        assert_eq!(nice(100_000.0), 100_000.0);
    }
}
