//! Which accounts are persons, so that two persons are two persons.
//!
//! The API server knows accounts. A ServiceAccount, and an account that a program uses for many
//! people, says nothing about the person behind it. Such an account neither approves nor hides a
//! requester: the person behind it could be one of those who approve.

use std::collections::BTreeSet;

/// Accounts that are persons, and accounts that act for persons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Accounts that act for people, besides every ServiceAccount and [`Accounts::CONTROLLERS`].
    pub front_ends: BTreeSet<String>,
    /// Accounts that are persons although they look like programs, such as a ServiceAccount that only
    /// one person can use. This wins over everything else.
    pub persons: BTreeSet<String>,
}

impl Accounts {
    /// What the user name of every ServiceAccount begins with.
    pub const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
    /// Accounts of Kubernetes' own that delete objects because a person deleted something else.
    pub const CONTROLLERS: [&str; 2] = ["system:kube-controller-manager", "system:apiserver"];

    /// Whether the account stands for one person.
    pub fn is_person(&self, user: &str) -> bool {
        let program = user.starts_with(Self::SERVICE_ACCOUNT_PREFIX)
            || Self::CONTROLLERS.contains(&user)
            || self.front_ends.contains(user);
        !program || self.persons.contains(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_a_person_only_if_it_is_named() {
        let mut accounts = Accounts::default();
        let robot = "system:serviceaccount:ci:robot";
        assert!(accounts.is_person("anna"));
        assert!(!accounts.is_person(robot));
        assert!(!accounts.is_person("system:kube-controller-manager"));
        accounts.front_ends.insert("portal".to_owned());
        assert!(!accounts.is_person("portal") && !accounts.is_person(robot));
        accounts.persons.insert(robot.to_owned());
        assert!(accounts.is_person(robot));
    }
}
