//! Names Secrets, also in an annotation.

use super::annotation_list::entries;

/// Namespace and name of a Secret.
pub type SecretKey = (String, String);

/// The Secrets that an annotation names; what is no name in it is passed over.
pub(super) fn parse(list: &str) -> Vec<SecretKey> {
    let keys = entries(list).filter_map(|entry| entry.split_once('/'));
    keys.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
        .collect()
}

/// As an annotation names them.
pub(super) fn format(secrets: &[SecretKey]) -> String {
    let entries: Vec<_> = secrets
        .iter()
        .map(|(namespace, name)| format!("{namespace}/{name}"))
        .collect();
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_what_is_no_name_is_not() {
        let held = vec![("ml".to_owned(), "a".to_owned()), ("ops".to_owned(), "b".to_owned())];
        assert_eq!(parse(&format(&held)), held);
        assert!(parse("").is_empty() && parse("nonsense").is_empty());
    }
}
