//! Names of labels, annotations and finalizers: Kargo's, which are fixed by what
//! clusters already carry, and Tenure's own.

/// API group of Kargo's resources.
pub const KARGO_GROUP: &str = "kargo.akuity.io";
/// Name of the CustomResourceDefinition of Projects.
pub const PROJECT_CRD: &str = "projects.kargo.akuity.io";
/// Label of a Namespace that a Project may live in; its value is [`TRUE`].
pub const PROJECT_LABEL: &str = "kargo.akuity.io/project";
/// Finalizer that Kargo, and Tenure in its place, puts on Projects and Namespaces.
pub const FINALIZER: &str = "kargo.akuity.io/finalizer";
/// Annotation, on the Project or the Namespace, that keeps the Namespace when it is `"true"`.
pub const KEEP_NAMESPACE: &str = "kargo.akuity.io/keep-namespace";
/// Beside [`KEEP_NAMESPACE`]: why, for people. Nothing is decided by it.
pub const KEEP_REASON: &str = "tenure.dev/keep-reason";
/// Annotation on the Project that says who created it, as `claim:value`.
pub const CREATE_ACTOR: &str = "kargo.akuity.io/create-actor";
/// Annotation on ServiceAccounts and Roles that Kargo's user interface manages.
pub const RBAC_MANAGED: &str = "rbac.kargo.akuity.io/managed";
/// Annotation on ServiceAccounts that maps OIDC claims to them.
pub const RBAC_CLAIMS: &str = "rbac.kargo.akuity.io/claims";
/// Label of the ServiceAccounts, in Kargo's namespace, that controllers run under.
pub const COMPONENT_LABEL: &str = "app.kubernetes.io/component";
/// Value of [`COMPONENT_LABEL`] on a controller's ServiceAccount.
pub const COMPONENT_CONTROLLER: &str = "controller";

/// Annotation in which `kubectl apply` keeps the whole object, a Secret's data too.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotation, on the Project or the Namespace, that asks for at least `Clean` or `Retain`.
pub const DISPOSITION: &str = "tenure.dev/disposition";
/// Prefix of the annotations that hold an object: `hold.tenure.dev/NAME: reason`.
pub const LIEN_PREFIX: &str = "hold.tenure.dev/";
/// On the Namespace: UID of the Project that created or adopted it. As a label: on what was
/// provisioned for that Project, where it is the object's entry in the ledger.
pub const PROJECT_UID: &str = "tenure.dev/project-uid";
/// On the Namespace: how the Project came by it, `Created` or `Adopted`.
pub const ORIGIN: &str = "tenure.dev/origin";
/// On the Namespace: what the Project's coming added to it, as JSON.
pub const LEDGER: &str = "tenure.dev/ledger";
/// On the Project: UID of the Namespace it is bound to.
pub const NAMESPACE_UID: &str = "tenure.dev/namespace-uid";
/// On the Project: the digest of the plan that a person confirms.
pub const CONFIRM: &str = "tenure.dev/confirm";
/// On a Project that is being deleted, or on its plan: `"true"` calls the deletion off.
pub const CANCEL: &str = "tenure.dev/cancel";
/// On a Project that was made anew because its deletion was called off: UID of the one before.
pub const RESTORED_FROM: &str = "tenure.dev/restored-from";
/// On a Project whose deletion Tenure let in, beside Kargo: the name of its plan. Together with it
/// stands [`KEEP_NAMESPACE`], so that Kargo lets go of the Namespace whatever the plan says.
pub const STAMP: &str = "tenure.dev/stamp";
/// Beside [`STAMP`]: what [`KEEP_NAMESPACE`] said before, if it stood there.
pub const STAMPED_OVER: &str = "tenure.dev/stamped-over";
/// On a Namespace, beside Kargo: the name of the plan by which it may be deleted. Where Tenure runs
/// alone its finalizer says that.
pub const LEAVE: &str = "tenure.dev/leave";
/// On the breaker's ConfigMap: who closes it.
pub const CLOSED_BY: &str = "tenure.dev/closed-by";
/// On the breaker's ConfigMap: why it is closed, for people.
pub const CLOSED_BECAUSE: &str = "tenure.dev/closed-because";

/// Name of the Namespace whose deletion is tried, in dry runs, to see whether Tenure is asked.
pub const CANARY: &str = "tenure-canary";

/// The only value by which [`KEEP_NAMESPACE`] keeps and [`PROJECT_LABEL`] marks.
pub const TRUE: &str = "true";
/// The value of [`KEEP_NAMESPACE`] that says the same as its absence.
pub const FALSE: &str = "false";
/// Field manager of every write that Tenure makes.
pub const FIELD_MANAGER: &str = "tenure";
