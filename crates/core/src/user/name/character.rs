//! Character classes in usernames and e-mail addresses.

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// Whether a character is a visible letter or digit of any script.
pub(super) fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() && (has(c, LETTER_OR_NUMBER) && !is_invisible(c))
}

/// Whether a character is a visible combining mark.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && has(c, GeneralCategoryGroup::Mark) && !is_invisible(c)
}

/// Whether upstream removes the character from names that it compares.
pub(super) fn is_nonspacing_mark(c: char) -> bool {
    !c.is_ascii() && has(c, GeneralCategoryGroup::NonspacingMark)
}

const LETTER_OR_NUMBER: GeneralCategoryGroup =
    GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number);

fn has(c: char, group: GeneralCategoryGroup) -> bool {
    group.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// Whether a letter or mark is invisible: the letters and marks of `Default_Ignorable_Code_Point`.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}')
        || matches!(c, '\u{180B}'..='\u{180F}' | '\u{3164}' | '\u{FFA0}')
        || matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether free text with this character can look like other text: control characters, marks that
/// change the writing direction, line separators, and invisible characters. Joiners and variation
/// selectors are allowed: some scripts and emoji need them.
pub(crate) fn is_confusable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}')
        || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
        || matches!(c, '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}')
        || c == '\u{E0001}'
}

/// Whether a character is empty space: text of such characters alone shows nothing.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c) || matches!(c, '\u{200C}' | '\u{200D}' | '\u{2800}')
}

/// Every character except most Han, Hangul and unassigned ones, which would take half a minute.
#[cfg(test)]
pub(super) fn sample_characters() -> impl Iterator<Item = char> {
    let skipped = |c: &char| {
        matches!(c, '\u{3410}'..='\u{4DA0}' | '\u{4E10}'..='\u{9FE0}' | '\u{AC10}'..='\u{D790}')
            || matches!(c, '\u{17010}'..='\u{18CF0}' | '\u{20010}'..='\u{DFFFF}')
            || *c > '\u{E01FF}'
    };
    ('\0'..=char::MAX).filter(move |c| !skipped(c))
}
