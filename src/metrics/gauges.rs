//! A gauge with labels whose values can be told all at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::{EncodeGaugeValue, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// Values by labels. Unlike a `Family`, it never shows half of a new set of values: an alert would take what is missing
/// at that moment for mended.
pub(super) struct Gauges<L, V>(Arc<Mutex<BTreeMap<L, V>>>);

impl<L: Ord, V> Gauges<L, V> {
    fn values(&self) -> MutexGuard<'_, BTreeMap<L, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells one value.
    pub(super) fn set(&self, labels: L, value: V) {
        self.values().insert(labels, value);
    }

    /// Tells all values: what is not among them is told no longer.
    pub(super) fn replace(&self, values: impl IntoIterator<Item = (L, V)>) {
        *self.values() = values.into_iter().collect();
    }

    /// Tells nothing any more of what this does not want.
    pub(super) fn retain(&self, wanted: impl Fn(&L) -> bool) {
        self.values().retain(|labels, _| wanted(labels));
    }
}

impl<L, V> Clone for Gauges<L, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L, V> Default for Gauges<L, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<L: fmt::Debug, V: fmt::Debug> fmt::Debug for Gauges<L, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<L: Ord + EncodeLabelSet, V: EncodeGaugeValue> EncodeMetric for Gauges<L, V> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, value) in self.values().iter() {
            encoder.encode_family(labels)?.encode_gauge(value)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.values().is_empty()
    }
}
