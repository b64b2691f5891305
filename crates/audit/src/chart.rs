//! Bar charts as SVG 1.1, readable on light and on dark ground.

use std::fmt::Write as _;

/// Width of a drawing, in units of the drawing.
const WIDTH: f64 = 720.0;
/// Room above the bars, for the title.
const TOP: f64 = 44.0;
/// Height of the plot of columns.
const PLOT: f64 = 220.0;
/// Room for the numbers at the left of columns.
const LEFT: f64 = 64.0;
/// Height of a row of a bar.
const ROW: f64 = 26.0;
/// Room for the labels at the left of rows.
const LABEL: f64 = 250.0;
/// Most letters of such a label.
const LETTERS: usize = 36;

/// Colours follow the reader's choice, also inside of a page.
const STYLE: &str = "<style>\
    .ground{fill:#ffffff}.ink{fill:#1d2433}.faint{fill:#667085}.line{stroke:#d5d9e0}.bar{fill:#2f6fb2}\
    @media (prefers-color-scheme: dark){.ground{fill:#14181f}.ink{fill:#e6e9ef}.faint{fill:#98a2b3}\
    .line{stroke:#343b48}.bar{fill:#6aa5e3}}</style>";

/// Something counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub label: String,
    pub count: u64,
}

/// Columns from left to right, such as days. At least every label that fits is written.
pub(crate) fn columns(title: &str, bars: &[Bar]) -> String {
    let height = TOP + PLOT + 44.0;
    let mut svg = begin(title, height);
    let step = nice_step(bars.iter().map(|bar| bar.count).max().unwrap_or(0));
    let top = step * 4;
    let y = |count: u64| TOP + PLOT * (1.0 - count as f64 / top as f64);
    for tick in (0..=4).map(|tick| tick * step) {
        let _ = writeln!(
            svg,
            "<line class=\"line\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
            WIDTH - 16.0,
            y = y(tick)
        );
        text(
            &mut svg,
            (LEFT - 8.0, y(tick) + 4.0),
            "faint",
            "end",
            &grouped(tick),
        );
    }
    let room = (WIDTH - 16.0 - LEFT) / bars.len().max(1) as f64;
    let every = (bars.len() as f64 * 74.0 / (WIDTH - LEFT)).ceil().max(1.0) as usize;
    for (number, bar) in bars.iter().enumerate() {
        let x = LEFT + room * number as f64;
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: {}</title></rect>",
            x + room * 0.1,
            y(bar.count),
            room * 0.8,
            TOP + PLOT - y(bar.count),
            escaped(&bar.label),
            grouped(bar.count)
        );
        if number % every == 0 {
            let at = (x + room / 2.0, TOP + PLOT + 20.0);
            text(&mut svg, at, "faint", "middle", &bar.label);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Rows from top to bottom, such as names, each with its count.
pub(crate) fn rows(title: &str, bars: &[Bar]) -> String {
    let mut svg = begin(title, TOP + ROW * bars.len() as f64 + 12.0);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let room = WIDTH - LABEL - 96.0;
    for (number, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * number as f64;
        let width = room * bar.count as f64 / most as f64;
        text(
            &mut svg,
            (LABEL - 10.0, y + 16.0),
            "ink",
            "end",
            &shortened(&bar.label),
        );
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{LABEL}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            y + 3.0,
            ROW - 8.0,
            escaped(&bar.label)
        );
        let at = (LABEL + width + 8.0, y + 16.0);
        text(&mut svg, at, "faint", "start", &grouped(bar.count));
    }
    svg.push_str("</svg>\n");
    svg
}

fn begin(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>{}</title>\n{STYLE}\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
        escaped(title)
    );
    let _ = writeln!(
        svg,
        "<text class=\"ink\" x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\">{}</text>",
        escaped(title)
    );
    svg
}

fn text(svg: &mut String, at: (f64, f64), class: &str, anchor: &str, words: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        escaped(words)
    );
}

/// A quarter of the axis: 1, 2 or 5 times a power of ten, so that four of them hold `most`.
fn nice_step(most: u64) -> u64 {
    let mut power = 1;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if step >= most.div_ceil(4) {
                return step;
            }
        }
        // Beyond that no count goes: 4 steps of 10^19 are more than 64 bits hold.
        let Some(next) = u64::checked_mul(power, 10).filter(|next| *next < u64::MAX / 5) else {
            return u64::MAX / 4;
        };
        power = next;
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LETTERS {
        return label.to_owned();
    }
    let mut short: String = label.chars().take(LETTERS - 1).collect();
    short.push('…');
    short
}

/// Safe inside of an element: names come from whoever made a picture.
pub(crate) fn escaped(words: &str) -> String {
    let mut text = String::new();
    for c in words.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(counts: &[u64]) -> Vec<Bar> {
        let bar = |(at, count): (usize, &u64)| Bar {
            label: format!("<{at}>"),
            count: *count,
        };
        counts.iter().enumerate().map(bar).collect()
    }

    #[test]
    fn the_axis_holds_the_highest_column_in_round_steps() {
        for (most, step) in [
            (0, 1),
            (1, 1),
            (4, 1),
            (5, 2),
            (20, 5),
            (21, 10),
            (999, 500),
        ] {
            assert_eq!(nice_step(most), step, "{most}");
        }
        assert!(nice_step(u64::MAX) >= u64::MAX / 4);
    }

    #[test]
    fn a_column_is_as_high_as_its_count() {
        let svg = columns("a & b", &bars(&[4, 2, 0]));
        assert!(
            svg.contains("a &amp; b") && svg.contains("&lt;1&gt;: 2"),
            "{svg}"
        );
        for height in ["height=\"220.0\"", "height=\"110.0\"", "height=\"0.0\""] {
            assert!(svg.contains(height), "{height} in {svg}");
        }
    }

    #[test]
    fn long_names_are_cut_and_numbers_are_grouped() {
        let label = "é".repeat(50);
        let svg = rows(
            "t",
            &[Bar {
                label,
                count: 1_234_567,
            }],
        );
        assert!(
            svg.contains(&format!("{}…<", "é".repeat(35))) && svg.contains("1,234,567"),
            "{svg}"
        );
    }
}
