//! All sections together.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use crossauth_axum::{BodyLimits, Builder, Crossauth, RequestConfig, SiteConfig};
use crossauth_core::AuthConfig;
use crossauth_core::api_key::ApiKeyConfig;
use crossauth_core::audit::AuditConfig;
use crossauth_core::directory::DirectoryConfig;
use crossauth_core::email_link::Activation;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::error::Numbering;
use crossauth_core::factor::FactorConfig;
use crossauth_core::limit::LimitConfig;
use crossauth_core::outbox::{Delivery, MailTransport, Preview, SmsTransport};
use crossauth_core::password::HasherConfig;
use crossauth_core::password_reset::PasswordResetConfig;
use crossauth_core::secret::ServerSecret;
use crossauth_core::session::SessionConfig;
use crossauth_mail::{MessageFiles, Smtp, TemplateConfig, Templates};
#[cfg(feature = "ldap")]
use crossauth_storage_ldap::LdapDirectory;

use crate::entry::{Entries, Reader};
use crate::problem::Problem;
use crate::program::Program;
use crate::rule::Rules;
use crate::section::{
    Connections, Cookies, Database, Ldap, Log, Mail, Metrics, PageFiles, Passwords, SecondFactors,
    Section, Server, SessionServer, Setting, Shutdown, Signup, Site, Sms, Tables,
    email_verification, limit, password_reset,
};

macro_rules! sections {
    ($( $(#[doc = $doc:literal])+ $field:ident: $type:ty, $program:ident; )+) => {
        /// The settings in effect, checked individually and against each other.
        #[derive(Debug, Clone, Default)]
        #[non_exhaustive]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        /// The sections in the order of the reference page, each with the program that uses it.
        const SECTIONS: &[(Program, &[Setting])] =
            &[ $( (Program::$program, <$type as Section>::SETTINGS) ),+ ];

        impl Settings {
            fn read(&mut self, reader: &mut Reader<'_>) {
                $( self.$field.read(reader); )+
            }
        }
    };
}

sections! {
    /// URL, name, secret and pages of the site.
    site: Site, Application;
    /// The files of pages.
    pages: PageFiles, Application;
    /// Accepted proxies, hosts and origins of requests.
    requests: RequestConfig, Application;
    /// Listening address and data directory of the server.
    server: Server, Server;
    /// Location and schema of the server's database.
    database: Database, Server;
    /// The server of sessions and counters, beside the database.
    sessions: SessionServer, Server;
    /// Sign-up.
    signup: Signup, Application;
    /// Sessions.
    session: SessionConfig, Application;
    /// Cookies and the CSRF header.
    cookies: Cookies, Application;
    /// Password hashing.
    passwords: Passwords, Application;
    /// Second factors.
    second_factors: SecondFactors, Application;
    /// The directory whose users log in with their password there.
    ldap: Ldap, Application;
    /// The mail server, and what e-mails are made of.
    mail: Mail, Application;
    /// The gateway for text messages.
    sms: Sms, Application;
    /// Verification of e-mail addresses.
    email_verification: EmailVerificationConfig, Application;
    /// Reset of passwords by e-mail.
    password_reset: PasswordResetConfig, Application;
    /// API keys.
    api_keys: ApiKeyConfig, Application;
    /// Limits of attempts and messages.
    limits: LimitConfig, Application;
    /// Limits of request bodies.
    bodies: BodyLimits, Application;
    /// The audit log.
    audit: AuditConfig, Application;
    /// Limits of the server's connections.
    connections: Connections, Server;
    /// Graceful shutdown.
    shutdown: Shutdown, Server;
    /// Logging.
    log: Log, Server;
    /// Metrics.
    metrics: Metrics, Server;
}

impl Settings {
    /// Applies entries to the defaults and checks the rules.
    pub(crate) fn from_entries(
        program: Program,
        entries: &Entries,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) -> Self {
        let mut settings = Self::default();
        settings.read(&mut Reader::new(entries, problems));
        settings.check(program, &mut Rules::new(entries, problems, warnings));
        settings
    }

    fn check(&self, program: Program, rules: &mut Rules<'_>) {
        self.site.check(rules);
        self.pages.check(&self.site, rules);
        if program == Program::Server {
            self.server.check(&self.site, rules);
            self.database.check(rules);
            self.sessions.check(self.database.tables, rules);
            self.metrics.check(&self.server, rules);
        }
        self.cookies.check(&self.site, rules);
        self.passwords.check(self.database.tables, rules);
        self.ldap.check(&self.signup, rules);
        self.mail.check(rules);
        self.sms.check(rules);
        self.second_factors.check(&self.site, &self.mail, &self.sms, rules);
        let can_send = self.mail.can_send() || self.site.dev;
        email_verification::check(&self.email_verification, can_send, rules);
        let has_email = match self.email_verification.activation {
            Activation::On => true,
            Activation::WhereMailCanBeSent => can_send,
            Activation::Off => false,
        };
        self.second_factors.check_signup(&self.signup, has_email, rules);
        password_reset::check(&self.password_reset, can_send, rules);
        limit::check(&self.bodies, rules);
    }

    /// The configuration of the hasher.
    pub fn hasher(&self) -> HasherConfig {
        self.passwords.hasher(self.database.tables)
    }

    /// The configuration of second factors.
    pub fn factors(&self) -> FactorConfig {
        FactorConfig {
            device_lifetime: self.cookies.device_lifetime(),
            ..self.second_factors.config(&self.site, &self.mail, &self.sms)
        }
    }

    /// The configuration of the use cases alone, for commands that manage accounts.
    pub fn auth_config(&self, secret: ServerSecret) -> AuthConfig {
        AuthConfig {
            signature_form: self.cookies.config.signature_form,
            session: self.session.clone(),
            hasher: self.hasher(),
            password_policy: self.passwords.policy.clone().for_site(&self.site.config.name),
            signup: self.signup.config.clone(),
            factors: self.factors(),
            audit: self.audit.clone(),
            api_keys: self.api_keys.clone(),
            limits: self.limits.clone(),
            ..AuthConfig::new(secret)
        }
    }

    /// How messages are rendered and sent. In development, they are shown instead.
    pub fn delivery(&self) -> Result<Delivery, Box<dyn Error + Send + Sync>> {
        let templates = TemplateConfig {
            directory: self.site.config.templates.clone(),
            reload: self.site.config.reload_templates || self.site.dev,
            files: self.message_files(),
        };
        let mail = self.mail.transport()?.map(|smtp| Arc::new(smtp) as Arc<dyn MailTransport>);
        let sms = self.sms.transport()?.map(|twilio| Arc::new(twilio) as Arc<dyn SmsTransport>);
        let renderer = Arc::new(Templates::new(templates)?);
        let preview = self.site.dev.then(Preview::new);
        Ok(Delivery { renderer, mail, sms, preview, ..Delivery::default() })
    }

    /// The mail server, if one is set. Connects to nothing.
    pub fn mail_server(&self) -> Result<Option<Smtp>, Box<dyn Error + Send + Sync>> {
        Ok(self.mail.transport()?)
    }

    /// The directory whose users log in with their password there; `None` if there is none. Connects
    /// to nothing.
    pub fn directory(&self) -> Result<Option<DirectoryConfig>, Box<dyn Error + Send + Sync>> {
        let directory = self.ldap.port()?;
        Ok(directory.map(|directory| DirectoryConfig {
            first_login: self.ldap.first_login,
            check_interval: self.ldap.check_interval(),
            ..DirectoryConfig::new(directory)
        }))
    }

    /// The client of the directory, if one is set. Connects to nothing.
    #[cfg(feature = "ldap")]
    pub fn ldap_directory(&self) -> Result<Option<LdapDirectory>, Box<dyn Error + Send + Sync>> {
        Ok(self.ldap.directory()?)
    }

    fn message_files(&self) -> BTreeMap<&'static str, MessageFiles> {
        let code = MessageFiles { sms: self.sms.body.clone(), ..self.mail.code.clone() };
        BTreeMap::from([
            ("email_verification", self.mail.verification.clone()),
            ("password_reset", self.mail.reset.clone()),
            ("login_code", code),
        ])
    }

    /// A builder with these settings. The storage must still be set, and the secret if the settings
    /// have none.
    pub fn builder(&self) -> Builder {
        let site = &self.site;
        let reload_templates = site.config.reload_templates || site.dev;
        let error_codes = match self.database.tables {
            Tables::CrossauthJs => Numbering::TypeScript,
            Tables::PyCrossauth | Tables::Crossauth => Numbering::Python,
        };
        let builder = Crossauth::builder()
            .site(SiteConfig {
                reload_templates,
                page_files: self.pages.by_page(),
                error_codes: site.error_codes.unwrap_or(error_codes),
                admin_endpoints: site.admin_endpoints.unwrap_or(site.config.admin_endpoints),
                ..site.config.clone()
            })
            .cookies(self.cookies.config(self.database.tables))
            .requests(self.requests.clone())
            .body_limits(self.bodies)
            .session(self.session.clone())
            .signup(self.signup.config.clone())
            .signup_fields(self.signup.fields.clone())
            .factors(self.factors())
            .protected_endpoints(self.second_factors.protected.clone())
            .email_verification(self.email_verification.clone())
            .password_reset(self.password_reset.clone())
            .audit(self.audit.clone())
            .api_keys(self.api_keys.clone())
            .limits(self.limits.clone())
            .hasher(self.hasher())
            .checked_delivery(self.delivery())
            .checked_directory(self.directory())
            .password_policy(self.passwords.policy.clone());
        match &site.secret {
            Some(secret) => builder.secret(secret.expose()),
            None => builder,
        }
    }
}

/// The settings of a program.
impl Program {
    /// In the order of the reference page.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> + Clone {
        let sections = SECTIONS.iter().filter(move |(program, _)| self.has(*program));
        sections.flat_map(|(_, settings)| settings.iter())
    }

    fn has(self, section: Self) -> bool {
        self == Self::Server || section == Self::Application
    }

    /// The setting of this name in the file.
    pub(crate) fn find(self, key: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.is_called(key))
    }
}
