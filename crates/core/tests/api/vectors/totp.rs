use crossauth_core::clock::Timestamp;
use crossauth_core::crypto::{TotpSecret, TotpWindow};
use crossauth_core::error::ErrorCode;

use super::Case;

fn secret(case: &Case) -> TotpSecret {
    TotpSecret::parse(case.text("secret")).unwrap()
}

fn time(case: &Case, name: &str) -> Timestamp {
    Timestamp::from_secs(case.number(name))
}

pub(crate) fn code(case: &Case) {
    case.assert_writes(secret(case).code(time(case, "time")));
}

pub(crate) fn verify(case: &Case) {
    let code = match case.find_text("code") {
        Some(code) => code.to_owned(),
        None => secret(case).code(time(case, "code_time")),
    };
    let step = secret(case).verify(&code, time(case, "time"), TotpWindow::Exact);
    case.assert_reads(step.map(|_| true.into()).ok_or(ErrorCode::InvalidToken));
}

pub(crate) fn uri(case: &Case) {
    case.assert_writes(secret(case).uri(case.text("appName"), case.text("username")));
}
