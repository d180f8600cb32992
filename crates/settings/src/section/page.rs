//! The files of pages.

use std::collections::BTreeMap;

use super::{Site, section};
use crate::kind::{Optional, Text};
use crate::rule::Rules;

macro_rules! pages {
    ($( $(#[doc = $doc:literal])+ $key:literal: $field:ident $(, $upstream:literal)?; )+) => {
        /// The files of pages in the directory of templates, where they have other names.
        #[derive(Debug, Clone, Default)]
        #[non_exhaustive]
        pub struct PageFiles {
            $( $(#[doc = $doc])+ pub $field: Option<String>, )+
        }

        section! { PageFiles { $(
            $(#[doc = $doc])+
            $key: Optional<Text> => $field $(, upstream $upstream)?;
        )+ } }

        impl PageFiles {
            /// Those that are set, with their keys.
            fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
                let all = [$( ($key, self.$field.as_ref()) ),+];
                all.into_iter().filter_map(|(key, file)| Some((key, file?)))
            }
        }
    };
}

pages! {
    /// The file of the login page in the directory `templates`. If not set, `login.html`,
    /// `login.njk` or `login.jinja2`; in the same way for the other pages.
    "pages.login": login, "LOGIN_PAGE";
    /// The file of the page `factor2`.
    "pages.factor2": factor2, "FACTOR2_PAGE";
    /// The file of the page `signup`.
    "pages.signup": signup, "SIGNUP_PAGE";
    /// The file of the page `configurefactor2`.
    "pages.configurefactor2": configure_factor2, "SIGNUP_FACTOR2_PAGE";
    /// The file of the page `changefactor2`.
    "pages.changefactor2": change_factor2, "CHANGE_FACTOR2_PAGE";
    /// The file of the page `changepassword`.
    "pages.changepassword": change_password, "CHANGE_PASSWORD_PAGE";
    /// The file of the page `updateuser`.
    "pages.updateuser": update_user, "UPDATE_USER_PAGE";
    /// The file of the page `deleteuser`.
    "pages.deleteuser": delete_user, "DELETE_USER_PAGE";
    /// The file of the page `requestpasswordreset`.
    "pages.requestpasswordreset": request_password_reset, "REQUEST_PASSWORD_RESET_PAGE";
    /// The file of the page `resetpassword`.
    "pages.resetpassword": reset_password, "RESET_PASSWORD_PAGE";
    /// The file of the page `emailverified`.
    "pages.emailverified": email_verified, "EMAIL_VERIFIED_PAGE";
    /// The file of the page `admin/selectuser`.
    "pages.admin_selectuser": admin_select_user, "ADMIN_SELECT_USER_PAGE";
    /// The file of the page `admin/createuser`.
    "pages.admin_createuser": admin_create_user, "ADMIN_CREATE_USER_PAGE";
    /// The file of the error page.
    "pages.error": error, "ERROR_PAGE";
}

impl PageFiles {
    /// The files by the name of the page.
    pub(crate) fn by_page(&self) -> BTreeMap<String, String> {
        let page = |key: &str| key.trim_start_matches("pages.").replace("admin_", "admin/");
        self.all().map(|(key, file)| (page(key), file.clone())).collect()
    }

    pub(crate) fn check(&self, site: &Site, rules: &mut Rules<'_>) {
        for (key, file) in self.all() {
            let directory = site.config.templates.as_ref();
            let exists = directory.is_some_and(|directory| directory.join(file).is_file());
            let reason = "there is no such file in the directory `templates`";
            rules.require(exists, &[key, "templates"], reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_administration_are_in_a_folder() {
        let file = || Some("a.njk".to_owned());
        let files = PageFiles { login: file(), admin_select_user: file(), ..PageFiles::default() }
            .by_page();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["admin/selectuser", "login"]);
    }
}
