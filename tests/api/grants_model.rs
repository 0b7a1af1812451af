//! What a server is to allow after any sequence of grants and revocations, said in the simplest way there is.

use std::collections::BTreeSet;
use synoptic::domain::permissions::{Role, Scope, Scopes};

/// Places in [`Model::collections`]; `None` for all there are and will be.
pub type Reach = Option<BTreeSet<usize>>;

#[derive(Default)]
pub struct Model {
    pub collections: Vec<Collection>,
    pub documents: Vec<Document>,
    pub analyses: Vec<Analysis>,
    pub users: Vec<User>,
    pub keys: Vec<Key>,
    pub sessions: Vec<Session>,
}

pub struct Collection {
    pub id: String,
    pub slug: String,
    pub is_there: bool,
}

pub struct Document {
    pub id: String,
    pub collection: usize,
    pub is_there: bool,
}

pub struct Analysis {
    pub id: String,
    /// `None` for one of a text that is stored nowhere.
    pub document: Option<usize>,
    pub by_user: Option<usize>,
    pub by_key: Option<usize>,
}

pub struct User {
    pub id: String,
    pub email: String,
    pub role: Role,
    pub reach: Reach,
    pub is_active: bool,
    pub is_there: bool,
}

pub struct Key {
    pub id: String,
    pub secret: String,
    /// The secret before, while it still works.
    pub previous: Option<String>,
    pub owner: Option<usize>,
    pub scopes: Scopes,
    pub reach: Reach,
    pub is_revoked: bool,
}

pub struct Session {
    pub user: usize,
    pub token: String,
    pub is_over: bool,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Session(usize),
    Key(usize),
}

/// What somebody may do at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    pub scopes: Scopes,
    pub reach: Reach,
    pub user: Option<usize>,
    pub key: Option<usize>,
}

impl Rights {
    pub fn administers(&self) -> bool {
        self.scopes.contains(Scope::UsersWrite) && self.reach.is_none()
    }
}

impl Model {
    pub fn everybody(&self) -> impl Iterator<Item = Who> {
        let sessions = (0..self.sessions.len()).map(Who::Session);
        sessions.chain((0..self.keys.len()).map(Who::Key))
    }

    /// `None` for those who are not let in.
    pub fn rights(&self, who: Who) -> Option<Rights> {
        match who {
            Who::Session(index) => {
                let session = &self.sessions[index];
                let user = self.active(session.user).filter(|_| !session.is_over)?;
                Some(Rights {
                    scopes: user.role.scopes(),
                    reach: user.reach.clone(),
                    user: Some(session.user),
                    key: None,
                })
            }
            Who::Key(index) => {
                let key = &self.keys[index];
                let mut rights = Rights {
                    scopes: key.scopes,
                    reach: key.reach.clone(),
                    user: key.owner,
                    key: Some(index),
                };
                if let Some(owner) = key.owner {
                    let owner = self.active(owner)?;
                    rights.scopes = rights.scopes.intersect(owner.role.scopes());
                    rights.reach = match (rights.reach, owner.reach.clone()) {
                        (None, reach) | (reach, None) => reach,
                        (Some(one), Some(other)) => Some(&one & &other),
                    };
                }
                (!key.is_revoked).then_some(rights)
            }
        }
    }

    fn active(&self, user: usize) -> Option<&User> {
        let user = &self.users[user];
        (user.is_there && user.is_active).then_some(user)
    }

    pub fn reaches(&self, rights: &Rights, collection: usize) -> bool {
        let within = rights.reach.as_ref().is_none_or(|only| only.contains(&collection));
        within && self.collections[collection].is_there
    }

    /// The slugs that are there for somebody; `None` for those who are not restricted.
    pub fn slugs(&self, reach: &Reach) -> Option<BTreeSet<String>> {
        let slug = |index: &usize| self.collections[*index].slug.clone();
        let is_there = |index: &&usize| self.collections[**index].is_there;
        Some(reach.as_ref()?.iter().filter(is_there).map(slug).collect())
    }

    pub fn sees(&self, rights: &Rights, analysis: &Analysis) -> bool {
        match analysis.document {
            Some(document) => {
                let document = &self.documents[document];
                document.is_there && self.reaches(rights, document.collection)
            }
            None if rights.reach.is_none() => true,
            None if rights.key.is_some() => analysis.by_key == rights.key,
            None => analysis.by_user == rights.user,
        }
    }

    /// Whether somebody may know of a key.
    pub fn knows_key(&self, rights: &Rights, index: usize) -> bool {
        let own = match rights.user {
            Some(user) => self.keys[index].owner == Some(user),
            None => rights.key == Some(index),
        };
        own || rights.administers()
    }

    pub fn delete_collection(&mut self, index: usize) {
        self.collections[index].is_there = false;
        for document in &mut self.documents {
            document.is_there &= document.collection != index;
        }
        // Whoever was restricted to it reaches nothing in its place, whatever is made under the same name.
        let users = self.users.iter_mut().map(|user| &mut user.reach);
        for reach in users.chain(self.keys.iter_mut().map(|key| &mut key.reach)).flatten() {
            reach.remove(&index);
        }
    }

    pub fn end_sessions(&mut self, user: usize) {
        for session in self.sessions.iter_mut().filter(|session| session.user == user) {
            session.is_over = true;
        }
    }

    pub fn delete_user(&mut self, user: usize) {
        self.end_sessions(user);
        self.users[user].is_there = false;
        for key in self.keys.iter_mut().filter(|key| key.owner == Some(user)) {
            key.is_revoked = true;
        }
        for analysis in self
            .analyses
            .iter_mut()
            .filter(|analysis| analysis.by_user == Some(user))
        {
            analysis.by_user = None;
        }
    }
}
