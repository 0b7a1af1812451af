//! JSON that was written before, for answers that are given again: writing one takes longer than finding it.

use bytes::Bytes;
use poem::{IntoResponse, Response};
use poem_openapi::{
    payload::{Json, Payload},
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use std::marker::PhantomData;

/// The JSON of a `T`.
pub struct WrittenJson<T> {
    json: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T> WrittenJson<T> {
    #[must_use]
    pub fn new(json: Bytes) -> Self {
        Self { json, of: PhantomData }
    }
}

impl<T: Type> Payload for WrittenJson<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> IntoResponse for WrittenJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(Self::CONTENT_TYPE).body(self.json)
    }
}
