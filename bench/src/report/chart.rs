//! A chart of the figures and their targets.

use super::{Figure, Target};

const WIDTH: u32 = 720;
const MARGIN: u32 = 24;
const ROW: u32 = 52;
const BAR: u32 = 12;
const HEADING: u32 = 44;
/// Position of the targets along the bars.
const TARGET_AT: f64 = 0.8;

const STYLE: &str = "\
text{font:14px system-ui,sans-serif;fill:#1f2933}\
.heading{font-weight:600;font-size:15px}\
.quiet{fill:#52606d;font-size:13px}\
.end{text-anchor:end}\
.ground{fill:#fff}.track{fill:#e4e9ee}.reached{fill:#1b7f5c}.missed{fill:#b6461c}\
.line{stroke:#1f2933;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#e6ebf0}.quiet{fill:#a3b1bf}\
.ground{fill:#14191f}.track{fill:#2b343d}.reached{fill:#46b98d}.missed{fill:#e98a5d}\
.line{stroke:#e6ebf0}}";

/// An SVG image: bars that should pass the line of their target, then bars that should not.
pub(super) fn draw(figures: &[Figure]) -> String {
    let more = figures.iter().filter(|figure| matches!(figure.target, Target::AtLeast(_)));
    let less = figures.iter().filter(|figure| matches!(figure.target, Target::AtMost(_)));
    let (more, y) = panel(MARGIN, "More is better: the bar should pass the line", more);
    let (less, y) = panel(y + MARGIN / 2, "Less is better: the bar should stop before it", less);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" \
         width=\"{WIDTH}\" height=\"{y}\" role=\"img\" \
         aria-label=\"Measured figures against their targets\"><style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{y}\" rx=\"8\"/>\n{more}{less}</svg>\n"
    )
}

/// A heading and a row for each figure from `y` on, and where they end.
fn panel<'a>(y: u32, heading: &str, figures: impl Iterator<Item = &'a Figure>) -> (String, u32) {
    let baseline = y + 16;
    let mut panel =
        format!("<text class=\"heading\" x=\"{MARGIN}\" y=\"{baseline}\">{heading}</text>\n");
    let mut y = y + HEADING;
    for figure in figures {
        panel += &row(figure, y);
        y += ROW;
    }
    (panel, y)
}

fn row(figure: &Figure, y: u32) -> String {
    let track = WIDTH - 2 * MARGIN;
    let right = WIDTH - MARGIN;
    let bar = f64::from(track) * share(figure);
    let line = f64::from(MARGIN) + f64::from(track) * TARGET_AT;
    let (top, above, below) = (y + 8, y + 5, y + 8 + BAR + 3);
    format!(
        "<text x=\"{MARGIN}\" y=\"{y}\">{}</text>\
         <text class=\"end\" x=\"{right}\" y=\"{y}\">{} \
         <tspan class=\"quiet\">(target {}: {})</tspan></text>\n\
         <rect class=\"track\" x=\"{MARGIN}\" y=\"{top}\" width=\"{track}\" height=\"{BAR}\" rx=\"3\"/>\
         <rect class=\"{}\" x=\"{MARGIN}\" y=\"{top}\" width=\"{bar:.1}\" height=\"{BAR}\" rx=\"3\"/>\
         <path class=\"line\" d=\"M{line:.1} {above}V{below}\"/>\n",
        escaped(figure.name),
        escaped(&figure.value()),
        escaped(&figure.target()),
        figure.verdict(),
        figure.verdict(),
    )
}

/// How much of the track the bar fills; a figure far beyond its target fills all of it.
fn share(figure: &Figure) -> f64 {
    match figure.target {
        Target::AtLeast(target) | Target::AtMost(target) => {
            (figure.value / target * TARGET_AT).clamp(0.0, 1.0)
        }
        Target::None => 0.0,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::figure;
    use super::*;

    #[test]
    fn bar_of_a_figure_at_its_target_ends_at_the_target_line() {
        assert!((share(&figure(0.85, Target::AtLeast(0.85))) - TARGET_AT).abs() < 1e-9);
        assert!(share(&figure(0.8, Target::AtLeast(0.85))) < TARGET_AT);
        assert!(share(&figure(4.0, Target::AtMost(5.0))) < TARGET_AT);
        assert!((share(&figure(500.0, Target::AtMost(5.0))) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn every_figure_with_a_target_is_drawn_once() {
        let svg = draw(&[
            figure(1.0, Target::AtLeast(0.85)),
            figure(9.0, Target::AtMost(5.0)),
            figure(1.0, Target::None),
        ]);
        assert_eq!(svg.matches("class=\"track\"").count(), 2);
        assert_eq!(svg.matches("<rect class=\"reached\"").count(), 1);
        assert_eq!(svg.matches("<rect class=\"missed\"").count(), 1);
    }

    #[test]
    fn text_is_escaped() {
        let svg = draw(&[figure(1.0, Target::AtLeast(0.85))]);
        assert!(svg.contains("Speed &amp; more") && !svg.contains("Speed & more"));
    }
}
