//! Curves over a size, both axes logarithmic, as SVG 1.1.

use std::fmt::Write as _;

/// Lines over one size.
pub struct Plot {
    /// Above the drawing.
    pub title: String,
    /// Under the horizontal axis.
    pub x_label: String,
    /// Beside the vertical axis.
    pub y_label: String,
    /// At least one point among them; all values above zero.
    pub lines: Vec<Line>,
}

/// One curve.
pub struct Line {
    /// What it shows.
    pub name: &'static str,
    /// In rising order of the size.
    pub points: Vec<(f64, f64)>,
}

impl Line {
    /// A curve without points yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            points: Vec::new(),
        }
    }
}

const SIZE: (f64, f64) = (640.0, 360.0);
/// Left, top, right, bottom; names of lines stand right.
const MARGIN: (f64, f64, f64, f64) = (72.0, 40.0, 150.0, 56.0);
const COLOURS: [&str; 5] = ["#2f6fb2", "#c0562b", "#3b8a4a", "#7b4fa3", "#8a7a1f"];

impl Plot {
    /// The drawing as a file.
    pub fn svg(&self) -> String {
        let (width, height) = SIZE;
        let (left, top, right, bottom) = MARGIN;
        let (xs, ys) = (self.decades(|p| p.0), self.decades(|p| p.1));
        let across = |x: f64| left + part(x, xs) * (width - left - right);
        let down = |y: f64| height - bottom - part(y, ys) * (height - top - bottom);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
        );
        text(&mut svg, (left, 24.0), "start", "#222222", &self.title);
        let middle = f64::midpoint(left, width - right);
        text(
            &mut svg,
            (middle, height - 14.0),
            "middle",
            "#222222",
            &self.x_label,
        );
        let _ = writeln!(
            svg,
            "<text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(top, height - bottom),
            self.y_label
        );
        for power in ys.0..=ys.1 {
            let y = down(10_f64.powi(power));
            grid(&mut svg, (left, y), (width - right, y));
            text(
                &mut svg,
                (left - 8.0, y + 4.0),
                "end",
                "#222222",
                &number(power),
            );
        }
        for power in xs.0..=xs.1 {
            let x = across(10_f64.powi(power));
            grid(&mut svg, (x, top), (x, height - bottom));
            text(
                &mut svg,
                (x, height - bottom + 18.0),
                "middle",
                "#222222",
                &number(power),
            );
        }
        let mut taken = Vec::new();
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let path: Vec<String> = line
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", across(*x), down(*y)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
            if let Some((x, y)) = line.points.last() {
                let y = free(down(*y) + 4.0, &mut taken);
                text(&mut svg, (across(*x) + 6.0, y), "start", colour, line.name);
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The powers of ten around all values.
    fn decades(&self, value: impl Fn(&(f64, f64)) -> f64) -> (i32, i32) {
        let values = self.lines.iter().flat_map(|line| &line.points).map(value);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        let (low, high) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        (low, high.max(low + 1))
    }
}

/// A height at which no name stands yet.
fn free(wanted: f64, taken: &mut Vec<f64>) -> f64 {
    let mut y = wanted;
    while taken.iter().any(|other: &f64| (other - y).abs() < 13.0) {
        y -= 13.0;
    }
    taken.push(y);
    y
}

/// Where a value lies between the powers, 0 to 1.
fn part(value: f64, (low, high): (i32, i32)) -> f64 {
    (value.log10() - f64::from(low)) / f64::from(high - low)
}

fn number(power: i32) -> String {
    match power {
        6.. => format!("{} M", 10_i64.pow(power as u32 - 6)),
        3..6 => format!("{},000", 10_i64.pow(power as u32 - 3)),
        0..3 => 10_i64.pow(power as u32).to_string(),
        _ => format!("{:.*}", power.unsigned_abs() as usize, 10_f64.powi(power)),
    }
}

fn grid(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#dddddd\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, colour: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>",
        at.0, at.1
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decade_is_as_wide_as_the_next_and_values_keep_their_names() {
        let plot = Plot {
            title: "Title".to_owned(),
            x_label: "size".to_owned(),
            y_label: "time".to_owned(),
            lines: vec![
                Line {
                    name: "one",
                    points: vec![(1e3, 0.1), (1e4, 1.0), (1e5, 10.0)],
                },
                Line {
                    name: "other",
                    points: vec![(1e3, 0.1), (1e5, 10.0)],
                },
            ],
        };
        let svg = plot.svg();
        assert!(
            svg.contains("points=\"72.0,304.0 281.0,172.0 490.0,40.0\""),
            "{svg}"
        );
        for label in ["1,000", "100,000", ">0.1<", ">10<"] {
            assert!(svg.contains(label), "{label} in {svg}");
        }
        // Both end at the same place; the names do not cover each other.
        assert!(svg.contains("y=\"44.0\" text-anchor=\"start\" fill=\"#2f6fb2\">one"));
        assert!(svg.contains("y=\"31.0\" text-anchor=\"start\" fill=\"#c0562b\">other"));
    }
}
