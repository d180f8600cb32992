//! What every store must do, as tests to run against yours.
//!
//! Each rule is a function that takes an empty [`Storage`](crossauth_core::storage::Storage) and
//! panics where the rule is broken. [`store_tests!`](crate::store_tests) makes one test of each.
//!
//! The storage under test normalises names in one of the two ways that ignore case, and holds the
//! application fields of [`USER_FIELDS`] and [`KEY_FIELDS`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken rule is reported by panicking")]
#![expect(clippy::missing_panics_doc, reason = "said once, above")]

pub mod data;
pub mod key;
mod sample;
pub mod session;
pub mod user;

/// Application fields of users that the rules use, with their SQL types.
pub const USER_FIELDS: [(&str, &str); 4] = [
    ("phone", "varchar(128)"),
    ("visits", "integer"),
    ("score", "double precision"),
    ("newsletter", "boolean"),
];

/// Application fields of keys that the rules use, with their SQL types.
pub const KEY_FIELDS: [(&str, &str); 3] =
    [("name", "varchar(128)"), ("uses", "integer"), ("shared", "boolean")];

/// Makes a test of every rule, in one module for each store.
///
/// Takes the name of an async function without arguments. What it returns has a method `storage()`
/// that gives a [`Storage`](crossauth_core::storage::Storage) holding nothing, and is dropped after
/// the test. The crate it is used in needs Tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_tests {
    ($make:ident) => {
        $crate::store_tests!(@suite user $make;
            inserted_user_is_found_by_id_name_and_address,
            absent_user_is_not_found,
            names_and_addresses_are_found_in_any_spelling,
            taken_name_or_address_conflicts,
            conflict_leaves_nothing_behind,
            users_without_an_address_do_not_conflict,
            one_of_many_inserts_of_a_name_wins,
            user_may_have_no_secrets,
            missing_fields_stay_and_null_clears,
            renamed_user_is_found_under_the_new_name_only,
            user_may_take_another_spelling_of_the_same_name,
            update_to_a_taken_name_changes_nothing,
            update_of_an_absent_user_finds_none,
            secrets_are_merged,
            secrets_may_be_added_later,
            password_is_replaced_only_if_it_is_the_old_one,
            one_of_many_password_replacements_wins,
            deleted_user_takes_secrets_keys_and_sessions_along,
            deleting_an_absent_user_does_nothing,
            ids_are_not_reused,
            users_are_listed_in_pages,
            admins_are_noticed,
            every_state_survives,
            application_fields_survive,
            application_fields_are_updated_one_by_one,
            hostile_text_survives,
        );
        $crate::store_tests!(@suite key $make;
            inserted_key_is_found_whole,
            values_are_compared_exactly,
            taken_value_conflicts_and_the_first_key_stays,
            missing_fields_stay_and_null_clears,
            update_of_an_absent_key_finds_none,
            key_is_taken_once,
            one_of_many_takers_gets_the_key,
            deleting_one_key_leaves_the_others,
            all_keys_of_exactly_one_owner_are_deleted,
            prefix_is_plain_text,
            excepted_key_stays,
            delete_matching_wants_every_field,
            delete_matching_knows_null,
            delete_matching_chooses_by_application_field,
            filter_without_fields_matches_none,
            keys_of_exactly_one_owner_are_listed_newest_first,
            list_ends_at_a_thousand,
            touch_moves_forward_only,
            purge_removes_expired_keys_up_to_its_limit,
            application_fields_survive,
            hostile_text_survives,
        );
        $crate::store_tests!(@suite data $make;
            data_is_changed_by_path,
            data_that_cannot_be_changed_stays,
            no_change_to_data_is_lost,
            data_is_kept_as_it_is,
        );
        $crate::store_tests!(@suite session $make;
            session_is_found_with_its_user,
            anonymous_session_has_no_user,
            absent_session_is_not_found,
            session_shows_its_user_as_they_are_now,
            disabled_user_is_turned_away,
            session_of_a_deleted_user_is_not_found,
            start_replaces_the_old_session_and_password_reset_keys,
            session_starts_if_the_password_is_still_the_checked_one,
            changed_password_stops_the_session_and_changes_nothing,
            session_of_an_absent_user_does_not_start,
            anonymous_session_starts,
            taken_value_conflicts_and_changes_nothing,
        );
    };
    (@suite $suite:ident $make:ident; $($rule:ident,)*) => {
        mod $suite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    let made = super::$make().await;
                    $crate::conformance::$suite::$rule(&made.storage()).await;
                }
            )*
        }
    };
}
