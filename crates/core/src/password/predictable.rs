//! Passwords that attackers try first: common words, keyboard sequences, repetitions and years,
//! with a few characters added.

/// Common words and names, in lower case.
const WORDS: &str = include_str!("words.txt");

/// Common sequences: the alphabet, digits, and keyboard rows. Also matched backwards.
const SEQUENCES: [&str; 22] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "!@#$%^&*()",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "!qaz@wsx#edc",
    "qazwsxedcrfvtgbyhnujmikolp",
    "zaqxswcdevfr",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1a2b3c4d5e6f",
    "a1b2c3d4e5f6",
    "147258369",
    "789456123",
    "741852963",
];

/// Minimum length of a sequence or a repetition.
const MIN_RUN: usize = 3;

/// Maximum number of parts of a predictable password.
const MAX_PARTS: usize = 3;

/// Whether a password, in lower case, consists of few parts. A word, a sequence, a repetition, a
/// year and any other single character are one part each.
pub(super) fn is_predictable(lower: &str) -> bool {
    let password: Vec<char> = lower.chars().collect();
    // A repeated unit counts as one more part than the unit.
    let repeated = (1..=password.len() / 2)
        .filter(|len| password.len().is_multiple_of(*len))
        .find(|len| password.chunks(*len).all(|chunk| *chunk == password[..*len]));
    let repeats = repeated.is_some_and(|len| parts(&password[..len]) < MAX_PARTS);
    repeats || parts(&password) <= MAX_PARTS
}

/// Minimum number of parts that make up `password`.
fn parts(password: &[char]) -> usize {
    let mut fewest: Vec<usize> = (0..=password.len()).collect();
    for start in 0..password.len() {
        let rest = &password[start..];
        let with_one_more = fewest[start] + 1;
        for len in [1, repeat(rest), sequence(rest), year(rest)].into_iter().chain(words(rest)) {
            let end = &mut fewest[start + len];
            *end = (*end).min(with_one_more);
        }
    }
    fewest.last().copied().unwrap_or_default()
}

/// Length of the run of the first character; 1 if it is shorter than [`MIN_RUN`].
fn repeat(rest: &[char]) -> usize {
    at_least(MIN_RUN, rest.iter().take_while(|c| **c == rest[0]).count())
}

/// The length of the longest sequence at the start; 1 if there is none.
fn sequence(rest: &[char]) -> usize {
    let longest = SEQUENCES
        .iter()
        .map(|sequence| {
            common_prefix_len(rest, sequence.chars())
                .max(common_prefix_len(rest, sequence.chars().rev()))
        })
        .max();
    at_least(MIN_RUN, longest.unwrap_or(1))
}

/// The length of the longest part of a sequence with which `rest` starts.
fn common_prefix_len(rest: &[char], sequence: impl Iterator<Item = char> + Clone) -> usize {
    let mut longest = 0;
    let mut tail = sequence;
    loop {
        let same = rest.iter().zip(tail.clone()).take_while(|(a, b)| *a == b).count();
        longest = longest.max(same);
        if tail.next().is_none() {
            return longest;
        }
    }
}

/// 4 if `rest` starts with a year of this century or the last, else 1.
fn year(rest: &[char]) -> usize {
    let is_year = match rest {
        ['1', '9', a, b, ..] | ['2', '0', a, b, ..] => a.is_ascii_digit() && b.is_ascii_digit(),
        _ => false,
    };
    if is_year { 4 } else { 1 }
}

/// The lengths of the words at the start, including those with digits and signs in place of
/// letters.
fn words(rest: &[char]) -> impl Iterator<Item = usize> {
    WORDS.lines().filter_map(move |word| {
        let fits = word.len() <= rest.len()
            && word.chars().zip(rest).all(|(letter, c)| letter == *c || is_substitute(*c, letter));
        fits.then_some(word.len())
    })
}

/// Whether `c` is a common substitute for `letter`.
fn is_substitute(c: char, letter: char) -> bool {
    match c {
        '4' | '@' => letter == 'a',
        '8' => letter == 'b',
        '3' => letter == 'e',
        '9' => letter == 'g',
        '1' | '!' | '|' => matches!(letter, 'i' | 'l'),
        '0' => letter == 'o',
        '5' | '$' => letter == 's',
        '7' | '+' => letter == 't',
        _ => false,
    }
}

fn at_least(min: usize, len: usize) -> usize {
    if len >= min { len } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_sequences_and_repetitions_are_predictable_with_any_additions() {
        for password in [
            "password",
            "p@ssw0rd1",
            "password123!",
            "123password",
            "trustno1",
            "iloveyou2",
            "charlie2024",
            "monkeydragon",
            "12345678",
            "87654321",
            "abcdefgh",
            "qwertyuiop",
            "1q2w3e4r",
            "1qaz2wsx",
            "qazwsxedc",
            "aaaaaaaa",
            "!!!!!!!!!!",
            "abc123abc123",
            "passpass",
            "u2u2u2u2",
            "",
        ] {
            assert!(is_predictable(password), "{password}");
        }
        assert!(is_predictable(&"ab".repeat(512)));
    }

    #[test]
    fn passphrases_and_random_characters_are_not_predictable() {
        for password in [
            "correct horse battery staple",
            "password1-but-longer",
            "bobpass123",
            "lowercase but long",
            "kgjwqxzp",
            "kgjwqxzpkgjwqxzp",
            "密码一二三四五六",
        ] {
            assert!(!is_predictable(password), "{password}");
        }
    }

    #[test]
    fn list_is_sorted_without_duplicates_and_in_lower_case() {
        let words: Vec<&str> = WORDS.lines().collect();
        assert!(words.is_sorted_by(|a, b| a < b));
        for word in words {
            assert!(word.len() >= 4, "{word}");
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!(word.chars().all(allowed), "{word}");
        }
    }
}
