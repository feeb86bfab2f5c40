//! The kinds that users write, and the words that they read back. Vocabulary only: nothing here does I/O.

pub mod billing;
pub mod cloud;
pub mod condition;
pub mod crds;
mod duration;
pub mod instance;
pub mod money;
pub mod provider;
mod provider_status;
pub mod quantity;
pub mod remote_name;
pub mod status;
mod text;

pub use cloud::Cloud;
pub use duration::GoDuration;
pub use instance::{GpuInstance, GpuInstanceSpec};
pub use provider::{ClusterGpuProvider, GpuProvider, GpuProviderSpec};
pub use status::{GpuInstanceStatus, InstanceState};

/// The API group of every kind here.
pub const GROUP: &str = "gpuinstance.dev";
/// Field manager, event reporter and `managed-by` label: the name under which the operator writes.
pub const MANAGER: &str = "gpu-instance-operator";

/// Finalizer of an instance: taken before the first paid call, kept until the cloud says that the machine is gone.
pub const INSTANCE_FINALIZER: &str = "gpuinstance.dev/instance";
/// Finalizer of a provider and of its credentials, while an instance needs them to delete its machine.
pub const IN_USE_FINALIZER: &str = "gpuinstance.dev/in-use";

/// Annotation that binds an object to its machine, `<uid>/<account>/<instanceId>`; survives backups that drop status.
pub const BINDING_ANNOTATION: &str = "gpuinstance.dev/binding";
/// Annotation whose every new value makes the operator look at the cloud now.
pub const RECONCILE_REQUESTED_ANNOTATION: &str = "gpuinstance.dev/reconcile-requested-at";
/// Annotation by which a human settles a create whose outcome cannot be learned: `<claim name>=absent`, or
/// `<claim name>=<instanceId>`.
pub const CREATE_OUTCOME_ANNOTATION: &str = "gpuinstance.dev/create-outcome";
/// Annotation on a provider: ids of machines that `deletionPolicy` let go, comma-separated. They are never swept.
pub const RELEASED_ANNOTATION: &str = "gpuinstance.dev/released";
/// Annotation on a provider: ids of machines of this installation that no object knew when the account was first listed for
/// it, comma-separated. Whoever let them go, and told a provider that is gone by now, meant them to stay: they are never swept.
pub const INHERITED_ANNOTATION: &str = "gpuinstance.dev/inherited";

/// Annotation on a provider: the Secrets that carry [`IN_USE_FINALIZER`] for it, `<namespace>/<name>`, comma-separated.
pub const HELD_SECRETS_ANNOTATION: &str = "gpuinstance.dev/held-secrets";

/// Label on everything that the operator makes; its value is [`MANAGER`].
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Label on a connection Secret: the name of its instance.
pub const INSTANCE_LABEL: &str = "gpuinstance.dev/instance";
