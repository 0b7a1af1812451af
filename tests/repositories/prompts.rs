//! `repositories::prompts`.

use crate::{
    databases::on_both,
    fixtures::{at, prompt, slug, summary, write},
};
use synoptic::{
    db::Tx,
    domain::{
        prompts::{Prompt, PromptEntry},
        text_fields::NameOrId,
    },
    on,
    repositories::{analyses, prompts},
};

/// As lists have it.
fn entry(prompt: &Prompt) -> PromptEntry {
    PromptEntry {
        id: prompt.id,
        slug: prompt.slug.clone(),
        version: prompt.version,
        name: prompt.name.clone(),
        description: prompt.description.clone(),
        created_at: prompt.created_at,
        updated_at: prompt.updated_at,
    }
}

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let full = prompt("full");
        let plain = Prompt {
            output_schema: None,
            max_output_tokens: None,
            temperature: None,
            system_template: String::new(),
            ..prompt("plain")
        };
        let mut tx = write(db).await;
        for one in [&full, &plain] {
            assert!(prompts::insert(&mut tx, one).await.unwrap());
            let by_id = prompts::find(&mut tx, &NameOrId::Id(one.id)).await.unwrap();
            assert_eq!(by_id.as_ref(), Some(one));
            let slug = NameOrId::Name(one.slug.to_string());
            assert_eq!(prompts::find(&mut tx, &slug).await.unwrap().as_ref(), Some(one));
        }
        let taken = prompt("full");
        assert!(!prompts::insert(&mut tx, &taken).await.unwrap());
        assert!(prompts::slug_taken_by_another(&mut tx, &taken).await.unwrap());
        assert!(!prompts::slug_taken_by_another(&mut tx, &full).await.unwrap());
        assert_eq!(prompts::list(&mut tx, None, 1).await.unwrap(), [entry(&full)]);
        assert_eq!(prompts::list(&mut tx, Some(full.id), 5).await.unwrap(), [entry(&plain)]);
    })
    .await;
}

#[tokio::test]
async fn versions_stay_and_only_the_next_one_is_stored() {
    on_both(async |db| {
        let first = prompt("reply");
        let second = Prompt {
            version: 2,
            slug: slug("answer"),
            temperature: None,
            user_template: "Other".to_owned(),
            updated_at: at(7),
            ..first.clone()
        };
        let mut tx = write(db).await;
        assert!(prompts::insert(&mut tx, &first).await.unwrap());
        assert!(prompts::update(&mut tx, &second).await.unwrap());
        assert!(!prompts::update(&mut tx, &second).await.unwrap());
        let newest = prompts::find(&mut tx, &NameOrId::Id(first.id)).await.unwrap();
        assert_eq!(newest, Some(second.clone()));
        let old = prompts::find_version(&mut tx, first.id, 1).await.unwrap().unwrap();
        let expected = Prompt {
            slug: slug("answer"),
            ..first.clone()
        };
        assert_eq!(old, expected, "the slug belongs to all versions");
        assert_eq!(prompts::find_version(&mut tx, first.id, 3).await.unwrap(), None);
        let all = prompts::list_versions(&mut tx, first.id, i64::MAX, 10).await.unwrap();
        assert_eq!(all, [entry(&second), entry(&old)]);
        let before = prompts::list_versions(&mut tx, first.id, 2, 10).await.unwrap();
        assert_eq!(before, [entry(&old)]);
    })
    .await;
}

const USE_PROMPT: &str = "UPDATE analyses SET prompt_id = $2, prompt_version = 1 WHERE id = $1";

#[tokio::test]
async fn analyses_go_with_their_prompt() {
    on_both(async |db| {
        let (reply, answer) = (prompt("reply"), summary(None, 0));
        let mut tx: Tx = write(db).await;
        assert!(prompts::insert(&mut tx, &reply).await.unwrap());
        analyses::insert(&mut tx, &answer).await.unwrap();
        assert_eq!(prompts::count_analyses(&mut tx, reply.id).await.unwrap(), 0);
        on!(&mut tx, |c| sqlx::query(USE_PROMPT)
            .bind(answer.id)
            .bind(reply.id)
            .execute(c)
            .await
            .map(drop))
        .unwrap();
        assert_eq!(prompts::count_analyses(&mut tx, reply.id).await.unwrap(), 1);
        prompts::delete(&mut tx, reply.id).await.unwrap();
        assert_eq!(analyses::find(&mut tx, answer.id).await.unwrap(), None);
        assert_eq!(prompts::find_version(&mut tx, reply.id, 1).await.unwrap(), None);
    })
    .await;
}
