//! The table of operations.

use axum::http::Method;

/// The log's name for a path or a method that `SCNet` does not have.
pub(super) const UNKNOWN: &str = "unknown";

/// Everything that `SCNet` can be asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Tokens,
    Center,
    ResourceGroups,
    Resources,
    MountDirs,
    Images,
    Create,
    Start,
    Stop,
    Delete,
    Detail,
    Url,
    ListByQuery,
    ListByBody,
    ExecuteScript,
    Resize,
}

use Operation as Op;

impl Operation {
    /// As faults and the log have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Center => "center",
            Self::ResourceGroups => "resource_groups",
            Self::Resources => "resources",
            Self::MountDirs => "mount_dirs",
            Self::Images => "images",
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Delete => "delete",
            Self::Detail => "detail",
            Self::Url => "url",
            Self::ListByQuery | Self::ListByBody => "list",
            Self::ExecuteScript => "execute_script",
            Self::Resize => "resize",
        }
    }
}

/// Of the platform.
const PLATFORM: [(&str, &str, Operation); 2] = [
    ("POST", "/api/user/v3/tokens", Op::Tokens),
    ("GET", "/ac/openapi/v2/center", Op::Center),
];

/// Of a region, below `/regions/ID/ai/openapi/v2`. `{id}` stands for any one part of a path.
const CONTAINERS: [(&str, &str, Operation); 14] = [
    ("GET", "/instance-service/resource-group", Op::ResourceGroups),
    ("GET", "/instance-service/resources", Op::Resources),
    ("GET", "/instance-service/allowed-mount-dir", Op::MountDirs),
    ("POST", "/image/images", Op::Images),
    ("POST", "/instance-service/task", Op::Create),
    ("POST", "/instance-service/task/actions/restart", Op::Start),
    ("POST", "/instance-service/task/actions/stop", Op::Stop),
    ("DELETE", "/instance-service/task", Op::Delete),
    ("GET", "/instance-service/{id}/detail", Op::Detail),
    ("GET", "/instance-service/{id}/url", Op::Url),
    ("GET", "/instance-service/task/list", Op::ListByQuery),
    ("GET", "/instance-service/task", Op::ListByBody),
    (
        "POST",
        "/instance-service/task/actions/execute-script",
        Op::ExecuteScript,
    ),
    ("POST", "/instance-service/resource-spec/actions/update", Op::Resize),
];

/// Every name that the log may have for an operation.
pub(super) fn names() -> Vec<&'static str> {
    let table = PLATFORM.iter().chain(&CONTAINERS);
    let mut names: Vec<_> = table.map(|(_, _, operation)| operation.name()).collect();
    names.push(UNKNOWN);
    names.dedup();
    names
}

/// An operation, its region, and the id in its path.
#[derive(Debug)]
pub(super) struct Matched {
    pub(super) operation: Operation,
    pub(super) region: Option<String>,
    pub(super) id: Option<String>,
}

/// Where a region's containers are, below the cloud's prefix.
pub(super) fn region_path(region: &str) -> String {
    format!("/regions/{region}/ai")
}

pub(super) fn find(method: &Method, path: &str) -> Option<Matched> {
    let (region, path, table) = match path.strip_prefix("/regions/") {
        None => (None, path, &PLATFORM[..]),
        Some(rest) => {
            let (region, rest) = rest.split_once('/')?;
            let rest = rest.strip_prefix("ai/openapi/v2")?;
            (Some(region.to_owned()), rest, &CONTAINERS[..])
        }
    };
    table
        .iter()
        .filter(|(verb, ..)| method.as_str() == *verb)
        .find_map(|(_, pattern, operation)| {
            let id = fits(pattern, path)?;
            Some(Matched {
                operation: *operation,
                region: region.clone(),
                id,
            })
        })
}

/// Whether a path fits, and the id in it.
fn fits(pattern: &str, path: &str) -> Option<Option<String>> {
    let mut id = None;
    let (mut parts, mut wanted) = (path.split('/'), pattern.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return Some(id),
            (Some("{id}"), Some(part)) if !part.is_empty() => id = Some(part.to_owned()),
            (Some(wanted), Some(part)) if wanted == part => {}
            _ => return None,
        }
    }
}
