//! An e-mail address in one written form, so that one person has one account.
//!
//! What is made equal: white space around the address; compatibility forms (NFKC: full-width letters, ligatures); case,
//! also before the `@`, where RFC 5321 lets a server tell `Ann` from `ann` and none does; and an international domain, which
//! is kept as its A-labels (`xn--…`, UTS 46). What stays distinct: dots and `+tags`, which mean what each server says, and
//! letters of different scripts that look alike. An address written wholly in Cyrillic is another one than its Latin twin;
//! one that mixes the two is refused.

use super::errors::{Error, Result};
use email_address::{EmailAddress, Error as Syntax, Options};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::Serialize;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::{GeneralSecurityProfile, MixedScript};

/// The longest address that mail is delivered to, in bytes: RFC 5321, section 4.5.3.1.3, less the angle brackets.
pub const LONGEST_EMAIL: usize = 254;

/// A normalised address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Email(String);

impl Email {
    /// Normalises and checks what somebody typed.
    ///
    /// # Errors
    /// `Error::Invalid` at `pointer`, which never repeats the address.
    pub fn parse(pointer: &str, text: &str) -> Result<Self> {
        normalise(text).map(Self).map_err(|wrong| {
            let message = match wrong {
                Wrong::Form => "must be an e-mail address such as `ann@example.org`".to_owned(),
                Wrong::Length => format!(
                    "must be at most {LONGEST_EMAIL} bytes long, with at most 64 before the `@` and at most 63 between \
                     two dots after it"
                ),
                Wrong::Quoted => "must be written without quotation marks, as in `ann@example.org`".to_owned(),
                Wrong::Character => {
                    "must have only letters, digits and the signs of e-mail addresses, and no spaces or \
                                     invisible characters"
                        .to_owned()
                }
                Wrong::Scripts => {
                    "must be written in one script before the `@`; letters of several look like each other".to_owned()
                }
                Wrong::Domain => {
                    "must end in the full name of a mail domain after the `@`, such as `example.org`".to_owned()
                }
            };
            Error::invalid(pointer, message)
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

enum Wrong {
    Form,
    Length,
    Quoted,
    Character,
    Scripts,
    Domain,
}

fn normalise(text: &str) -> Result<String, Wrong> {
    let text = text.trim();
    // Normalising makes a text shorter by less than this, so that nothing is done for one that can only be too long.
    if text.len() > LONGEST_EMAIL * 16 {
        return Err(Wrong::Length);
    }
    if text.chars().any(is_invisible) {
        return Err(Wrong::Character);
    }
    let text = fold(text)?;
    let (local, domain) = text.rsplit_once('@').ok_or(Wrong::Form)?;
    check_local_part(local)?;
    let domain = ascii_domain(domain)?;
    let address = format!("{local}@{domain}");
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    EmailAddress::parse_with_options(&address, options).map_err(|error| match error {
        Syntax::LocalPartTooLong | Syntax::DomainTooLong | Syntax::SubDomainTooLong => Wrong::Length,
        Syntax::DomainEmpty
        | Syntax::DomainTooFew
        | Syntax::SubDomainEmpty
        | Syntax::DomainInvalidSeparator
        | Syntax::UnsupportedDomainLiteral => Wrong::Domain,
        Syntax::InvalidCharacter => Wrong::Character,
        _ => Wrong::Form,
    })?;
    if address.len() > LONGEST_EMAIL {
        return Err(Wrong::Length);
    }
    Ok(address)
}

/// Controls, format characters (zero-width ones, marks of direction), private and unassigned characters, and separators.
fn is_invisible(character: char) -> bool {
    matches!(
        character.general_category_group(),
        GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator
    )
}

/// NFKC in lower case. Either may undo the other in rare letters, so both are repeated until nothing changes.
fn fold(text: &str) -> Result<String, Wrong> {
    let mut folded = text.to_owned();
    for _ in 0..4 {
        let next: String = folded
            .nfkc()
            .flat_map(char::to_lowercase)
            .map(join_sigmas)
            .nfkc()
            .collect();
        if next == folded {
            return Ok(folded);
        }
        folded = next;
    }
    Err(Wrong::Character)
}

/// Upper case has one sigma, so lower case gets one too, wherever in a word it stands.
fn join_sigmas(character: char) -> char {
    if character == 'ς' { 'σ' } else { character }
}

fn check_local_part(local: &str) -> Result<(), Wrong> {
    if local.contains('"') {
        return Err(Wrong::Quoted);
    }
    // Beyond ASCII, what Unicode recommends for names: UTS 39, General Security Profile.
    let sound =
        |character: char| character.is_ascii_graphic() || (!character.is_ascii() && character.identifier_allowed());
    if !local.chars().all(sound) {
        return Err(Wrong::Character);
    }
    // A mark that stands first would be drawn upon what is left of the address.
    let marked = |part: &str| {
        part.chars()
            .next()
            .is_some_and(|first| first.general_category_group() == GeneralCategoryGroup::Mark)
    };
    if local.split('.').any(marked) {
        return Err(Wrong::Character);
    }
    if !local.is_single_script() {
        return Err(Wrong::Scripts);
    }
    Ok(())
}

/// The domain as A-labels: letters, digits and hyphens only, each label short enough, none empty.
fn ascii_domain(domain: &str) -> Result<String, Wrong> {
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::Check,
            DnsLength::Verify,
        )
        .map_err(|_| Wrong::Domain)?;
    // The last label of a name has a letter (RFC 3696, section 2); otherwise this is an address of the network.
    let last = ascii.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Domain);
    }
    Ok(ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<String> {
        Email::parse("/email", text).ok().map(|email| email.to_string())
    }

    #[test]
    fn one_person_has_one_address() {
        for (typed, kept) in [
            ("ann@example.org", "ann@example.org"),
            ("  Ann@Example.ORG\n", "ann@example.org"),
            ("\u{3000}ann@example.org\u{a0}", "ann@example.org"),
            ("ａｎｎ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ann@example.org"),
            ("oﬃce@example.org", "office@example.org"),
            ("ann.b+tag@example.org", "ann.b+tag@example.org"),
            ("o'brien@example.org", "o'brien@example.org"),
            ("jose\u{301}@example.org", "josé@example.org"),
            ("JOSÉ@BÜCHER.example", "josé@xn--bcher-kva.example"),
            ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
            ("a@bücher。example", "a@xn--bcher-kva.example"),
            ("ΟΔΟΣ@example.org", "οδοσ@example.org"),
            ("οδος@example.org", "οδοσ@example.org"),
            ("иван@пример.рф", "иван@xn--e1afmkfd.xn--p1ai"),
            ("田中さん@例え.jp", "田中さん@xn--r8jz45g.jp"),
            ("admin@localhost.localdomain", "admin@localhost.localdomain"),
        ] {
            assert_eq!(parse(typed).as_deref(), Some(kept), "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "a".repeat(64));
        let long = format!("a@{}org", "abcdefghi.".repeat(26));
        for text in [
            "",
            " ",
            "@",
            "ann",
            "ann@",
            "@example.org",
            "ann@example",
            "ann@example.",
            "ann@example.org.",
            "ann@.org",
            "ann@a..org",
            "ann@-a.org",
            "ann@a-.org",
            "ann@a_b.org",
            "ann@ab--c.org",
            "ann@xn--a.org",
            "ann@127.0.0.1",
            "ann@[127.0.0.1]",
            "ann@[IPv6:::1]",
            "Ann <ann@example.org>",
            "<ann@example.org>",
            "mailto:ann@example.org",
            "ann@b@example.org",
            "ann..b@example.org",
            ".ann@example.org",
            "ann.@example.org",
            "an n@example.org",
            "ann@exa mple.org",
            "ann@example.org, bob@example.org",
            "ann(comment)@example.org",
            "\"ann\"@example.org",
            "\"a b\"@example.org",
            "\"@example.org",
            "ann\0@example.org",
            "ann@example.org\0",
            "ann\r\nBcc: all@example.org",
            "ann\u{7}@example.org",
            "ann\u{200b}@example.org",
            "ann\u{ad}@example.org",
            "\u{feff}ann@example.org",
            "ann\u{202e}@example.org",
            "ann\u{fe0f}@example.org",
            "ann\u{e000}@example.org",
            "ann\u{115f}@example.org",
            "ann@exam\u{200b}ple.org",
            "\u{a8}a@example.org",
            "\u{301}a@example.org",
            "a.\u{301}b@example.org",
            "😀@example.org",
            &long_local,
            &long_label,
            &long,
            &"a".repeat(1_000_000),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn letters_of_several_scripts_do_not_mix() {
        // Latin with a Cyrillic а, Latin with a Greek ο, Cyrillic with a Latin o.
        for text in ["\u{430}nn@example.org", "b\u{3bf}b@example.org", "иvан@example.org"] {
            let error = Email::parse("/email", text).unwrap_err().to_string();
            assert!(error.contains("one script"), "{error}");
        }
        // Wholly Cyrillic is another address than the Latin one that it resembles.
        assert_ne!(parse("\u{430}\u{440}@example.org"), parse("ap@example.org"));
        assert!(parse("\u{430}\u{440}@example.org").is_some());
    }

    #[test]
    fn the_longest_address_is_accepted() {
        let domain = format!("{}.org", ["a".repeat(63), "b".repeat(61), "c".repeat(59)].join("."));
        let address = format!("{}@{domain}", "x".repeat(LONGEST_EMAIL - domain.len() - 1));
        assert_eq!(address.len(), LONGEST_EMAIL);
        assert!(parse(&address).is_some());
        assert_eq!(parse(&format!("x{address}")), None);
    }

    #[test]
    fn a_refusal_says_what_would_be_right_and_not_what_was_sent() {
        let error = Email::parse("/email", "secret-thing").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/email`: must be an e-mail address such as `ann@example.org`"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn parsing_again_changes_nothing(text in "\\PC{0,12}@\\PC{0,8}[.．][a-zA-Zß]{1,4}") {
            if let Some(once) = parse(&text) {
                prop_assert_eq!(parse(&once), Some(once.clone()));
                prop_assert!(once.len() <= LONGEST_EMAIL);
            }
        }

        #[test]
        fn letters_of_any_script_keep_one_form(local in "\\p{L}{1,4}", domain in "[a-zà-ÿα-ωа-я]{1,8}") {
            if let Some(once) = parse(&format!("{local}@{domain}.example")) {
                prop_assert_eq!(parse(&once), Some(once.clone()));
                let shouted = format!("{}@{}.EXAMPLE", local.to_uppercase(), domain.to_uppercase());
                // Upper case may spell a letter differently (ß, ŉ), and then it is another address.
                if local.to_uppercase().to_lowercase() == local && domain.to_uppercase().to_lowercase() == domain {
                    prop_assert_eq!(parse(&shouted), Some(once));
                }
            }
        }
    }
}
