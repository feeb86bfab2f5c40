//! Manifests out of the rows.

use super::rows::Kind;

/// A manifest of this kind as a user writes it: the valid spec with the fragment laid over it.
pub fn manifest(kind: Kind, name: &str, fragment: &str) -> String {
    let field = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let said: Vec<_> = fragment.lines().map(field).collect();
    let kept = kind.valid().lines().filter(|line| !said.contains(&field(line)));
    let set = fragment.lines().filter(|line| !line.ends_with(": null"));
    let mut spec: Vec<_> = kept.chain(set).collect();
    if spec.is_empty() {
        spec.push("{}");
    }
    let spec = spec.join("\n  ");
    let namespace = if kind == Kind::ClusterProvider {
        ""
    } else {
        ", namespace: ml"
    };
    format!(
        "apiVersion: gpuinstance.dev/v1alpha1\nkind: {}\nmetadata: {{ name: {name}{namespace} }}\nspec:\n  {spec}\n",
        kind.name()
    )
}
