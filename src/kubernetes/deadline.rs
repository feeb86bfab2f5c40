//! A deadline around each call to the API server.

use std::time::Duration;

use kube::core::Status;

/// How long a call to the API server may take, its answer included. Slower is as good as no answer: the loop looks
/// again instead of hanging.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A call to the API server that failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer in time. What was asked for may have been done.
    #[error("the API server did not answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// The API server refused; its own words.
    #[error("the API server says: {}", .0.message)]
    Refused(Box<Status>),
    /// The API server was not reached, or not understood.
    #[error("the API server cannot be used: {}", chain(.0))]
    Failed(#[source] kube::Error),
}

impl CallError {
    /// There is no such object, or no such kind.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The object has changed since it was read; or one of that name exists already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// The operator's role does not allow it.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// The object breaks its schema or a rule.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.code() == Some(422)
    }

    /// The HTTP status. kube's own `Status::is_not_found` and its like compare the reason only, and a kind that is not
    /// installed, or a proxy, answers without one.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.code),
            Self::Deadline(_) | Self::Failed(_) => None,
        }
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused(status),
            other => Self::Failed(other),
        }
    }
}

/// Makes one call within [`CALL_DEADLINE`].
pub async fn call<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    within(CALL_DEADLINE, request).await
}

/// Makes one call within this time.
pub async fn within<T>(deadline: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(deadline, request).await {
        Ok(answer) => answer.map_err(CallError::from),
        Err(_) => Err(CallError::Deadline(deadline)),
    }
}

/// An error with its causes, each said once: outer layers of an HTTP client often repeat the inner ones.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends_at_its_deadline() {
        let started = tokio::time::Instant::now();
        let error = call(std::future::pending::<kube::Result<()>>()).await.unwrap_err();
        assert!(matches!(error, CallError::Deadline(_)), "{error:?}");
        assert_eq!(started.elapsed(), CALL_DEADLINE);
        assert_eq!(error.to_string(), "the API server did not answer within 10 s");
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_meaning_and_its_words() {
        let refuse = |reason: &'static str, code| async move {
            let status = Status::failure("no such thing", reason).with_code(code).boxed();
            call(async { Err::<(), _>(kube::Error::Api(status)) })
                .await
                .unwrap_err()
        };
        assert!(refuse("NotFound", 404).await.is_not_found());
        assert!(refuse("Conflict", 409).await.is_conflict());
        assert!(refuse("AlreadyExists", 409).await.is_conflict());
        assert!(refuse("Forbidden", 403).await.is_forbidden());
        assert!(refuse("Invalid", 422).await.is_invalid());
        let error = refuse("", 404).await;
        assert!(error.is_not_found() && !error.is_conflict(), "without a reason");
        assert_eq!(error.to_string(), "the API server says: no such thing");
    }
}
