//! A question asked once more, with the wish that nobody looks at DNSSEC on the way (CD, RFC 4035 section 3.2.2): servers that
//! do look say of what is forged only that something went wrong, and when they say more with this wish, that was it.
//!
//! What comes back is never used for anything else.

use std::sync::Arc;

use hickory_resolver::config::{NameServerConfig, ResolverOpts};
use hickory_resolver::net::xfer::{DnsHandle as _, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{
    DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode,
};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};

use crate::asked::Question;
use crate::sockets::FewSockets;

/// Who asks in this way.
pub struct Unchecked(NameServerPool<FewSockets>);

impl Unchecked {
    pub fn new(
        servers: Vec<NameServerConfig>,
        options: ResolverOpts,
        sockets: FewSockets,
    ) -> Result<Self, NetError> {
        let context = Arc::new(PoolContext::new(options, TlsConfig::new()?));
        Ok(Self(NameServerPool::from_config(servers, context, sockets)))
    }

    /// Whether there is an answer to a question that was answered so: then it was DNSSEC that made the servers keep it back.
    pub async fn explains(&self, question: &Question, error: &NetError) -> bool {
        let NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) = error else {
            return false;
        };
        match self.ask(question, true).await {
            Ok(_) | Err(NetError::Dns(DnsError::NoRecordsFound(_))) => {}
            Err(_) => return false,
        }
        // It may have been a fault that is over by now.
        self.ask(question, false).await.is_err_and(|again| {
            matches!(
                again,
                NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail))
            )
        })
    }

    async fn ask(&self, question: &Question, unchecked: bool) -> Result<DnsResponse, NetError> {
        let query = Query::query(question.name.clone(), question.kind);
        let mut request = DnsRequest::from_query(query, DnsRequestOptions::default());
        request.metadata.checking_disabled = unchecked;
        self.0.send(request).first_answer().await
    }
}
