//! Comparing bytes.

/// Compares what may be megabytes, and shows only where they differ.
///
/// # Panics
///
/// If they differ.
#[track_caller]
pub fn assert_same(got: &[u8], expected: &[u8]) {
    if let Some(difference) = difference(got, expected) {
        panic!("{difference}");
    }
}

/// Where they differ, in words.
pub(super) fn difference(got: &[u8], expected: &[u8]) -> Option<String> {
    let same = got.iter().zip(expected).take_while(|(got, expected)| got == expected).count();
    if same == got.len().max(expected.len()) {
        return None;
    }
    let excerpt = |bytes: &[u8]| bytes[same..bytes.len().min(same + 40)].escape_ascii().to_string();
    Some(format!(
        "{} bytes where {} were expected; at {same}: \"{}\" where \"{}\" was expected",
        got.len(),
        expected.len(),
        excerpt(got),
        excerpt(expected)
    ))
}
