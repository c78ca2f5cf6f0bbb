//! Words of the core as they are written in custom resources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenure_core::contents::clean;

/// What becomes of a Namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Disposition {
    /// It goes.
    Delete,
    /// It stays; what is the Project's goes.
    Clean,
    /// It stays with everything in it.
    Retain,
}

/// What `Clean` takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Scope {
    /// What is the Project's alone.
    Project,
    /// Every object but Kubernetes' own and the kinds that are kept.
    All,
}

/// How a Project came by its Namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Origin {
    /// The Project created it.
    Created,
    /// It existed before.
    Adopted,
}

/// How far a plan was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Phase {
    /// Something is awaited.
    #[default]
    Waiting,
    /// It is being carried out.
    Executing,
    /// It was carried out.
    Done,
    /// It will never be carried out.
    Void,
}

macro_rules! same_words {
    ($word:ty, $core:ty, $($variant:ident),+) => {
        impl From<$word> for $core {
            fn from(word: $word) -> Self {
                match word {
                    $(<$word>::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$core> for $word {
            fn from(word: $core) -> Self {
                match word {
                    $(<$core>::$variant => Self::$variant,)+
                }
            }
        }
    };
}

same_words!(Disposition, tenure_core::Disposition, Delete, Clean, Retain);
same_words!(Scope, clean::Scope, Project, All);
same_words!(Origin, tenure_core::Origin, Created, Adopted);
same_words!(Phase, tenure_core::plan::Phase, Waiting, Executing, Done, Void);
