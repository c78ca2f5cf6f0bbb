//! The access that a Project gets in its Namespace: which objects, whose they are, what to do.
//!
//! Names and shapes are fixed by what Kargo's components look for.

use std::fmt;

/// Kind of a provisioned object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessKind {
    /// A ServiceAccount in the Namespace.
    ServiceAccount,
    /// A Role in the Namespace.
    Role,
    /// A RoleBinding in the Namespace.
    RoleBinding,
    /// A ClusterRole.
    ClusterRole,
    /// A ClusterRoleBinding.
    ClusterRoleBinding,
}

impl AccessKind {
    /// The kinds that live in the Namespace, and go with it.
    pub const NAMESPACED: [Self; 3] = [Self::ServiceAccount, Self::Role, Self::RoleBinding];

    /// The kind's name in the Kubernetes API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// Whether objects of the kind live in the Namespace.
    pub fn namespaced(self) -> bool {
        Self::NAMESPACED.contains(&self)
    }
}

/// One provisioned object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKey {
    /// Its kind.
    pub kind: AccessKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

/// What an object of the access is for; each has a condition reason of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Kargo's API server and webhook receiver.
    System,
    /// Kargo's controllers, which read the Project's credentials.
    Controllers,
    /// The people of the Project: administrators, viewers, promoters.
    Users,
}

/// The roles that every Project has for its people.
pub const USER_ROLES: [&str; 3] = ["kargo-admin", "kargo-viewer", "kargo-promoter"];
/// RoleBinding, and the ClusterRole it binds, for Kargo's API server.
pub const PROJECT_ADMIN: &str = "kargo-project-admin";
/// RoleBinding, and the ClusterRole it binds, for Kargo's receiver of external webhooks.
pub const SECRETS_READER: &str = "kargo-project-secrets-reader";
/// ClusterRole that each controller's RoleBinding binds.
pub const CONTROLLER_READ_SECRETS: &str = "kargo-controller-read-secrets";
/// What follows a controller's ServiceAccount in the name of its RoleBinding.
pub const CONTROLLER_SUFFIX: &str = "-read-secrets";

/// Name of the ClusterRole, and of its binding, that lets a Project's administrators update and
/// delete the Project itself. A Namespace's name has at most 63 characters, so this never needs
/// the shortening that could make two Projects share one.
pub fn cluster_role_name(project: &str) -> String {
    format!("{PROJECT_ADMIN}-{project}")
}

/// Every object that the Project should have, given the ServiceAccounts of Kargo's controllers.
pub fn wanted(project: &str, controllers: &[String]) -> Vec<AccessKey> {
    let key = |kind, name: &str| AccessKey { kind, name: name.to_owned() };
    let mut keys = vec![
        key(AccessKind::RoleBinding, PROJECT_ADMIN),
        key(AccessKind::RoleBinding, SECRETS_READER),
    ];
    for controller in controllers {
        let name = format!("{controller}{CONTROLLER_SUFFIX}");
        keys.push(key(AccessKind::RoleBinding, &name));
    }
    for role in USER_ROLES {
        keys.push(key(AccessKind::ServiceAccount, role));
        keys.push(key(AccessKind::Role, role));
        keys.push(key(AccessKind::RoleBinding, role));
    }
    keys.push(key(AccessKind::ClusterRole, &cluster_role_name(project)));
    keys.push(key(AccessKind::ClusterRoleBinding, &cluster_role_name(project)));
    keys
}

impl AccessKey {
    /// What the object is for.
    pub fn purpose(&self) -> Purpose {
        match self.kind {
            AccessKind::RoleBinding if USER_ROLES.contains(&self.name.as_str()) => Purpose::Users,
            AccessKind::RoleBinding if self.name.ends_with(CONTROLLER_SUFFIX) => {
                Purpose::Controllers
            }
            AccessKind::RoleBinding => Purpose::System,
            _ => Purpose::Users,
        }
    }

    /// Whether it is made before the Project is there, at admission.
    pub fn comes_first(&self) -> bool {
        self.kind == AccessKind::RoleBinding && self.name == PROJECT_ADMIN
    }

    /// Whether a Project could ever have had this object provisioned. The label alone does not
    /// make an object ours: a person may have copied one, label and all.
    pub fn provisionable(&self, project: &str) -> bool {
        match self.kind {
            AccessKind::ServiceAccount | AccessKind::Role => {
                USER_ROLES.contains(&self.name.as_str())
            }
            AccessKind::RoleBinding => {
                USER_ROLES.contains(&self.name.as_str())
                    || self.name == PROJECT_ADMIN
                    || self.name == SECRETS_READER
                    || self.name.ends_with(CONTROLLER_SUFFIX)
            }
            AccessKind::ClusterRole | AccessKind::ClusterRoleBinding => {
                self.name == cluster_role_name(project)
            }
        }
    }
}

/// What was found of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessState {
    /// It is not there.
    Missing,
    /// It is ours and as it should be.
    Current,
    /// It is ours and differs from what it should be.
    Drifted,
    /// It is ours, but this version has not been compared with what it should be.
    Unverified,
    /// It is not ours.
    Foreign {
        /// Whether it grants what ours would, so that nothing is missing.
        matches: bool,
    },
}

/// What was found of the whole access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessFacts {
    /// Every wanted object, and some that are ours, with what was found of it.
    pub wanted: Vec<(AccessKey, AccessState)>,
    /// Objects that are ours and no longer wanted.
    pub surplus: Vec<AccessKey>,
    /// Wanted objects without our label that an earlier Kargo provided, by its marks on them.
    pub kargos: Vec<AccessKey>,
}

impl AccessFacts {
    /// The access of a Namespace that was just created: nothing is there yet.
    pub fn nothing(wanted: Vec<AccessKey>) -> Self {
        Self {
            wanted: wanted.into_iter().map(|key| (key, AccessState::Missing)).collect(),
            ..Self::default()
        }
    }

    /// The wanted objects in the given state.
    pub fn in_state(&self, state: AccessState) -> Vec<AccessKey> {
        self.wanted.iter().filter(|(_, s)| *s == state).map(|(key, _)| key.clone()).collect()
    }

    /// Everything that is ours: what release takes back.
    pub fn ours(&self) -> Vec<AccessKey> {
        let mine = |state: AccessState| {
            matches!(state, AccessState::Current | AccessState::Drifted | AccessState::Unverified)
        };
        self.wanted
            .iter()
            .filter(|(_, state)| mine(*state))
            .map(|(key, _)| key.clone())
            .chain(self.surplus.iter().cloned())
            .collect()
    }

    /// A foreign object that does not grant what ours would, so that the Project cannot work.
    pub fn obstacle(&self) -> Option<&AccessKey> {
        self.wanted
            .iter()
            .find(|(_, state)| *state == AccessState::Foreign { matches: false })
            .map(|(key, _)| key)
    }
}
