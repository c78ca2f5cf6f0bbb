//! Naming the first few of many.

use std::fmt::Display;

/// The first `most` of them, and how many more there are: `a, b and 3 more`.
pub(crate) fn first_of(all: impl ExactSizeIterator<Item = impl Display>, most: usize) -> String {
    let more = all.len().saturating_sub(most);
    let named: Vec<_> = all.take(most).map(|item| item.to_string()).collect();
    let named = named.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::first_of;

    #[test]
    fn what_is_not_named_is_counted() {
        assert_eq!(first_of([1, 2, 3].iter(), 3), "1, 2, 3");
        assert_eq!(first_of([1, 2, 3, 4, 5].iter(), 2), "1, 2 and 3 more");
        assert_eq!(first_of([(); 0].iter().map(|()| 0), 2), "");
    }
}
