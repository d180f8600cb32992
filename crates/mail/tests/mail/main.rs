//! Sending to a real mail server and to a gateway that plays Twilio.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod smtp;
mod twilio;
