//! What a directory is like, and what it says about a name: for reports.

use std::net::SocketAddr;

use crossauth_core::clock::Timestamp;
use crossauth_core::directory::{DirectoryError, Entry, EntryRef, EntryRefusal};

use crate::certificate::{expiry, generalized_time};
use crate::connection::Connection;
use crate::directory::{Located, Reader};
use crate::message::{Search, printable};
use crate::pool::Turn;
use crate::server::Server;
use crate::{LdapDirectory, RawEntry, standing};

/// What each step of a login finds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examination {
    /// The servers, in the order in which they are tried.
    pub servers: Vec<ServerExamination>,
    /// The entry.
    pub finding: Finding,
}

/// What one server is like.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerExamination {
    /// Its URL.
    pub url: String,
    /// The address that accepted the connection.
    pub address: Option<SocketAddr>,
    /// The version of TLS, such as `TLSv1_3`; `None` without TLS.
    pub tls: Option<String>,
    /// When its certificate expires.
    pub certificate_expiry: Option<Timestamp>,
    /// What it says that it is. `None` for a server that does not say, such as OpenLDAP.
    pub product: Option<String>,
    /// Its clock. Only Active Directory shows it.
    pub time: Option<Timestamp>,
    /// Whether it changes passwords as RFC 3062 says.
    pub changes_passwords: bool,
    /// Why it cannot be used: it cannot be reached, its certificate is not valid, or it refuses the
    /// service account.
    pub problem: Option<DirectoryError>,
}

/// What a name has in the directory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Finding {
    /// The search failed.
    Failed(DirectoryError),
    /// The distinguished name is this one, but only its password would tell whether it exists: there
    /// is no service account.
    Unread(String),
    /// No entry.
    NotFound,
    /// Several entries, with these distinguished names: none of them can log in.
    Ambiguous(Vec<String>),
    /// One entry.
    Found(Box<FoundEntry>),
}

/// An entry, and what it becomes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FoundEntry {
    /// The distinguished name.
    pub dn: String,
    /// What identifies it.
    pub id: Option<String>,
    /// The attributes that were read, as text.
    pub attributes: Vec<(String, Vec<String>)>,
    /// The distinguished names of its groups, if groups mean anything.
    pub groups: Vec<String>,
    /// The account that it becomes, or why it becomes none.
    pub account: Result<Entry, String>,
    /// Why it may not log in, even with its password.
    pub refusal: Option<EntryRefusal>,
    /// Which attribute says that it is disabled.
    pub disabled: Option<&'static str>,
}

impl LdapDirectory {
    /// Connects to each server, and authenticates as the service account. Changes nothing.
    pub async fn examine_servers(&self) -> Vec<ServerExamination> {
        let mut servers = Vec::new();
        for server in self.pool.servers() {
            servers.push(self.examine_server(server).await);
        }
        servers
    }

    /// Looks up a name step by step, for a person who wants to know why a user can or cannot log in:
    /// each server, TLS, the service account, the entry, its groups, and what it becomes. Changes
    /// nothing.
    pub async fn examine(&self, name: &str) -> Examination {
        let servers = self.examine_servers().await;
        let finding = match self.look_up(name).await {
            Ok(finding) => finding,
            Err(error) => Finding::Failed(error),
        };
        Examination { servers, finding }
    }

    async fn examine_server(&self, server: &Server) -> ServerExamination {
        let mut examination = ServerExamination {
            url: server.url.clone(),
            address: None,
            tls: None,
            certificate_expiry: None,
            product: None,
            time: None,
            changes_passwords: false,
            problem: None,
        };
        match self.pool.connect(server).await {
            Err(error) => examination.problem = Some(error),
            Ok(mut connection) => {
                examination.problem = self.inspect(&mut connection, &mut examination).await.err();
                connection.close().await;
            }
        }
        examination
    }

    async fn inspect(
        &self,
        connection: &mut Connection,
        examination: &mut ServerExamination,
    ) -> Result<(), DirectoryError> {
        const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
        examination.address = Some(connection.address());
        if let Some(tls) = connection.tls() {
            examination.tls = tls.protocol_version().map(|version| format!("{version:?}"));
            let certificates = tls.peer_certificates();
            examination.certificate_expiry = certificates.and_then(|chain| expiry(chain.first()?));
        }
        self.pool.authenticate(connection).await?;
        let names = ["vendorName", "vendorVersion", "currentTime", "supportedExtension"];
        let root = Search::entry("", names.map(str::to_owned).to_vec());
        // A server may hide this entry.
        let Some(root) = connection.search(&root).await?.entries.into_iter().next() else {
            return Ok(());
        };
        let product: Vec<_> = ["vendorName", "vendorVersion"]
            .into_iter()
            .filter_map(|name| root.text(name))
            .collect();
        examination.product =
            (!product.is_empty()).then(|| printable(product.join(" ").as_bytes()));
        examination.time = root.text("currentTime").and_then(generalized_time);
        examination.changes_passwords =
            root.texts("supportedExtension").any(|name| name == PASSWORD_MODIFY);
        Ok(())
    }

    async fn look_up(&self, name: &str) -> Result<Finding, DirectoryError> {
        if self.pool.service().is_none() && self.lookup.is_template() {
            let dn = self.lookup.dn(name).map(|dn| dn.as_str().to_owned());
            return Ok(dn.map_or(Finding::NotFound, Finding::Unread));
        }
        let turn = self.pool.turn().await?;
        match self.locate(&turn, EntryRef::named(name)).await? {
            Located::None | Located::Elsewhere => Ok(Finding::NotFound),
            Located::Several(names) => Ok(Finding::Ambiguous(names)),
            Located::One(raw) => Ok(Finding::Found(Box::new(self.describe(&turn, &raw).await?))),
        }
    }

    async fn describe(
        &self,
        turn: &Turn<'_>,
        raw: &RawEntry,
    ) -> Result<FoundEntry, DirectoryError> {
        let memberships = self.mapping.groups.find(&mut Reader::Service(turn), raw).await?;
        let mapped = self.mapping.apply(raw, &memberships);
        let refusal = match &mapped {
            Ok(mapped) => mapped.refusal,
            Err(_) => Some(EntryRefusal::Unusable),
        };
        let text = |value: &Vec<u8>| printable(value);
        let attributes = raw
            .attributes()
            .map(|(name, values)| (name.to_owned(), values.iter().map(text).collect()));
        Ok(FoundEntry {
            dn: raw.dn().to_owned(),
            id: self.mapping.identity.of(raw),
            attributes: attributes.collect(),
            groups: memberships.names(),
            account: mapped.map(|mapped| mapped.entry).map_err(|problem| problem.to_string()),
            refusal,
            disabled: standing::disabled(raw, self.mapping.now()),
        })
    }
}
