//! Passwords: which may be chosen, and how what is typed at a sign-in is brought into the same form.
//!
//! The form is the `OpaqueString` profile of PRECIS (RFC 8265, section 4): every kind of space is a space, composed and
//! decomposed letters are one, and control characters are refused. Case stays. The rules follow NIST SP 800-63B, section
//! 3.1.1: long rather than ornate, nothing forced into it, and nothing that is on the lists which guessers try first.

use super::{
    common_passwords::is_common,
    errors::{Error, Result},
};
use precis_profiles::{OpaqueString, precis_core::profile::PrecisFastInvocation};
use std::{cmp::Reverse, fmt};
use zxcvbn::{Score, zxcvbn};

/// In characters, after normalisation.
pub const SHORTEST_PASSWORD: usize = 12;
/// In characters, after normalisation.
pub const LONGEST_PASSWORD: usize = 256;

/// Normalising shortens a text by less than this, so that nothing is done for one that can only be too long.
const LONGEST_INPUT_BYTES: usize = LONGEST_PASSWORD * 16;

/// What takes the place of a text that nobody can have as a password. Nobody has this one either: a password holds no
/// control characters.
const MATCHES_NOTHING: &str = "\0";

/// A password in clear. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes a password that somebody chooses. `personal` is what others know of them (e-mail address, name): made of that,
    /// a password counts as easy to guess.
    ///
    /// # Errors
    /// `Error::Invalid` at `pointer`, with advice on what would be better.
    pub fn parse_new(pointer: &str, text: &str, personal: &[&str]) -> Result<Self> {
        let too_long = || Error::invalid(pointer, format!("must be at most {LONGEST_PASSWORD} characters long"));
        if text.len() > LONGEST_INPUT_BYTES {
            return Err(too_long());
        }
        let too_short = || Error::invalid(pointer, format!("must be at least {SHORTEST_PASSWORD} characters long"));
        if text.is_empty() {
            return Err(too_short());
        }
        let Ok(password) = OpaqueString::enforce(text) else {
            let message =
                "must have only letters, digits, signs and spaces; it has a character that cannot be typed everywhere";
            return Err(Error::invalid(pointer, message));
        };
        let characters = password.chars().count();
        if characters > LONGEST_PASSWORD {
            return Err(too_long());
        }
        if characters < SHORTEST_PASSWORD {
            return Err(too_short());
        }
        check_strength(pointer, &password, personal)?;
        Ok(Self(password.into_owned()))
    }

    /// Takes what somebody typed to sign in. Never fails: what cannot be anybody's password, because it is too long, empty
    /// or holds control characters, becomes one that matches nothing, at the same cost.
    #[must_use]
    pub fn for_sign_in(text: &str) -> Self {
        let nothing = || Self(MATCHES_NOTHING.to_owned());
        if text.len() > LONGEST_INPUT_BYTES {
            return nothing();
        }
        match OpaqueString::enforce(text) {
            Ok(password) if password.chars().count() <= LONGEST_PASSWORD => Self(password.into_owned()),
            _ => nothing(),
        }
    }

    /// Makes one up: five groups of four letters and digits, 100 random bits. The alphabet is Crockford's base 32, which has
    /// no `i`, `l` and `o` to be taken for `1` and `0`.
    #[must_use]
    pub fn generate() -> Self {
        let random: [u8; GROUPS * GROUP_LENGTH] = rand::random();
        let groups: Vec<String> = random
            .chunks(GROUP_LENGTH)
            .map(|group| {
                group
                    .iter()
                    .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                    .collect()
            })
            .collect();
        Self(groups.join("-"))
    }

    /// Whether somebody can have it as their password.
    #[must_use]
    pub fn can_match(&self) -> bool {
        self.0 != MATCHES_NOTHING
    }

    /// The password in clear, for hashing it, or for showing a new one once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// How much of a password is judged, in characters: who needs more than this to be safe has repeated themselves. The judgement
/// takes time with the square of the length, of signs that could stand for letters 90 ms for 40 and 700 ms for 100.
const JUDGED_LENGTH: usize = 40;

const GROUPS: usize = 5;
const GROUP_LENGTH: usize = 4;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Asks for zxcvbn's score of 3, "safely unguessable": more than 10⁸ guesses. What is known of the person counts for nothing:
/// what the password has besides must be that good.
fn check_strength(pointer: &str, password: &str, personal: &[&str]) -> Result<()> {
    let words = words_of(personal);
    let mut besides = password.to_lowercase();
    for word in &words {
        besides = besides.replace(word, "");
    }
    let is_personal = besides.len() < password.to_lowercase().len();
    let judged = if is_personal { &besides } else { password };
    let judged: String = judged.chars().take(JUDGED_LENGTH).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let judgement = zxcvbn(&judged, &words);
    if judgement.score() >= Score::Three {
        if !is_common(password) {
            return Ok(());
        }
        let message =
            "must be harder to guess. It is well known, or one short thing repeated. Choose words of your own.";
        return Err(Error::invalid(pointer, message));
    }
    let mut advice = judgement.feedback().map(ToString::to_string).unwrap_or_default();
    if is_personal {
        advice.push_str(" Your name, your e-mail address and `synoptic` count for nothing.");
    }
    Err(Error::invalid(
        pointer,
        format!("must be harder to guess. {}", advice.trim()),
    ))
}

/// What is known of a person, whole and in its words, and what we are called; in lower case, the longest
/// first.
fn words_of(personal: &[&str]) -> Vec<String> {
    let mut words = vec!["synoptic".to_owned()];
    for text in personal {
        // Longer texts are no names, and would only cost time.
        let text: String = text.chars().take(LONGEST_PASSWORD).collect();
        let text = text.to_lowercase();
        let parts = text.split(|character: char| !character.is_alphanumeric());
        words.extend(parts.map(str::to_owned));
        words.push(text);
    }
    // Short words are in every password by chance.
    words.retain(|word| word.chars().count() >= SHORTEST_WORD);
    words.sort_by_key(|word| Reverse(word.len()));
    words
}

const SHORTEST_WORD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str, personal: &[&str]) -> String {
        Password::parse_new("/password", text, personal)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_long_password_of_uncommon_words_is_accepted_as_it_is() {
        for text in [
            "incorrect heron battery staple",
            "Gartenzaun verliert 7 Murmeln",
            "пятнадцать зелёных ёжиков",
            "毎朝六時に犬と川辺を走る人々",
            "🐒 three-headed monkey ☠ behind",
        ] {
            assert_eq!(Password::parse_new("/password", text, &[]).unwrap().reveal(), text);
        }
    }

    #[test]
    fn what_guessers_try_first_is_refused_with_advice() {
        for text in [
            "password1234",
            "passwordpassword",
            "P@ssw0rd1234",
            "qwertyuiop123",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "123456789012",
            "            ",
            "synoptic2026",
            "synopticsynoptic",
            "correct horse battery staple",
            "CorrectHorseBatteryStaple",
            "пароль пароль пароль",
            "7#kQz!pW7#kQz!pW",
        ] {
            let message = refusal(text, &[]);
            assert!(message.contains("must be harder to guess. "), "{message}");
            assert!(message.len() > 60 && !message.contains(text), "{message}");
        }
    }

    #[test]
    fn a_password_made_of_the_person_is_refused() {
        let personal = ["wilhelmina.quackenbush@zwiebelkuchen.example", "Wilhelmina Quackenbush"];
        for text in [
            "wilhelmina.quackenbush",
            "Quackenbush2026!",
            "wilhelmina.quackenbush@zwiebelkuchen.example",
            "zwiebelkuchen1!",
            "synoptic-2026!",
        ] {
            assert!(refusal(text, &personal).contains("count for nothing"), "{text}");
        }
        assert!(Password::parse_new("/password", "Quackenbush likes lighthouse marmalade", &personal).is_ok());
        assert!(Password::parse_new("/password", "zwiebelkuchen quackenbush", &[]).is_ok());
    }

    #[test]
    fn length_is_counted_in_characters_after_normalisation() {
        let short = "ü7#kQz!pW2x";
        assert_eq!(short.chars().count(), SHORTEST_PASSWORD - 1);
        assert!(refusal(short, &[]).contains("at least 12"));
        assert!(refusal("u\u{308}7#kQz!pW2x", &[]).contains("at least 12"));
        assert!(Password::parse_new("/password", "ü7#kQz!pW2xv", &[]).is_ok());
        let long = "7#kQz!pW".repeat(LONGEST_PASSWORD / 8);
        assert!(Password::parse_new("/password", &format!("Zaun{}", &long[4..]), &[]).is_ok());
        for text in [format!("{long}x"), "x".repeat(10_000_000)] {
            assert!(refusal(&text, &[]).contains("at most 256"));
        }
    }

    #[test]
    fn what_cannot_be_typed_is_refused() {
        for text in [
            "correct\0horse battery staple",
            "correct horse\tbattery staple",
            "correct\nhorse battery staple",
        ] {
            assert!(refusal(text, &[]).contains("only letters"), "{text:?}");
        }
        assert!(refusal("", &[]).contains("at least 12"));
    }

    #[test]
    fn one_password_typed_on_two_keyboards_is_the_same() {
        let chosen = Password::parse_new("/password", "ångström lighthouse", &[]).unwrap();
        assert_eq!(Password::for_sign_in("a\u{30a}ngstro\u{308}m\u{a0}lighthouse"), chosen);
        assert_ne!(Password::for_sign_in("Ångström lighthouse"), chosen);
        assert_ne!(Password::for_sign_in("ångström lighthouse "), chosen);
    }

    #[test]
    fn what_nobody_can_have_matches_nothing() {
        for text in [
            "",
            "\0",
            "a\0b",
            "x\u{7}",
            &"x".repeat(LONGEST_PASSWORD + 1),
            &"é".repeat(5_000_000),
        ] {
            assert!(!Password::for_sign_in(text).can_match());
        }
        // An old password may be shorter than a new one must be.
        assert!(Password::for_sign_in("short").can_match());
    }

    #[test]
    fn one_that_is_made_up_can_be_chosen_and_differs_from_the_next() {
        for _ in 0..200 {
            let password = Password::generate();
            let parsed = Password::parse_new("/password", password.reveal(), &["ann@example.org", "Ann"]).unwrap();
            assert_eq!(parsed, password);
            assert_ne!(Password::generate(), password);
        }
    }

    #[test]
    fn a_password_hides_itself() {
        assert_eq!(format!("{:?}", Password::for_sign_in("hunter2")), "Password(…)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_was_chosen_signs_in(text in "\\PC{12,40}") {
            if let Ok(chosen) = Password::parse_new("/password", &text, &[]) {
                prop_assert_eq!(&Password::for_sign_in(&text), &chosen);
                prop_assert_eq!(&Password::for_sign_in(chosen.reveal()), &chosen);
            }
        }
    }
}
