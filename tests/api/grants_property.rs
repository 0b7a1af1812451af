//! Whatever is granted and taken away, in whatever order: everybody sees what they may, all of it and nothing else. Random
//! steps over the real server, compared after each with a model that is simple enough to be believed.

use crate::{
    grants_view::{look_at_everybody, look_closely_at_everybody},
    grants_world::World,
};
use proptest::{collection::vec, prelude::*};
use synoptic::domain::permissions::Role;

/// Numbers choose among what there is at that moment; a step for which there is nothing does nothing.
#[derive(Debug, Clone)]
pub enum Step {
    MakeCollection(u8),
    DeleteCollection(u8),
    Store {
        who: u8,
        collection: u8,
    },
    DeleteDocument(u8),
    Summarize {
        who: u8,
        document: u8,
    },
    SummarizeText {
        who: u8,
    },
    MakeUser {
        role: Role,
        reach: Option<u8>,
    },
    ChangeRole {
        user: u8,
        role: Role,
    },
    ChangeReach {
        user: u8,
        reach: Option<u8>,
    },
    Switch {
        user: u8,
    },
    DeleteUser(u8),
    SignIn {
        user: u8,
    },
    SignOut {
        session: u8,
    },
    MakeKey {
        owner: Option<u8>,
        scopes: u32,
        reach: Option<u8>,
    },
    ChangeKeyReach {
        key: u8,
        reach: Option<u8>,
    },
    ChangeKeyScopes {
        key: u8,
        scopes: u32,
    },
    Rotate {
        key: u8,
        with_overlap: bool,
    },
    Revoke(u8),
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let role = || prop_oneof![2 => Just(Role::Viewer), 3 => Just(Role::Editor), 1 => Just(Role::Admin)];
    let reach = || prop_oneof![1 => Just(None), 3 => any::<u8>().prop_map(Some)];
    let scopes = || prop_oneof![Just(u32::MAX), any::<u32>()];
    let one = any::<u8>;
    let step = prop_oneof![
        2 => one().prop_map(Step::MakeCollection),
        1 => one().prop_map(Step::DeleteCollection),
        4 => (one(), one()).prop_map(|(who, collection)| Step::Store { who, collection }),
        1 => one().prop_map(Step::DeleteDocument),
        3 => (one(), one()).prop_map(|(who, document)| Step::Summarize { who, document }),
        1 => one().prop_map(|who| Step::SummarizeText { who }),
        2 => (role(), reach()).prop_map(|(role, reach)| Step::MakeUser { role, reach }),
        1 => (one(), role()).prop_map(|(user, role)| Step::ChangeRole { user, role }),
        3 => (one(), reach()).prop_map(|(user, reach)| Step::ChangeReach { user, reach }),
        1 => one().prop_map(|user| Step::Switch { user }),
        1 => one().prop_map(Step::DeleteUser),
        1 => one().prop_map(|user| Step::SignIn { user }),
        1 => one().prop_map(|session| Step::SignOut { session }),
        3 => (prop::option::of(one()), scopes(), reach())
            .prop_map(|(owner, scopes, reach)| Step::MakeKey { owner, scopes, reach }),
        2 => (one(), reach()).prop_map(|(key, reach)| Step::ChangeKeyReach { key, reach }),
        1 => (one(), scopes()).prop_map(|(key, scopes)| Step::ChangeKeyScopes { key, scopes }),
        1 => (one(), any::<bool>()).prop_map(|(key, with_overlap)| Step::Rotate { key, with_overlap }),
        1 => one().prop_map(Step::Revoke),
        1 => Just(Step::Wait),
    ];
    // Something to begin with, so that few steps do nothing.
    let beginning = (reach(), reach()).prop_map(|(user, key)| {
        vec![
            Step::MakeCollection(0),
            Step::MakeCollection(1),
            Step::Store { who: 0, collection: 0 },
            Step::Store { who: 0, collection: 1 },
            Step::MakeUser {
                role: Role::Editor,
                reach: user,
            },
            Step::MakeKey {
                owner: Some(0),
                scopes: u32::MAX,
                reach: key,
            },
        ]
    });
    (beginning, vec(step, 24)).prop_map(|(beginning, steps)| [beginning, steps].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_sees_what_they_may_and_nothing_else(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.take(&step).await;
                look_at_everybody(&world.app, &world.model).await;
            }
            look_closely_at_everybody(&world.app, &world.model).await;
        });
    }
}
