//! The table of operations.

use axum::http::Method;

/// The log's name for a path or a method that XGC does not have.
pub(crate) const UNKNOWN: &str = "unknown";

/// Everything that XGC can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Get,
    InstanceImages,
    Deploy,
    Destroy,
    Shutdown,
    ShutdownReleaseGpu,
    ShutdownDestroy,
    Boot,
    SaveImage,
    SaveImageDestroy,
    Images,
    Image,
    DestroyImage,
    WhoAmI,
    Balance,
    Recharge,
    RechargeOrder,
}

impl Operation {
    /// As faults and the log have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::InstanceImages => "instance_images",
            Self::Deploy => "deploy",
            Self::Destroy => "destroy",
            Self::Shutdown => "shutdown",
            Self::ShutdownReleaseGpu => "shutdown_release_gpu",
            Self::ShutdownDestroy => "shutdown_destroy",
            Self::Boot => "boot",
            Self::SaveImage => "saveimage",
            Self::SaveImageDestroy => "saveimage_destroy",
            Self::Images => "images",
            Self::Image => "image",
            Self::DestroyImage => "image_destroy",
            Self::WhoAmI => "whoami",
            Self::Balance => "balance",
            Self::Recharge => "recharge",
            Self::RechargeOrder => "recharge_order",
        }
    }
}

enum Verb {
    Get,
    Post,
}

use Operation as Op;
use Verb::{Get, Post};

/// `{id}` stands for any one part of a path. A fixed path comes before one with `{id}` that it also fits.
const TABLE: [(Verb, &str, Operation); 18] = [
    (Get, "/open/instances", Op::List),
    (Get, "/open/instance/{id}", Op::Get),
    (Get, "/open/instance/{id}/images", Op::InstanceImages),
    (Post, "/open/instance/deploy", Op::Deploy),
    (Post, "/open/instance/destroy", Op::Destroy),
    (Post, "/open/instance/shutdown", Op::Shutdown),
    (Post, "/open/instance/shutdown_release_gpu", Op::ShutdownReleaseGpu),
    (Post, "/open/instance/shutdown_destroy", Op::ShutdownDestroy),
    (Post, "/open/instance/boot", Op::Boot),
    (Post, "/open/instance/saveimage", Op::SaveImage),
    (Post, "/open/instance/saveimage_destroy", Op::SaveImageDestroy),
    (Get, "/open/images", Op::Images),
    (Get, "/open/image/{id}", Op::Image),
    (Post, "/open/image/destroy", Op::DestroyImage),
    (Get, "/open/whoami", Op::WhoAmI),
    (Get, "/open/balance", Op::Balance),
    (Post, "/open/recharge/order", Op::Recharge),
    (Get, "/open/recharge/order/{id}", Op::RechargeOrder),
];

/// Every name that the log may have for an operation.
pub(crate) fn names() -> Vec<&'static str> {
    let known = TABLE.iter().map(|(_, _, operation)| operation.name());
    known.chain([UNKNOWN]).collect()
}

/// An operation, and the id in its path.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) operation: Operation,
    pub(crate) id: Option<String>,
}

/// Why no operation was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Miss {
    Path,
    Method,
}

pub(crate) fn find(method: &Method, path: &str) -> Result<Matched, Miss> {
    let mut miss = Miss::Path;
    for (verb, pattern, operation) in &TABLE {
        if !fits(pattern, path) {
            continue;
        }
        let wanted = match verb {
            Get => Method::GET,
            Post => Method::POST,
        };
        if *method == wanted {
            return Ok(Matched {
                operation: *operation,
                id: id_in(pattern, path),
            });
        }
        miss = Miss::Method;
    }
    Err(miss)
}

const ID: &str = "{id}";

fn fits(pattern: &str, path: &str) -> bool {
    let part_fits = |(pattern, part): (&str, &str)| part == pattern || (pattern == ID && !part.is_empty());
    pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(part_fits)
}

fn id_in(pattern: &str, path: &str) -> Option<String> {
    let (_, id) = pattern
        .split('/')
        .zip(path.split('/'))
        .find(|(pattern, _)| *pattern == ID)?;
    Some(id.to_owned())
}
