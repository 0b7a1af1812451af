//! Who acts: a person, a program with an API key, or whoever runs the program itself; and what they may reach.

use super::{
    identifiers::{ApiKeyId, CollectionId, SessionId, UserId},
    permissions::{Role, Scope, Scopes},
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};
use uuid::Uuid;

/// A recognised user or API key with what it may do at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub id: PrincipalId,
    /// A user's e-mail address, what a key is called.
    pub name: String,
    /// The person themselves, or the key's owner if it has one.
    pub user_id: Option<UserId>,
    /// A person's role; a key has scopes only.
    pub role: Option<Role>,
    /// The session that a person is signed in with.
    pub session_id: Option<SessionId>,
    pub scopes: Scopes,
    pub reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalId {
    User(UserId),
    Key(ApiKeyId),
    /// Whoever runs the program, and can read the database file anyway.
    Operator,
}

impl PrincipalId {
    /// The id of the user or the key.
    #[must_use]
    pub fn uuid(self) -> Option<Uuid> {
        match self {
            Self::User(id) => Some(id.0),
            Self::Key(id) => Some(id.0),
            Self::Operator => None,
        }
    }
}

/// The collections that a principal may know of. What lies in others does not exist for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    Everything,
    Only(Arc<BTreeSet<CollectionId>>),
}

impl Reach {
    #[must_use]
    pub fn only(collections: impl IntoIterator<Item = CollectionId>) -> Self {
        Self::Only(Arc::new(collections.into_iter().collect()))
    }

    #[must_use]
    pub fn contains(&self, collection: CollectionId) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(collections) => collections.contains(&collection),
        }
    }

    /// Whether all of the other is inside of this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Only(_), Self::Everything) => false,
            (Self::Only(mine), Self::Only(theirs)) => theirs.is_subset(mine),
        }
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Everything, reach) | (reach, Self::Everything) => reach.clone(),
            (Self::Only(mine), Self::Only(theirs)) => Self::only(mine.intersection(theirs).copied()),
        }
    }

    /// The collections, for a statement; `None` when nothing is kept back.
    #[must_use]
    pub fn restriction(&self) -> Option<Vec<CollectionId>> {
        match self {
            Self::Everything => None,
            Self::Only(collections) => Some(collections.iter().copied().collect()),
        }
    }
}

impl Principal {
    #[must_use]
    pub fn key_id(&self) -> Option<ApiKeyId> {
        match self.id {
            PrincipalId::Key(id) => Some(id),
            PrincipalId::User(_) | PrincipalId::Operator => None,
        }
    }

    /// Whether it may see and change what belongs to other people.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.scopes.contains(Scope::UsersWrite) && self.reach == Reach::Everything
    }
}

/// On whose behalf something is done, and from where. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Actor {
    pub principal: Arc<Principal>,
    /// The client's address, as far as it can be trusted.
    pub address: Option<IpAddr>,
}

impl Actor {
    #[must_use]
    pub fn new(principal: Arc<Principal>, address: Option<IpAddr>) -> Self {
        Self { principal, address }
    }

    /// Whoever runs the program, at its command line.
    #[must_use]
    pub fn operator() -> Self {
        let principal = Principal {
            id: PrincipalId::Operator,
            name: "operator".to_owned(),
            user_id: None,
            role: None,
            session_id: None,
            scopes: Scopes::ALL,
            reach: Reach::Everything,
        };
        Self::new(Arc::new(principal), None)
    }

    #[must_use]
    pub fn reaches(&self, collection: CollectionId) -> bool {
        self.principal.reach.contains(collection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_is_a_set() {
        let ids: Vec<CollectionId> = (0..3).map(|_| CollectionId::generate()).collect();
        let (one, two) = (Reach::only([ids[0], ids[1]]), Reach::only([ids[1], ids[2]]));
        assert_eq!(one.intersect(&two), Reach::only([ids[1]]));
        assert_eq!(Reach::Everything.intersect(&two), two);
        assert!(Reach::Everything.covers(&one) && !one.covers(&Reach::Everything));
        assert!(one.covers(&Reach::only([])) && !one.covers(&two));
        assert!(!Reach::only([]).contains(ids[0]));
    }
}
