//! Volumes of an account, which an order must name by id, name and type.

use serde::Serialize;
use serde_json::Value;

use crate::provider::{Error, Kind, Result, loose};

/// A volume as an order names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Storage {
    #[serde(rename = "remoteStorageName")]
    pub(super) name: String,
    #[serde(rename = "remoteStorageId")]
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// A source that says all that an order needs: `type/name/id`.
pub(super) fn spelled_out(source: &str) -> Option<Storage> {
    let parts: Vec<&str> = source.split('/').map(str::trim).collect();
    let [kind, name, id] = parts[..] else { return None };
    (!name.is_empty() && loose::is_plain(kind) && loose::is_plain(id)).then(|| Storage {
        name: name.to_owned(),
        id: id.to_owned(),
        kind: kind.to_owned(),
    })
}

/// A page's volumes. The vendor's table of their members is not public, so the names of the create and delete calls,
/// and of an order, are looked for.
pub(super) fn read(body: &Value) -> Option<Vec<Storage>> {
    let rows = body.get("volumeList")?.as_array()?;
    Some(rows.iter().filter_map(volume).collect())
}

fn volume(row: &Value) -> Option<Storage> {
    let first = |members: &[&str]| members.iter().find_map(|member| loose::word(row, member));
    Some(Storage {
        id: ["volumeId", "id", "remoteStorageId"]
            .iter()
            .find_map(|member| loose::id(row, member))?,
        name: first(&["name", "volumeName", "remoteStorageName"])?,
        kind: first(&["volumeType", "type"])?,
    })
}

/// The volume that a source names by its id, or by a name that only one has.
pub(super) fn find(volumes: &[Storage], source: &str, field: &str) -> Result<Storage> {
    let by_id = volumes.iter().find(|volume| volume.id == source);
    let named: Vec<&Storage> = volumes.iter().filter(|volume| volume.name == source).collect();
    match (by_id, &named[..]) {
        (Some(volume), _) => Ok(volume.clone()),
        (None, [volume]) => Ok((*volume).clone()),
        (None, []) => {
            let have: Vec<String> = volumes
                .iter()
                .take(8)
                .map(|volume| format!("{} ({})", volume.name, volume.id))
                .collect();
            let have = if have.is_empty() {
                "none".to_owned()
            } else {
                have.join(", ")
            };
            Err(invalid(&format!(
                "{field}: the account has no volume {source}; it has: {have}"
            )))
        }
        (None, several) => {
            let ids: Vec<&str> = several.iter().map(|volume| volume.id.as_str()).collect();
            Err(invalid(&format!(
                "{field}: several volumes are called {source}; use the id: {}",
                ids.join(", ")
            )))
        }
    }
}

/// No list to look a source up in.
pub(super) fn cannot_look_up(field: &str, why: &str) -> Error {
    invalid(&format!(
        "{field} cannot be looked up, for Luchen's list of volumes is not to be had ({why}): write it as \
         type/name/id, such as highspeedstorage/my-volume/f6a6345e-0000-0000-0000-e52e330cfaec"
    ))
}

fn invalid(what: &str) -> Error {
    Error::new(Kind::Invalid, format!("luchen.volumes: {what}"))
}
