//! What stands around Swagger UI: who is signed in, and the CSRF token with everything that changes something.

/// Adds it to the page that poem-openapi makes.
#[must_use]
pub fn with_account(html: &str) -> String {
    let style = concat!(
        "<style>\n",
        include_str!("swagger.css"),
        "    </style>\n    <title>Swagger UI"
    );
    let script = concat!(
        include_str!("swagger.js"),
        "    SwaggerUIBundle({\n        requestInterceptor: withCsrfToken,"
    );
    let header = "<header id=\"account\"></header>\n<div id=\"ui\"></div>\n";
    // Only the first of each, and the whole of it: the scripts of Swagger UI have pieces of HTML in them.
    html.replacen("<title>Swagger UI", style, 1)
        .replacen("<div id=\"ui\"></div>\n", header, 1)
        .replacen("\n    SwaggerUIBundle({", &format!("\n{script}"), 1)
}
