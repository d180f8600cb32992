//! The contract of every store, as tests to run against an implementation.
//!
//! Each rule is a function that takes an empty [`Storage`](crossauth_core::storage::Storage) and
//! panics if the rule is violated. There is one suite for each port:
//! [`user_store_tests!`](crate::user_store_tests), [`key_store_tests!`](crate::key_store_tests),
//! [`session_store_tests!`](crate::session_store_tests),
//! [`outbox_store_tests!`](crate::outbox_store_tests),
//! [`attempt_store_tests!`](crate::attempt_store_tests) and
//! [`audit_store_tests!`](crate::audit_store_tests). One more,
//! [`use_case_tests!`](crate::use_case_tests), has the use cases compete for what works once.
//! [`store_tests!`](crate::store_tests) runs all of them. A rule that is in no suite does not
//! compile.
//!
//! To add a rule, write a `pub async fn` in the module of its subject and name it in the suite
//! below.
//!
//! The storage under test uses one of the two normalizations that ignore case, and has the
//! application fields of [`USER_FIELDS`] and [`KEY_FIELDS`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "a violated rule is reported by panicking")]
// A rule that is in no suite is dead code.
#![deny(dead_code)]

mod attempt;
mod audit;
mod change;
mod code;
mod data;
mod delivery;
mod effect;
mod guard;
mod key;
mod link;
mod list;
mod named;
mod outbox;
mod sample;
mod session;
mod single_use;
mod site;
mod user;

/// Application fields of users for these tests, with their SQL types.
pub const USER_FIELDS: [(&str, &str); 4] = [
    ("phone", "varchar(128)"),
    ("visits", "integer"),
    ("score", "double precision"),
    ("newsletter", "boolean"),
];

/// Application fields of keys for these tests, with their SQL types.
pub const KEY_FIELDS: [(&str, &str); 3] =
    [("name", "varchar(128)"), ("uses", "integer"), ("shared", "boolean")];

/// Defines the macro of a suite. Rules that are `raced` run on several threads, the others on one.
macro_rules! suite {
    (
        ($d:tt) $(#[$doc:meta])* $macro:ident
        $($module:ident [ $($rule:ident,)* ] raced [ $($raced:ident,)* ])*
    ) => {
        #[doc(hidden)]
        pub mod $macro {
            $(pub mod $module {
                $(pub async fn $rule(storage: &crossauth_core::storage::Storage) {
                    crate::conformance::$module::$rule(storage).await;
                })*
                $(pub async fn $raced(storage: &crossauth_core::storage::Storage) {
                    crate::conformance::$module::$raced(storage).await;
                })*
            })*
        }

        $(#[$doc])*
        ///
        /// Takes the name of an async function without arguments. Its result has a method
        /// `storage()` that returns an empty [`Storage`](crossauth_core::storage::Storage), and is
        /// dropped after the test. The calling crate needs Tokio with `macros` and
        /// `rt-multi-thread`.
        #[macro_export]
        macro_rules! $macro {
            ($d make:ident) => {
                $(mod $module {
                    $(#[tokio::test]
                    async fn $rule() {
                        let made = super::$d make().await;
                        $d crate::conformance::$macro::$module::$rule(&made.storage()).await;
                    })*
                    $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $raced() {
                        let made = super::$d make().await;
                        $d crate::conformance::$macro::$module::$raced(&made.storage()).await;
                    })*
                })*
            };
        }
    };
}

suite! {
    ($)
    /// Generates one test per rule of [`UserStore`](crossauth_core::storage::UserStore).
    user_store_tests
    user [
        created_user_is_found_by_id_name_and_address,
        absent_user_is_not_found,
        ids_are_found_by_name_and_address,
        names_and_addresses_are_found_in_any_spelling,
        taken_name_or_address_is_refused,
        name_that_is_another_users_address_is_taken,
        rejected_user_leaves_no_rows,
        users_without_an_address_do_not_conflict,
        user_without_secrets_is_found,
        ids_are_not_reused,
        time_of_creation_is_kept_or_unknown,
        has_admin_reflects_the_users,
        application_fields_survive,
        hostile_text_survives,
    ]
    raced [
        one_of_many_creations_of_a_name_succeeds,
        one_of_many_concurrent_claims_succeeds,
    ]
    list [
        users_are_listed_in_pages,
        users_are_found_by_the_beginning_of_name_or_address,
        users_are_listed_by_state_and_role,
        hostile_text_is_found,
    ]
    raced []
    change [
        absent_fields_are_kept_and_null_clears,
        renamed_user_is_found_under_the_new_name_only,
        user_may_change_the_spelling_of_the_name,
        change_to_a_taken_name_changes_nothing,
        change_of_an_absent_user_is_reported,
        secrets_are_merged,
        secrets_may_be_added_later,
        every_state_survives,
        application_fields_are_changed_one_by_one,
        event_changes_the_stored_state,
        event_that_the_state_forbids_changes_nothing,
        deletion_removes_secrets_keys_and_sessions,
        deleting_an_absent_user_is_reported,
    ]
    raced [
        disabled_account_is_not_activated_by_a_concurrent_event,
        no_concurrent_change_is_lost,
    ]
    guard [
        password_guard_compares_the_stored_hash,
        credential_guard_fails_after_a_new_password,
        credentials_and_last_administrator_are_checked_together,
        last_administrator_stays,
        disabled_administrators_do_not_count,
        administrators_who_cannot_log_in_do_not_count,
        first_administrator_is_created_while_there_is_none,
        guards_about_an_account_do_not_hold_before_its_creation,
    ]
    raced [
        one_of_many_first_administrators_is_created,
        one_of_many_password_replacements_succeeds,
        one_of_many_administrators_stays,
    ]
    effect [
        token_is_consumed,
        absent_token_changes_nothing,
        absent_token_takes_precedence_over_the_state,
        token_of_another_user_is_not_consumed,
        ended_sessions_are_refused_and_others_stay,
        one_session_may_be_kept,
        session_of_another_user_is_not_kept,
        revoked_kinds_are_removed,
        setup_links_are_revoked_without_an_owner,
        issued_keys_belong_to_the_user,
        issued_key_that_is_taken_changes_nothing,
        issued_session_replaces_another,
        failed_issue_leaves_no_user,
        refused_change_has_no_effect,
    ]
    raced [
        session_that_has_ended_is_not_kept,
        one_token_permits_one_change,
        one_token_permits_one_creation,
        one_token_permits_one_deletion,
    ]
}

suite! {
    ($)
    /// Generates one test per rule of [`KeyStore`](crossauth_core::storage::KeyStore).
    key_store_tests
    key [
        inserted_key_is_found_whole,
        values_are_compared_exactly,
        taken_value_conflicts_and_the_first_key_stays,
        key_without_an_existing_owner_is_refused,
        deleting_one_key_leaves_the_others,
        keys_are_listed_by_owner_and_kind,
        keys_are_listed_in_pages_from_the_newest,
        touch_moves_forward_only,
        touch_corrects_a_use_ahead_of_the_clock,
        purge_removes_expired_keys_up_to_its_limit,
        key_is_found_by_when_it_was_created,
        application_fields_survive,
        hostile_text_survives,
    ]
    raced [
        one_of_many_deletions_finds_the_key,
    ]
    named [
        named_key_is_found_whole,
        hostile_names_survive,
        name_of_another_key_is_taken,
        number_of_named_keys_is_limited,
        expired_named_key_gives_way,
        taken_value_of_a_named_key_conflicts,
        named_key_needs_the_checked_owner,
        message_about_a_named_key_is_sent_if_it_is_stored,
        api_key_is_checked_with_its_owner,
    ]
    raced [
        one_of_many_keys_gets_a_name,
        concurrent_keys_do_not_exceed_their_limit,
    ]
    data [
        data_is_changed_by_path,
        failed_data_change_has_no_effect,
        data_round_trips,
    ]
    raced [
        no_change_to_data_is_lost,
    ]
}

suite! {
    ($)
    /// Generates one test per rule of [`SessionStore`](crossauth_core::storage::SessionStore).
    session_store_tests
    session [
        session_is_found_with_its_user,
        anonymous_session_has_no_user,
        absent_session_is_not_found,
        session_is_found_with_the_current_user,
        disabled_user_is_refused,
        session_of_a_deleted_user_is_not_found,
        start_replaces_the_old_session_and_revokes_the_given_kinds,
        start_without_revocation_removes_no_key,
        session_starts_with_the_checked_credentials,
        changed_password_starts_no_session_and_changes_nothing,
        refused_state_starts_no_session_and_changes_nothing,
        session_of_an_absent_user_does_not_start,
        anonymous_session_starts,
        taken_value_conflicts_and_changes_nothing,
        user_of_a_session_elsewhere_is_found_until_its_end_is_recorded,
    ]
    raced [
        no_session_outlives_a_new_password,
        no_session_begins_for_a_disabled_account,
    ]
    single_use [
        step_is_accepted_only_if_it_is_later_than_the_last,
        steps_of_another_secret_do_not_count,
        steps_of_another_user_do_not_count,
        step_of_a_change_begins_no_session,
        key_is_used_once_and_by_its_owner_only,
        refused_change_uses_nothing_up,
        session_that_must_replace_another_begins_once,
        keys_issued_with_a_session_belong_to_its_user,
        data_is_changed_only_if_it_is_expected,
        messages_of_a_session_are_sent_if_its_data_changes,
    ]
    raced [
        one_step_begins_one_session,
        one_recovery_code_begins_one_session,
        one_pending_session_is_replaced_once,
        one_step_permits_one_change,
        one_waiting_request_is_confirmed_once,
    ]
}

suite! {
    ($)
    /// Generates one test per rule of [`OutboxStore`](crossauth_core::storage::OutboxStore).
    outbox_store_tests
    outbox [
        enqueued_message_is_claimed_whole,
        hostile_text_survives,
        messages_are_claimed_when_they_are_due,
        taken_id_conflicts_and_nothing_is_stored,
        message_is_due_again_when_its_lease_ends,
        sent_message_is_gone,
        failed_message_is_due_later,
        dead_message_is_kept_but_not_sent,
        outcome_of_an_earlier_attempt_does_not_count,
        message_is_queued_again,
        leased_message_that_is_queued_again_keeps_its_lease,
        messages_are_listed_in_pages_from_the_newest,
        purge_removes_old_dead_messages_up_to_its_limit,
        messages_of_an_account_are_sent_if_it_changes,
        message_with_a_taken_id_stops_its_change,
        messages_of_a_session_are_sent_if_it_starts,
    ]
    raced [
        each_message_is_claimed_once_per_lease,
        one_of_many_settlements_finds_the_message,
    ]
}

suite! {
    ($)
    /// Generates one test per rule of [`AttemptStore`](crossauth_core::storage::AttemptStore).
    attempt_store_tests
    attempt [
        attempts_are_refused_after_the_limit,
        counters_of_other_subjects_are_not_charged,
        exhausted_counter_leaves_the_others_uncharged,
        attempts_are_allowed_again_one_by_one,
        counter_from_the_future_is_idle_after_its_window,
        refund_gives_one_attempt_back,
        refund_of_the_last_attempt_deletes_the_counter,
        purge_removes_idle_counters_up_to_its_limit,
        purge_removes_surplus_counters_that_are_idle_first,
    ]
    raced [
        concurrent_attempts_do_not_exceed_the_limit,
    ]
}

suite! {
    ($)
    /// Generates one test per rule of [`AuditStore`](crossauth_core::storage::AuditStore).
    audit_store_tests
    audit [
        events_are_listed_whole,
        hostile_text_survives,
        events_are_listed_in_pages_from_the_newest,
        events_are_listed_by_filter,
        events_of_an_account_are_recorded_if_it_changes,
        event_of_a_new_account_names_it,
        events_of_sessions_and_keys_are_recorded_with_them,
        events_are_chained,
        start_of_the_chain_is_deleted,
        personal_data_is_erased,
    ]
    raced [
        one_of_many_extensions_of_the_chain_succeeds,
        no_concurrent_event_is_lost,
    ]
}

suite! {
    ($)
    /// Generates one test per rule of use cases that compete.
    use_case_tests
    link []
    raced [
        one_verification_link_verifies_once,
        one_change_of_address_is_made_and_taken_back_once,
        one_reset_link_sets_one_password,
        one_token_of_the_application_is_taken_once,
    ]
    code []
    raced [
        one_code_of_an_application_logs_in_once,
        one_code_that_was_sent_logs_in_once,
        one_code_in_a_text_message_logs_in_once,
        one_recovery_code_logs_in_once,
        one_waiting_login_begins_one_session,
        one_waiting_request_is_executed_once,
        one_waiting_factor_is_set_up_once,
    ]
    delivery []
    raced [
        each_message_is_sent_by_one_of_many_workers,
    ]
}

/// Generates one test per rule of all ports, and of the use cases over them.
///
/// See [`user_store_tests!`](crate::user_store_tests) for its argument.
#[macro_export]
macro_rules! store_tests {
    ($make:ident) => {
        $crate::user_store_tests!($make);
        $crate::key_store_tests!($make);
        $crate::session_store_tests!($make);
        $crate::outbox_store_tests!($make);
        $crate::attempt_store_tests!($make);
        $crate::audit_store_tests!($make);
        $crate::use_case_tests!($make);
    };
}
