//! The namespaces that the operator looks after.

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

/// The namespaces that the operator looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// All of them; shared providers too.
    All,
    /// Only these, without permission to look at anything cluster-wide: so no shared providers.
    Only(Vec<String>),
}

impl Namespaces {
    /// All, if none is named.
    #[must_use]
    pub fn new(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { Self::All } else { Self::Only(names) }
    }

    /// The APIs that must be listed and watched to see every object of a kind: one, or one a namespace.
    #[must_use]
    pub fn apis<K>(&self, client: &Client) -> Vec<Api<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        match self {
            Self::All => vec![Api::all(client.clone())],
            Self::Only(names) => names.iter().map(|name| Api::namespaced(client.clone(), name)).collect(),
        }
    }

    /// Whether objects without a namespace are looked at.
    #[must_use]
    pub fn cluster_wide(&self) -> bool {
        *self == Self::All
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_all_and_a_name_counts_once() {
        assert_eq!(Namespaces::new(Vec::new()), Namespaces::All);
        let two = Namespaces::new(vec!["ml".into(), "dev".into(), "ml".into()]);
        assert_eq!(two, Namespaces::Only(vec!["dev".into(), "ml".into()]));
        assert!(!two.cluster_wide());
    }
}
