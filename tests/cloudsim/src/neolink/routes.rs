//! The table of operations.

use axum::http::Method;

/// The log's name for a path or a method that Neolink does not have.
pub(crate) const UNKNOWN: &str = "unknown";

/// Everything that Neolink can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Regions,
    Skus,
    List,
    Get,
    Create,
    PowerOff,
    PowerOn,
    Delete,
}

impl Operation {
    /// As faults and the log have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Regions => "regions",
            Self::Skus => "skus",
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::PowerOff => "power_off",
            Self::PowerOn => "power_on",
            Self::Delete => "delete",
        }
    }
}

/// Every name that the log may have for an operation.
pub(crate) fn names() -> Vec<&'static str> {
    use Operation as Op;
    let known = [
        Op::Regions,
        Op::Skus,
        Op::List,
        Op::Get,
        Op::Create,
        Op::PowerOff,
        Op::PowerOn,
        Op::Delete,
    ];
    known.map(Operation::name).into_iter().chain([UNKNOWN]).collect()
}

/// An operation, and what its path names.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) operation: Operation,
    pub(crate) cluster: String,
    pub(crate) instance: String,
}

/// The operation of a request; `None` where there is none.
pub(crate) fn find(method: &Method, path: &str) -> Option<Matched> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (operation, cluster, instance) = match (method.as_str(), parts.as_slice()) {
        ("GET", ["regions"]) => (Operation::Regions, "", ""),
        ("GET", ["skus", "computings"]) => (Operation::Skus, "", ""),
        ("GET", ["clusters", cluster, "instances"]) => (Operation::List, *cluster, ""),
        ("POST", ["clusters", cluster, "instances"]) => (Operation::Create, *cluster, ""),
        ("DELETE", ["clusters", cluster, "instances"]) => (Operation::Delete, *cluster, ""),
        ("GET", ["clusters", cluster, "instances", name]) => (Operation::Get, *cluster, *name),
        ("POST", ["clusters", cluster, "instances", name, "power_off"]) => (Operation::PowerOff, *cluster, *name),
        ("POST", ["clusters", cluster, "instances", name, "power_on"]) => (Operation::PowerOn, *cluster, *name),
        _ => return None,
    };
    Some(Matched {
        operation,
        cluster: cluster.to_owned(),
        instance: instance.to_owned(),
    })
}
