//! What came of a step.

use crate::account::Obstacle;
use crate::instance::step::Change;
use crate::kubernetes::CallError;
use crate::provider;

/// What came of a step.
#[derive(Debug)]
pub(in crate::instance) struct Outcome {
    /// What status is to remember.
    pub(in crate::instance) changes: Vec<Change>,
    /// Whether it worked.
    pub(in crate::instance) result: Result<(), Failure>,
    /// What a reader of events wants to know.
    pub(in crate::instance) news: Option<String>,
}

/// Why a step did not work.
#[derive(Debug, thiserror::Error)]
pub(in crate::instance) enum Failure {
    /// The cloud did not do it.
    #[error("{0}")]
    Cloud(provider::Error),
    /// The API server did not do it.
    #[error("{0}")]
    Api(CallError),
    /// The object has changed since it was read: look again.
    #[error("the object has changed since it was read")]
    Stale,
    /// Something is in the way.
    #[error("{}", .0.message)]
    Obstacle(Obstacle),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        if error.is_conflict() {
            Self::Stale
        } else {
            Self::Api(error)
        }
    }
}

impl From<provider::Error> for Failure {
    fn from(error: provider::Error) -> Self {
        Self::Cloud(error)
    }
}

impl Outcome {
    pub(super) fn done(changes: Vec<Change>) -> Self {
        Self {
            changes,
            result: Ok(()),
            news: None,
        }
    }

    pub(super) fn told(changes: Vec<Change>, news: impl Into<String>) -> Self {
        Self {
            changes,
            result: Ok(()),
            news: Some(news.into()),
        }
    }
}

impl From<Result<Self, Failure>> for Outcome {
    fn from(result: Result<Self, Failure>) -> Self {
        result.unwrap_or_else(|failure| Self {
            changes: Vec::new(),
            result: Err(failure),
            news: None,
        })
    }
}

pub(super) type Acted = Result<Outcome, Failure>;
