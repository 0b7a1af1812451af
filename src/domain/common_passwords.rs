//! What guessers have on their lists although it is long: famous passphrases, long leaked passwords, and one thing said again and
//! again. A judge of patterns takes them for four good words.

/// In lower case, letters and digits alone.
const KNOWN: [&str; 103] = [
    "correcthorsebatterystaple",
    "horsebatterystaple",
    "correcthorsebattery",
    "batteryhorsestaple",
    "thisisapassword",
    "thisismypassword",
    "thisisnotapassword",
    "mypasswordispassword",
    "passwordpassword",
    "password1234",
    "password12345",
    "password123456",
    "password123password",
    "passw0rd1234",
    "mypassword123",
    "newpassword123",
    "changemeplease",
    "changeme1234",
    "changeme12345",
    "letmeinletmein",
    "letmeinplease",
    "letmein12345",
    "pleaseletmein",
    "openthedoor",
    "opensesame123",
    "administrator",
    "administrator1",
    "administrator123",
    "adminadminadmin",
    "admin1234567",
    "admin12345678",
    "rootrootroot",
    "superadministrator",
    "qwertyuiop123",
    "qwertyuiop1234",
    "qwertyuiopasdfghjkl",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiopasdf",
    "qwerty123456",
    "qwerty1234567",
    "qwerty12345678",
    "qwertyqwerty",
    "asdfghjkl123",
    "asdfghjklzxcvbnm",
    "zxcvbnmasdfghjkl",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "qazwsxedcrfv",
    "qazwsxedcrfvtgb",
    "q1w2e3r4t5y6",
    "123456789012",
    "1234567890123",
    "12345678901234",
    "1234567890123456",
    "123456123456",
    "123123123123",
    "111111111111",
    "000000000000",
    "987654321098",
    "098765432109",
    "abcdefghijkl",
    "abcdefghijklmnopqrstuvwxyz",
    "abcdef123456",
    "abc123abc123",
    "abcd12345678",
    "iloveyou1234",
    "iloveyou12345",
    "iloveyouforever",
    "iloveyousomuch",
    "iloveyoubaby",
    "iloveyoumore",
    "ilovemyfamily",
    "ilovemymother",
    "ilovejesuschrist",
    "jesuschrist1",
    "jesusislord123",
    "godisgood123",
    "trustno1trustno1",
    "welcome12345",
    "welcomehome123",
    "thequickbrownfox",
    "thequickbrownfoxjumpsoverthelazydog",
    "quickbrownfoxjumps",
    "loremipsumdolor",
    "loremipsumdolorsitamet",
    "tobeornottobe",
    "tobeornottobethatisthequestion",
    "maytheforcebewithyou",
    "liveandletdie",
    "livelovelaugh",
    "onceuponatime",
    "onceuponatimeinagalaxy",
    "longlivetheking",
    "winteriscoming",
    "youshallnotpass",
    "twinkletwinklelittlestar",
    "maryhadalittlelamb",
    "supercalifragilisticexpialidocious",
    "allyourbasearebelongtous",
    "thecakeisalie",
    "openpassword1234",
];

/// The longest part, in characters, that makes no good password however often it is said.
const LONGEST_UNIT: usize = 8;

/// Whether the text is a known one, or a short one repeated, whatever its case, spaces and punctuation and a number at its end.
pub(super) fn is_common(text: &str) -> bool {
    let spoken: Vec<char> = text.to_lowercase().chars().filter(|one| !one.is_whitespace()).collect();
    let plain: Vec<char> = spoken.iter().copied().filter(|one| one.is_alphanumeric()).collect();
    let whole: String = plain.iter().collect();
    let without_number = whole.trim_end_matches(|one: char| one.is_ascii_digit());
    // A password that is mostly signs is not judged by its few letters.
    let is_spoken = plain.len() * 2 >= spoken.len();
    KNOWN.contains(&whole.as_str())
        || KNOWN.contains(&without_number)
        || repeats_itself(&spoken)
        || (is_spoken && repeats_itself(&plain))
}

fn repeats_itself(text: &[char]) -> bool {
    let longest = LONGEST_UNIT.min(text.len() / 2);
    (1..=longest).any(|unit| text.iter().zip(&text[unit..]).all(|(one, next)| one == next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_in_the_form_that_is_compared() {
        for (index, entry) in KNOWN.into_iter().enumerate() {
            assert!(
                entry
                    .chars()
                    .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit()),
                "{entry}"
            );
            assert!(!KNOWN[..index].contains(&entry), "{entry} is there twice");
        }
    }

    #[test]
    fn what_is_known_or_said_again_is_common() {
        for text in [
            "correct horse battery staple",
            "Correct-Horse, Battery Staple!",
            "correct horse battery staple 2026",
            "пароль пароль пароль",
            "Пароль, пароль... ПАРОЛЬ!",
            "#!?#!?#!?#!?#",
            "7#kQz!pW7#kQz!pW",
        ] {
            assert!(is_common(text), "{text}");
        }
        for text in [
            "",
            "7%&/()=?{}[]7",
            "correct horse battery lighthouse",
            "correct heron battery staple",
            "marmalade lighthouse marmalade",
            "пятнадцать зелёных ёжиков",
        ] {
            assert!(!is_common(text), "{text}");
        }
    }
}
