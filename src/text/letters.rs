//! Which characters count as what, in the sense of BERT's tokeniser and of the sentence splitter.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// White space between words. The control characters that Unicode also calls white space (form feed, next line, …) are
/// dropped before BERT looks for white space, so they join words instead.
#[must_use]
pub fn separates_words(character: char) -> bool {
    match character {
        ' ' | '\t' | '\n' | '\r' => true,
        _ if character.is_ascii() => false,
        _ => character.is_whitespace() && !character.is_control(),
    }
}

/// Characters that BERT deletes: NUL, the replacement character, control, format and private-use characters.
#[must_use]
pub fn is_dropped(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\0' | '\u{fffd}' => true,
        _ if character.is_ascii() => character.is_ascii_control(),
        _ => matches!(
            character.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
        ),
    }
}

/// Combining marks without a width of their own, which BERT removes after canonical decomposition.
#[must_use]
pub fn is_accent(character: char) -> bool {
    !character.is_ascii() && character.general_category() == GeneralCategory::NonspacingMark
}

/// ASCII symbols and Unicode's punctuation.
#[must_use]
pub fn is_punctuation(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_punctuation();
    }
    character.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// The CJK blocks that BERT sets apart, a space on either side. Japanese kana and Korean are not among them. The gap
/// after U+2B81F is the original's, which tests U+2B920 where it means U+2B820.
#[must_use]
pub fn is_chinese(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}'
        | '\u{2b920}'..='\u{2ceaf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{2f800}'..='\u{2fa1f}')
}
