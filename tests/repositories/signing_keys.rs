//! `repositories::signing_keys`.

use crate::{
    databases::on_both,
    fixtures::{at, write},
};
use synoptic::{
    domain::signing_keys::{Algorithm, SigningKey},
    repositories::signing_keys,
};

#[tokio::test]
async fn keys_are_listed_newest_first_retired_and_forgotten() {
    on_both(async |db| {
        let mut tx = write(db).await;
        assert_eq!(signing_keys::list(&mut tx).await.unwrap(), []);
        let old = SigningKey::generate(Algorithm::HS256, at(0));
        let new = SigningKey::generate(Algorithm::EdDSA, at(5));
        for key in [&old, &new] {
            signing_keys::insert(&mut tx, key).await.unwrap();
        }
        assert_eq!(signing_keys::list(&mut tx).await.unwrap(), [new.clone(), old.clone()]);
        signing_keys::retire_all(&mut tx, at(9)).await.unwrap();
        let newest = SigningKey::generate(Algorithm::HS256, at(10));
        signing_keys::insert(&mut tx, &newest).await.unwrap();
        signing_keys::retire_all(&mut tx, at(11)).await.unwrap();
        let retired = |key: &SigningKey, seconds| SigningKey {
            retired_at: Some(at(seconds)),
            ..key.clone()
        };
        let all = [retired(&newest, 11), retired(&new, 9), retired(&old, 9)];
        assert_eq!(signing_keys::list(&mut tx).await.unwrap(), all);
        signing_keys::delete_retired_before(&mut tx, at(9)).await.unwrap();
        assert_eq!(signing_keys::list(&mut tx).await.unwrap(), all);
        let live = SigningKey::generate(Algorithm::HS256, at(12));
        signing_keys::insert(&mut tx, &live).await.unwrap();
        signing_keys::delete_retired_before(&mut tx, at(10)).await.unwrap();
        assert_eq!(signing_keys::list(&mut tx).await.unwrap(), [live, all[0].clone()]);
        signing_keys::delete_all(&mut tx).await.unwrap();
        assert_eq!(signing_keys::list(&mut tx).await.unwrap(), []);
    })
    .await;
}
