//! "An empty string means absent": one place that says so.

/// The text, unless it is absent or empty.
pub(crate) fn present(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
