//! The shapes that successful answers share: a created resource, one with its version, a page of a list, nothing.

use poem_openapi::{
    ApiResponse,
    payload::Json,
    types::{ToJSON, Type},
};

/// A resource that was made.
#[derive(ApiResponse)]
pub enum Created<T: Type + ToJSON> {
    /// It was created.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// The address of the new resource.
        #[oai(header = "Location")]
        String,
        /// Names this version; send it back in `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A resource that was made, or replaced one that was there.
#[derive(ApiResponse)]
pub enum Stored<T: Type + ToJSON> {
    /// It was there; it is now as sent.
    #[oai(status = 200)]
    Replaced(
        Json<T>,
        /// Names this version; send it back in `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
    /// It was created.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// The address of the new resource.
        #[oai(header = "Location")]
        String,
        /// Names this version; send it back in `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A resource at one of its versions.
#[derive(ApiResponse)]
pub enum Versioned<T: Type + ToJSON> {
    /// As it is now.
    #[oai(status = 200)]
    Ok(
        Json<T>,
        /// Names this version; send it back in `If-Match`, or in `If-None-Match` to have it only when it changed.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A page of a list.
#[derive(ApiResponse)]
pub enum Listed<T: Type + ToJSON> {
    /// The page.
    #[oai(status = 200)]
    Ok(
        Json<T>,
        /// The next page as `<…>; rel="next"` (RFC 8288); not there on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

/// It is gone.
#[derive(ApiResponse)]
pub enum Deleted {
    /// It was deleted.
    #[oai(status = 204)]
    Done,
}
