//! Words whose full stop usually does not end a sentence.

/// What a full stop after the word tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abbreviation {
    /// `Dr.`, `e.g.`: something always follows.
    BeforeName,
    /// `Inc.`, `p.m.`, `U.S.`: may also end a sentence, so a capital decides.
    Anywhere,
    /// `No.`, `Fig.`: an abbreviation only before a number; otherwise a word.
    BeforeNumber,
}

/// Titles and connectives of English, German, French, Spanish, Italian, Portuguese and Dutch.
const BEFORE_NAME: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "rev", "hon", "gen", "col", "maj", "capt", "lt", "sgt", "sen", "rep", "gov",
    "pres", "st", "mt", "messrs", "mme", "mlle", "hr", "fr", "dipl", "ing", "sra", "srta", "dra", "dott", "sig", "dhr",
    "mevr", "vs", "cf", "e.g", "i.e", "eg", "ie", "z.b", "d.h", "u.a", "bzw", "ggf", "bspw", "vgl", "evtl", "inkl",
    "zzgl", "ca", "approx", "resp", "viz", "incl", "excl", "p.ej", "bijv", "o.a", "m.e", "sog", "zzt", "z.t", "u.u",
    "i.d.r",
];

/// Words that can also close a sentence.
const ANYWHERE: &[&str] = &[
    "inc", "ltd", "corp", "co", "bros", "llc", "plc", "etc", "al", "jr", "sr", "esq", "a.m", "p.m", "u.s", "u.k",
    "u.n", "e.u", "d.c", "ph.d", "m.d", "b.a", "m.a", "b.sc", "m.sc", "usw", "dept", "univ", "est", "ave", "blvd",
    "rd", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "min", "max", "avg",
    "tel", "ext", "ed", "eds", "vol", "mio", "mrd", "str", "s.a", "n.v", "gmbh",
];

/// Words that stand before a number.
const BEFORE_NUMBER: &[&str] = &[
    "no", "nos", "nr", "fig", "figs", "eq", "eqs", "sec", "art", "par", "pp", "p", "ch", "tab", "abs", "núm", "num",
    "n", "v", "ver",
];

/// Whether `text`, which stops right before a full stop, ends with an abbreviation.
pub fn ending(text: &str) -> Option<Abbreviation> {
    let word = last_word(text);
    let mut characters = word.chars();
    let first = characters.next()?;
    if characters.next().is_none() && first.is_alphabetic() && word != "I" {
        // `J. Smith`, `Plan B. Then`: read as an initial unless it is the pronoun.
        return Some(if first.is_uppercase() {
            Abbreviation::BeforeName
        } else {
            by_list(word)?
        });
    }
    if is_list_number(text, word) {
        return Some(Abbreviation::BeforeName);
    }
    by_list(word).or_else(|| is_dotted(word).then_some(Abbreviation::Anywhere))
}

fn by_list(word: &str) -> Option<Abbreviation> {
    if word.len() > 8 {
        return None;
    }
    let lower = word.to_lowercase();
    let listed = |list: &[&str]| list.contains(&lower.as_str());
    match () {
        () if listed(BEFORE_NAME) => Some(Abbreviation::BeforeName),
        // `May.` and `Sun.` are left out of the months and days: they are words as well.
        () if listed(ANYWHERE) => Some(Abbreviation::Anywhere),
        () if listed(BEFORE_NUMBER) => Some(Abbreviation::BeforeNumber),
        () => None,
    }
}

/// The last run of letters, digits and inner full stops; at most some forty bytes are looked at.
fn last_word(text: &str) -> &str {
    let tail = &text[text.floor_char_boundary(text.len().saturating_sub(40))..];
    tail.rsplit(|character: char| !(character.is_alphanumeric() || character == '.'))
        .next()
        .unwrap_or_default()
}

/// `1` in `1. Open the door`: the sentence so far is nothing but a short number.
fn is_list_number(text: &str, word: &str) -> bool {
    word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit()) && text.trim_start() == word
}

/// `a.k.a`, `N.A.S.A`: single letters with full stops between them.
fn is_dotted(word: &str) -> bool {
    word.contains('.')
        && word
            .split('.')
            .all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
}
