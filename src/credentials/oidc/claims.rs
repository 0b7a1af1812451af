//! What a provider says about somebody, read into an [`Identity`].

use serde_json::{Map, Value};

/// The longest subject (OpenID Connect Core, section 2, `sub`).
const LONGEST_SUBJECT: usize = 255;

/// Who somebody is at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider's address, and the only name that never changes there: together they are the person.
    pub issuer: String,
    pub subject: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub name: Option<String>,
    /// What the role claim says.
    pub roles: Vec<String>,
}

/// The claims of the id token and, when they were asked for, of the userinfo endpoint. The former count first.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    pub id_token: Map<String, Value>,
    pub userinfo: Map<String, Value>,
}

impl Claims {
    /// Whether the id token lacks something that the userinfo endpoint may know.
    #[must_use]
    pub fn leave_open(&self, role_claim: Option<&str>) -> bool {
        let missing = |path: &str| find(&self.id_token, path).is_none();
        missing("email") || missing("email_verified") || role_claim.is_some_and(missing)
    }

    /// `None` when there is no sound subject. `trust_email` says how an address counts of which the provider does not say
    /// whether it is verified.
    #[must_use]
    pub fn identity(&self, issuer: &str, role_claim: Option<&str>, trust_email: bool) -> Option<Identity> {
        let subject = text(&self.id_token, "sub")?;
        let sound = !subject.is_empty() && subject.len() <= LONGEST_SUBJECT && !subject.contains(char::is_control);
        let (email, email_verified) = self.email(trust_email);
        let roles = role_claim.and_then(|path| self.sources().find_map(|claims| find(claims, path)));
        sound.then(|| Identity {
            issuer: issuer.to_owned(),
            subject,
            email,
            email_verified,
            name: self.sources().find_map(|claims| text(claims, "name")),
            roles: roles.map(texts).unwrap_or_default(),
        })
    }

    /// Address and verification come from one source: what one says of its address is not true of the other's.
    fn email(&self, trust: bool) -> (Option<String>, bool) {
        let given: Vec<(String, Option<bool>)> = self
            .sources()
            .filter_map(|claims| Some((text(claims, "email")?, verified(claims))))
            .collect();
        let told = given.iter().find(|(_, verified)| verified.is_some()).or(given.first());
        match told {
            Some((email, verified)) => (Some(email.clone()), verified.unwrap_or(trust)),
            None => (None, false),
        }
    }

    fn sources(&self) -> impl Iterator<Item = &Map<String, Value>> {
        [&self.id_token, &self.userinfo].into_iter()
    }
}

/// What `email_verified` says; some providers write it as a text.
fn verified(claims: &Map<String, Value>) -> Option<bool> {
    match claims.get("email_verified")? {
        Value::Bool(verified) => Some(*verified),
        Value::String(text) => Some(text.eq_ignore_ascii_case("true")),
        _ => Some(false),
    }
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The claim of this name, or at this dotted path. A name may have dots itself, as in `https://synoptic.example/roles`.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return (!value.is_null()).then_some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let below = claims.get(&path[..dot])?.as_object()?;
        find(below, &path[dot + 1..])
    })
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ISSUER: &str = "https://accounts.example";

    fn claims(id_token: &Value, userinfo: &Value) -> Claims {
        Claims {
            id_token: id_token.as_object().unwrap().clone(),
            userinfo: userinfo.as_object().unwrap().clone(),
        }
    }

    fn roles(id_token: &Value, path: &str) -> Vec<String> {
        let claims = claims(id_token, &json!({}));
        claims.identity(ISSUER, Some(path), false).unwrap().roles
    }

    #[test]
    fn a_person_is_read_from_the_id_token() {
        let token = json!({"sub": "1", "email": "ann@example.org", "email_verified": true, "name": " Ann "});
        let identity = claims(&token, &json!({})).identity(ISSUER, None, false).unwrap();
        assert_eq!((identity.issuer.as_str(), identity.subject.as_str()), (ISSUER, "1"));
        assert_eq!(identity.email.as_deref(), Some("ann@example.org"));
        assert!(identity.email_verified && identity.roles.is_empty());
        assert_eq!(identity.name.as_deref(), Some("Ann"));
    }

    #[test]
    fn a_role_claim_is_a_text_or_a_list_at_a_path() {
        assert_eq!(roles(&json!({"sub": "1", "role": "editors"}), "role"), ["editors"]);
        assert_eq!(roles(&json!({"sub": "1", "role": ["a", 1, "b"]}), "role"), ["a", "b"]);
        let nested = json!({"sub": "1", "realm_access": {"roles": ["admins"]}});
        assert_eq!(roles(&nested, "realm_access.roles"), ["admins"]);
        let url = json!({"sub": "1", "https://a.example/app": {"roles": "x"}, "https://a.example/roles": ["y"]});
        assert_eq!(roles(&url, "https://a.example/roles"), ["y"]);
        assert_eq!(roles(&url, "https://a.example/app.roles"), ["x"]);
        for odd in [
            json!({"role": 1}),
            json!({"role": null}),
            json!({"role": {}}),
            json!({}),
        ] {
            let mut token = odd;
            token["sub"] = "1".into();
            assert!(roles(&token, "role").is_empty());
            assert!(roles(&token, "role.deeper").is_empty());
        }
    }

    #[test]
    fn what_the_id_token_lacks_comes_from_userinfo() {
        let token = json!({"sub": "1"});
        let userinfo =
            json!({"sub": "1", "email": "ann@example.org", "email_verified": true, "role": "a", "name": "Ann"});
        let both = claims(&token, &userinfo);
        assert!(both.leave_open(None));
        let identity = both.identity(ISSUER, Some("role"), false).unwrap();
        assert_eq!((identity.email_verified, identity.roles), (true, vec!["a".to_owned()]));
        let whole = claims(
            &json!({"sub": "1", "email": "a@b.example", "email_verified": false}),
            &json!({}),
        );
        assert!(!whole.leave_open(None) && whole.leave_open(Some("role")));
    }

    #[test]
    fn a_verification_is_not_carried_over_to_another_address() {
        let token = json!({"sub": "1", "email": "mallory@example.org"});
        let userinfo = json!({"sub": "1", "email": "ann@example.org", "email_verified": true});
        let identity = claims(&token, &userinfo).identity(ISSUER, None, false).unwrap();
        assert_eq!(identity.email.as_deref(), Some("ann@example.org"));
        let denied = json!({"sub": "1", "email": "mallory@example.org", "email_verified": false});
        let identity = claims(&denied, &userinfo).identity(ISSUER, None, true).unwrap();
        assert_eq!(
            (identity.email.as_deref(), identity.email_verified),
            (Some("mallory@example.org"), false)
        );
    }

    #[test]
    fn an_address_is_verified_when_the_provider_says_so_or_is_trusted_and_silent() {
        let verified = |claim: Value, trust| {
            let mut token = json!({"sub": "1", "email": "ann@example.org", "email_verified": claim});
            if claim.is_null() {
                token.as_object_mut().unwrap().remove("email_verified");
            }
            claims(&token, &json!({}))
                .identity(ISSUER, None, trust)
                .unwrap()
                .email_verified
        };
        assert!(verified(json!(true), false) && verified(json!("true"), false));
        assert!(!verified(json!(false), true) && !verified(json!("no"), true) && !verified(json!(1), true));
        assert!(!verified(Value::Null, false) && verified(Value::Null, true));
    }

    #[test]
    fn nobody_is_somebody_without_a_sound_subject() {
        for subject in [
            json!(""),
            json!(" "),
            json!(7),
            json!("a\u{0}b"),
            json!("x".repeat(256)),
            Value::Null,
        ] {
            let token = json!({"sub": subject, "email": "ann@example.org", "email_verified": true});
            assert_eq!(claims(&token, &json!({})).identity(ISSUER, None, false), None);
        }
    }
}
