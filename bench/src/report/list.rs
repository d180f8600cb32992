//! The figure of the list of users.

use super::{Figure, Target};
use crate::measure::user_list::UserList;

/// The time of the last page compared with the first one, with those of other pages.
pub(super) fn figure(list: &UserList) -> Figure {
    Figure {
        name: "Last ÷ first page of a million users",
        value: list.ratio(),
        unit: "×",
        target: Target::AtMost(2.0),
        detail: format!(
            "{:.0} µs ÷ {:.0} µs; {:.0} µs in the middle, {:.0} µs for a search that all match, \
             {:.0} µs for one of a user, {:.0} µs for the disabled ones",
            list.last.median(),
            list.first.median(),
            list.middle.median(),
            list.broad_search.median(),
            list.narrow_search.median(),
            list.disabled.median()
        ),
    }
}
