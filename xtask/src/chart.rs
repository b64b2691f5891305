//! A drawing of one measured curve with its intervals, as SVG 1.1.

use std::fmt::Write as _;

/// A curve over a linear axis; the values lie in 0 to 1.
pub struct Chart {
    /// Above the drawing.
    pub title: String,
    /// Under the horizontal axis.
    pub x_label: String,
    /// Beside the vertical axis.
    pub y_label: String,
    /// In rising order of `x`, at least two.
    pub points: Vec<Point>,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Horizontal value.
    pub x: f64,
    /// Vertical value, 0 to 1.
    pub y: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}

/// Size of the drawing and of the margins left, top, right, bottom, in units of the drawing.
const SIZE: (f64, f64) = (560.0, 340.0);
const MARGIN: (f64, f64, f64, f64) = (64.0, 40.0, 20.0, 56.0);

impl Chart {
    /// The drawing as a file.
    pub fn svg(&self) -> String {
        let (width, height) = SIZE;
        let (left, top, right, bottom) = MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
        );
        text(&mut svg, (left, 24.0), "start", &self.title);
        text(
            &mut svg,
            ((left + width - right) / 2.0, height - 14.0),
            "middle",
            &self.x_label,
        );
        let _ = writeln!(
            svg,
            "<text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (top + height - bottom) / 2.0,
            escaped(&self.y_label)
        );
        for tenth in (0..=10).step_by(2) {
            let y = down(f64::from(tenth) / 10.0);
            line(&mut svg, (left, y), (width - right, y));
            text(
                &mut svg,
                (left - 8.0, y + 4.0),
                "end",
                &format!("{} %", tenth * 10),
            );
        }
        for value in self.ticks() {
            let x = self.across(value);
            line(&mut svg, (x, height - bottom), (x, height - bottom + 5.0));
            text(
                &mut svg,
                (x, height - bottom + 18.0),
                "middle",
                &short(value),
            );
        }
        let upper = self.points.iter().map(|p| (p.x, p.high));
        let lower = self.points.iter().rev().map(|p| (p.x, p.low));
        let _ = writeln!(
            svg,
            "<polygon points=\"{}\" fill=\"#2f6fb2\" fill-opacity=\"0.18\"/>",
            self.path(upper.chain(lower))
        );
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#2f6fb2\" stroke-width=\"2\"/>",
            self.path(self.points.iter().map(|p| (p.x, p.y)))
        );
        for point in &self.points {
            let (x, y) = (self.across(point.x), down(point.y));
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#2f6fb2\"/>"
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn span(&self) -> (f64, f64) {
        let end = |p: Option<&Point>| p.map_or(0.0, |p| p.x);
        (end(self.points.first()), end(self.points.last()))
    }

    fn across(&self, x: f64) -> f64 {
        let (first, last) = self.span();
        MARGIN.0 + (x - first) / (last - first) * (SIZE.0 - MARGIN.0 - MARGIN.2)
    }

    fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let pairs = points.map(|(x, y)| format!("{:.1},{:.1}", self.across(x), down(y)));
        pairs.collect::<Vec<_>>().join(" ")
    }

    /// About six multiples of 1, 2 or 5 times a power of ten.
    fn ticks(&self) -> Vec<f64> {
        let (first, last) = self.span();
        let rough = (last - first) / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * power)
            .into_iter()
            .find(|s| *s >= rough);
        let step = step.unwrap_or(power);
        let whole = |v: f64| (v / step).round() as i64;
        let (low, high) = (
            whole((first / step).ceil() * step),
            whole((last / step).floor() * step),
        );
        (low..=high).map(|i| i as f64 * step).collect()
    }
}

fn down(y: f64) -> f64 {
    SIZE.1 - MARGIN.3 - y * (SIZE.1 - MARGIN.1 - MARGIN.3)
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#cccccc\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        escaped(words)
    );
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;")
}

/// Without the noise of binary fractions.
fn short(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let point = |x, y| Point {
            x,
            y,
            low: y,
            high: y,
        };
        Chart {
            title: "A < B & C".into(),
            x_label: "x".into(),
            y_label: "y".into(),
            points: vec![point(0.0, 0.0), point(50.0, 0.5), point(100.0, 1.0)],
        }
    }

    #[test]
    fn corners_of_the_axes_are_where_the_margins_say() {
        let chart = chart();
        assert_eq!((chart.across(0.0), chart.across(100.0)), (64.0, 540.0));
        assert_eq!((down(0.0), down(1.0)), (284.0, 40.0));
        let svg = chart.svg();
        assert!(
            svg.contains("points=\"64.0,284.0 302.0,162.0 540.0,40.0\""),
            "{svg}"
        );
        assert!(svg.contains("A &lt; B &amp; C"));
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(chart().ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    }
}
