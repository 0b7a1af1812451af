//! Which language a text is in, by its script and its letter trigrams (crate `whatlang`, about seventy languages).

use whatlang::Lang;

/// A detected language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Language {
    /// ISO 639-1 where it exists (`en`), otherwise ISO 639-3 (`jav` has `jv`, `cmn` counts as `zh`).
    pub code: &'static str,
    /// 0 to 1: how far the best language stands out from the second; for a script of one language, 1.
    pub confidence: f64,
    /// Whether the confidence and the amount of text allow acting on it, for instance refusing to answer.
    pub reliable: bool,
}

impl Language {
    /// Whether the language is written in Latin letters. When it is not, the text is certainly not English, however
    /// unsure the choice among, say, Arabic, Persian and Urdu is.
    #[must_use]
    pub fn uses_latin_letters(&self) -> bool {
        !matches!(
            self.code,
            "ru" | "uk"
                | "be"
                | "bg"
                | "sr"
                | "mk"
                | "ar"
                | "fa"
                | "ur"
                | "hi"
                | "mr"
                | "ne"
                | "zh"
                | "ja"
                | "ko"
                | "el"
                | "he"
                | "yi"
                | "hy"
                | "ka"
                | "am"
                | "bn"
                | "gu"
                | "pa"
                | "ta"
                | "te"
                | "kn"
                | "ml"
                | "or"
                | "si"
                | "th"
                | "my"
                | "km"
        )
    }
}

/// Letters below which nothing is said: three short words can be any of a dozen languages.
const FEWEST_LETTERS: usize = 12;
/// Letters from which an answer may count as reliable, for scripts that several languages share.
const FEWEST_LETTERS_FOR_RELIABLE: usize = 40;
/// The same for languages with a script of their own, where the script alone is the evidence.
const FEWEST_LETTERS_OF_OWN_SCRIPT: usize = 4;
/// Bytes that are looked at: more does not change the answer, only the time.
const LONGEST_SAMPLE_IN_BYTES: usize = 2048;

/// The language of `text`, or `None` when there is not enough text to tell. Only the beginning of a long text counts.
#[must_use]
pub fn detect_language(text: &str) -> Option<Language> {
    let sample = &text[..text.floor_char_boundary(LONGEST_SAMPLE_IN_BYTES)];
    let letters = sample.chars().filter(|character| character.is_alphabetic()).count();
    if letters < FEWEST_LETTERS_OF_OWN_SCRIPT {
        return None;
    }
    let found = whatlang::detect(sample)?;
    let own_script = has_own_script(found.lang());
    if !own_script && letters < FEWEST_LETTERS {
        return None;
    }
    let code = code(found.lang());
    let reliable = own_script && found.is_reliable()
        || letters >= FEWEST_LETTERS_FOR_RELIABLE
            && match share_of_function_words(code, sample) {
                Some(share) => share >= if found.is_reliable() { 0.08 } else { 0.25 },
                None => found.is_reliable(),
            };
    Some(Language {
        code,
        confidence: found.confidence().clamp(0.0, 1.0),
        reliable,
    })
}

/// The share of the sample's words that are among the language's commonest, for the languages whose words are listed
/// here; words that English has too are left out. Trigrams alone take English abbreviations (`shr cts vs net mln`) for
/// French, and hesitate over short texts where a few of these words settle it.
fn share_of_function_words(code: &str, sample: &str) -> Option<f64> {
    let list: &[&str] = match code {
        "de" => &[
            "der", "das", "und", "ist", "nicht", "ich", "ein", "eine", "zu", "mit", "den", "von", "auf", "für", "im",
            "sich",
        ],
        "fr" => &[
            "le", "la", "les", "de", "des", "et", "un", "une", "est", "que", "je", "pas", "pour", "à", "dans", "du",
            "au",
        ],
        "es" => &[
            "el", "la", "los", "las", "de", "y", "que", "en", "un", "una", "es", "por", "con", "se", "del", "al", "su",
        ],
        "it" => &[
            "il", "la", "le", "di", "e", "che", "un", "una", "è", "non", "per", "con", "del", "della", "gli", "si",
        ],
        "pt" => &[
            "os", "de", "e", "que", "um", "uma", "não", "em", "para", "com", "da", "é", "na", "por", "dos", "se",
        ],
        "nl" => &[
            "de", "het", "een", "en", "van", "niet", "ik", "dat", "te", "op", "met", "voor", "zijn", "er", "die",
        ],
        "sv" => &[
            "och", "att", "det", "är", "en", "som", "på", "för", "inte", "jag", "av", "med", "den", "till", "ett",
        ],
        "da" | "nb" => &[
            "og", "at", "det", "er", "en", "som", "på", "ikke", "jeg", "av", "af", "med", "til", "den", "et",
        ],
        "ro" => &[
            "și", "de", "în", "la", "nu", "cu", "un", "este", "pe", "că", "care", "pentru", "din", "mai", "sau",
        ],
        "ca" => &[
            "el", "la", "els", "les", "de", "que", "un", "una", "és", "per", "amb", "en", "del", "al", "dels",
        ],
        _ => return None,
    };
    let (mut words, mut listed) = (0usize, 0usize);
    for word in sample
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
    {
        words += 1;
        listed += usize::from(list.contains(&word.to_lowercase().as_str()));
    }
    Some(listed as f64 / words.max(1) as f64)
}

/// Whether seeing the language's script is enough to know it is not, say, English.
fn has_own_script(language: Lang) -> bool {
    use whatlang::Lang::{
        Amh, Ben, Cmn, Ell, Guj, Heb, Hye, Jpn, Kan, Kat, Khm, Kor, Mal, Mya, Ori, Pan, Sin, Tam, Tel, Tha, Yid,
    };
    matches!(
        language,
        Amh | Ben
            | Cmn
            | Ell
            | Guj
            | Heb
            | Hye
            | Jpn
            | Kan
            | Kat
            | Khm
            | Kor
            | Mal
            | Mya
            | Ori
            | Pan
            | Sin
            | Tam
            | Tel
            | Tha
            | Yid
    )
}

/// ISO 639-1 for the languages that have one there.
fn code(language: Lang) -> &'static str {
    match language.code() {
        "epo" => "eo",
        "eng" => "en",
        "rus" => "ru",
        "cmn" => "zh",
        "spa" => "es",
        "por" => "pt",
        "ita" => "it",
        "ben" => "bn",
        "fra" => "fr",
        "deu" => "de",
        "ukr" => "uk",
        "kat" => "ka",
        "ara" => "ar",
        "hin" => "hi",
        "jpn" => "ja",
        "heb" => "he",
        "yid" => "yi",
        "pol" => "pl",
        "amh" => "am",
        "jav" => "jv",
        "kor" => "ko",
        "nob" => "nb",
        "dan" => "da",
        "swe" => "sv",
        "fin" => "fi",
        "tur" => "tr",
        "nld" => "nl",
        "hun" => "hu",
        "ces" => "cs",
        "ell" => "el",
        "bul" => "bg",
        "bel" => "be",
        "mar" => "mr",
        "kan" => "kn",
        "ron" => "ro",
        "slv" => "sl",
        "hrv" => "hr",
        "srp" => "sr",
        "mkd" => "mk",
        "lit" => "lt",
        "lav" => "lv",
        "est" => "et",
        "tam" => "ta",
        "vie" => "vi",
        "urd" => "ur",
        "tha" => "th",
        "guj" => "gu",
        "uzb" => "uz",
        "pan" => "pa",
        "aze" => "az",
        "ind" => "id",
        "tel" => "te",
        "pes" => "fa",
        "mal" => "ml",
        "ori" => "or",
        "mya" => "my",
        "nep" => "ne",
        "sin" => "si",
        "khm" => "km",
        "tuk" => "tk",
        "aka" => "ak",
        "zul" => "zu",
        "sna" => "sn",
        "afr" => "af",
        "lat" => "la",
        "slk" => "sk",
        "cat" => "ca",
        "tgl" => "tl",
        "hye" => "hy",
        "cym" => "cy",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(text: &str) -> Option<(&'static str, bool)> {
        detect_language(text).map(|language| (language.code, language.reliable))
    }

    #[test]
    fn prose_is_told_apart_reliably() {
        let cases = [
            (
                "en",
                "The parcel arrived two days late, and nobody at the counter could tell me why.",
            ),
            (
                "de",
                "Das Paket kam zwei Tage zu spät an, und niemand am Schalter konnte mir sagen, warum.",
            ),
            (
                "fr",
                "Le colis est arrivé avec deux jours de retard et personne au guichet ne savait pourquoi.",
            ),
            (
                "es",
                "El paquete llegó con dos días de retraso y nadie en la ventanilla supo decirme por qué.",
            ),
            (
                "ja",
                "荷物は二日遅れて届きましたが、窓口の誰も理由を教えてくれませんでした。",
            ),
            ("zh", "包裹晚到了两天，柜台没有人能告诉我原因。"),
            (
                "ko",
                "소포가 이틀 늦게 도착했는데 창구의 누구도 이유를 말해 주지 못했다.",
            ),
            (
                "el",
                "Το δέμα έφτασε με δύο μέρες καθυστέρηση και κανείς δεν ήξερε γιατί.",
            ),
        ];
        for (code, text) in cases {
            assert_eq!(code_of(text), Some((code, true)), "{text}");
        }
    }

    #[test]
    fn too_little_text_tells_nothing() {
        for text in ["", "ok", "12345 67890", "👍👍👍", "Hi there", "\0\0\0"] {
            assert_eq!(code_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn short_or_telegraphic_english_is_never_reliably_something_else() {
        for text in [
            "Ink helps drive democracy in Asia",
            "net shr cts vs cts net vs mln revs mln avg shrs qtr vs loss cts oper net",
        ] {
            assert!(
                code_of(text).is_none_or(|(code, reliable)| code == "en" || !reliable),
                "{text}"
            );
        }
    }

    #[test]
    fn every_language_known_has_a_code_of_two_letters() {
        for language in Lang::all() {
            assert_eq!(code(*language).len(), 2, "{language:?}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_read() {
        assert!(code_of(&"ж".repeat(5_000_000)).is_some());
    }
}
