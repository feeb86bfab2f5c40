//! What an expression asks for. promtool has parsed it before; this only finds names in it.

use gpu_instance_operator::metrics::{DESCRIPTIONS, Description, MetricKind, PREFIX};

/// A metric that is asked for, and the values of labels that are.
#[derive(Debug, PartialEq, Eq)]
pub struct Selector {
    /// As it is written, with the suffix of a histogram.
    pub metric: String,
    /// Label, operator, value.
    pub matchers: Vec<(String, String, String)>,
}

impl Selector {
    /// The metric that it is of.
    pub fn description(&self) -> Option<Description> {
        DESCRIPTIONS.into_iter().find(|description| {
            let suffix = self.metric.strip_prefix(&description.full_name());
            match description.kind {
                MetricKind::Histogram => matches!(suffix, Some("_bucket" | "_count" | "_sum")),
                _ => suffix == Some(""),
            }
        })
    }
}

pub fn selectors(expression: &str) -> Vec<Selector> {
    let prefix = format!("{PREFIX}_");
    let starts = expression.match_indices(&prefix).map(|(at, _)| &expression[at..]);
    starts.map(selector).collect()
}

fn selector(text: &str) -> Selector {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let (metric, rest) = text.split_at(end.unwrap_or(text.len()));
    let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    Selector {
        metric: metric.to_owned(),
        matchers: inside.map(|(inside, _)| matchers(inside)).unwrap_or_default(),
    }
}

fn matchers(inside: &str) -> Vec<(String, String, String)> {
    let mut parts = inside.split('"');
    let mut found = Vec::new();
    while let (Some(left), Some(value)) = (parts.next(), parts.next()) {
        let left = left.trim_matches([',', ' ', '\n']);
        let at = left.find(['=', '!']).unwrap_or(left.len());
        let (label, operator) = left.split_at(at);
        found.push((label.to_owned(), operator.to_owned(), value.to_owned()));
    }
    found
}

#[test]
fn names_and_matchers_are_found() {
    let found = selectors(
        r#"sum(gpu_instance_operator_a{x="1", y=~"2|3"}) / gpu_instance_operator_leader > histogram_quantile(gpu_instance_operator_time_to_ready_seconds_sum)"#,
    );
    let metrics: Vec<_> = found.iter().map(|selector| selector.metric.as_str()).collect();
    assert_eq!(
        metrics,
        [
            "gpu_instance_operator_a",
            "gpu_instance_operator_leader",
            "gpu_instance_operator_time_to_ready_seconds_sum"
        ]
    );
    let matcher = |label: &str, operator: &str, value: &str| (label.to_owned(), operator.to_owned(), value.to_owned());
    assert_eq!(found[0].matchers, [matcher("x", "=", "1"), matcher("y", "=~", "2|3")]);
    assert!(found[0].description().is_none());
    assert_eq!(found[1].description().unwrap().name, "leader");
    assert_eq!(found[2].description().unwrap().name, "time_to_ready_seconds");
}
