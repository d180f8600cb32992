//! Mapped tables with names, types and further tables as applications have them, for every database.

mod collation;
mod id;
mod join;
mod name;
mod time;

pub(crate) use self::{collation::*, id::*, join::*, name::*, time::*};
