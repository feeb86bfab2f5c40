//! Neolink's regions, and the cluster of each: what the paths of all other calls are made of.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::provider::loose;

/// How long the list of regions is used before it is read again.
const KEPT: Duration = Duration::from_mins(10);
/// How old it must be to be read again for a region that is not in it.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Where machines are rented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// What the catalog is asked by.
    pub(super) id: String,
    /// What people call it, such as 北京一区.
    pub(super) name: String,
    /// What paths name, such as `host-cluster`.
    pub(super) cluster: String,
}

/// The regions of an answer; `None` where it has no list of them. A row that names no cluster is no place to rent in.
pub(super) fn read(body: &Value) -> Option<Vec<Region>> {
    let regions = body.as_array()?.iter().filter_map(|row| {
        Some(Region {
            id: loose::id(row, "id")?,
            name: loose::word(row, "region").unwrap_or_default(),
            cluster: loose::id(row, "clusterName").filter(|name| is_a_part(name))?,
        })
    });
    Some(regions.collect())
}

/// Whether a word stays one part of a path: `..` would walk out of it.
pub(super) fn is_a_part(word: &str) -> bool {
    loose::is_plain(word) && word.bytes().any(|byte| byte != b'.')
}

/// The region that a spec means: by its id, its name or its cluster's name, in this order.
pub(super) fn resolve<'a>(regions: &'a [Region], wanted: &str) -> Option<&'a Region> {
    let wanted = wanted.trim();
    let by = |word: fn(&Region) -> &str| regions.iter().find(|region| word(region) == wanted);
    by(|region| &region.id)
        .or_else(|| by(|region| &region.name))
        .or_else(|| by(|region| &region.cluster))
}

/// The regions as a user may write them.
pub(super) fn names(regions: &[Region]) -> String {
    if regions.is_empty() {
        return "none".to_owned();
    }
    let name = |region: &Region| match region.name.as_str() {
        "" => region.id.clone(),
        name => format!("{name} ({})", region.id),
    };
    regions.iter().take(8).map(name).collect::<Vec<_>>().join(", ")
}

/// The regions as they were read last: they hardly ever change, and every call needs them.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Option<Read>>);

#[derive(Debug)]
struct Read {
    at: Instant,
    regions: Arc<[Region]>,
}

/// How fresh the list of regions must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// As old as it may be.
    Usual,
    /// Just read, unless that was a moment ago: something was not in it.
    Fresh,
}

impl Known {
    /// The regions, read by this where they are too old. An old list is better than none: the calls that follow tell
    /// for themselves whether the cloud can be reached.
    pub(super) async fn get<E>(
        &self,
        age: Age,
        read: impl Future<Output = Result<Vec<Region>, E>>,
    ) -> Result<Arc<[Region]>, E> {
        let mut known = self.0.lock().await;
        let longest = match age {
            Age::Usual => KEPT,
            Age::Fresh => LOOK_AGAIN,
        };
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < longest) {
            return Ok(Arc::clone(&known.regions));
        }
        match read.await {
            Ok(regions) => {
                let regions: Arc<[Region]> = regions.into();
                *known = Some(Read {
                    at: Instant::now(),
                    regions: Arc::clone(&regions),
                });
                Ok(regions)
            }
            Err(error) => known.as_ref().map(|known| Arc::clone(&known.regions)).ok_or(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_region_goes_by_three_names() {
        let body = json!([
            {"id": "r-1", "region": "北京一区", "clusterName": "host-cluster"},
            {"id": "r-2", "region": "r-1", "clusterName": "second"},
            {"id": "r-3", "region": "no cluster", "clusterName": ""},
            {"id": "r-4", "region": "walks out", "clusterName": ".."},
        ]);
        let regions = read(&body).unwrap();
        assert_eq!(regions.len(), 2);
        for (wanted, cluster) in [
            ("r-1", Some("host-cluster")),
            ("北京一区", Some("host-cluster")),
            (" host-cluster ", Some("host-cluster")),
            ("second", Some("second")),
            ("nowhere", None),
            ("", None),
        ] {
            let found = resolve(&regions, wanted).map(|region| region.cluster.as_str());
            assert_eq!(found, cluster, "{wanted}");
        }
        assert_eq!(names(&regions), "北京一区 (r-1), r-1 (r-2)");
        assert_eq!(read(&json!({"regions": []})), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_list_is_read_rarely_and_kept_over_an_outage() {
        let known = Known::default();
        let one = || {
            vec![Region {
                id: "r".into(),
                name: "n".into(),
                cluster: "c".into(),
            }]
        };
        let fail = async || Err::<Vec<Region>, _>("outage");
        assert_eq!(known.get(Age::Usual, fail()).await, Err("outage"));
        known.get(Age::Usual, async { Ok::<_, &str>(one()) }).await.unwrap();
        tokio::time::advance(Duration::from_secs(29)).await;
        // Not read again, so that what a read would give does not matter.
        let none = async || Ok::<_, &str>(Vec::new());
        assert_eq!(known.get(Age::Fresh, none()).await.unwrap().len(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(known.get(Age::Usual, none()).await.unwrap().len(), 1);
        assert_eq!(known.get(Age::Fresh, fail()).await.unwrap().len(), 1);
        tokio::time::advance(KEPT).await;
        assert_eq!(known.get(Age::Usual, none()).await.unwrap().len(), 0);
    }
}
