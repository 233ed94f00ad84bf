//! Keeps hickory from waiting ever longer before it asks a silent name server again.
//!
//! hickory-resolver 0.26 adds 150 ms to a name server's assumed round trip for each answer that says "no such name", up
//! to 5 s, then waits 1.2 times that before it repeats a question whose packet was lost. A list with many dead domains
//! makes a few lost packets cost seconds each. Nothing in its settings limits that wait, so the connections it uses are
//! ours: they lower the wait as it is passed down.

use std::net::IpAddr;
use std::pin::Pin;

use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions};
use hickory_resolver::{ConnectionProvider, PoolContext};

use crate::model::limits;

/// tokio's connections, with a bound on the wait before a question is repeated.
#[derive(Clone, Default)]
pub(super) struct Capped(TokioRuntimeProvider);

impl ConnectionProvider for Capped {
    type Conn = CappedConnection;
    type FutureConn = Pin<Box<dyn Future<Output = Result<CappedConnection, NetError>> + Send>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        cx: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let connection = self.0.new_connection(ip, config, cx)?;
        Ok(Box::pin(
            async move { Ok(CappedConnection(connection.await?)) },
        ))
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.0
    }
}

/// A connection to a name server.
#[derive(Clone)]
pub(super) struct CappedConnection(DnsExchange<TokioRuntimeProvider>);

impl DnsHandle for CappedConnection {
    type Response = <DnsExchange<TokioRuntimeProvider> as DnsHandle>::Response;
    type Runtime = TokioRuntimeProvider;

    fn is_verifying_dnssec(&self) -> bool {
        self.0.is_verifying_dnssec()
    }

    fn is_using_edns(&self) -> bool {
        self.0.is_using_edns()
    }

    fn send(&self, mut request: DnsRequest) -> Self::Response {
        cap(request.options_mut());
        self.0.send(request)
    }
}

/// Lowers the wait before a question is repeated to what we allow.
fn cap(options: &mut DnsRequestOptions) {
    options.retry_interval = options.retry_interval.min(limits::DNS_REPEAT_WAIT);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_server_that_says_no_often_is_asked_again_as_soon_as_any_other() {
        let mut options = DnsRequestOptions::default();
        options.retry_interval = Duration::from_secs(5);
        cap(&mut options);
        assert_eq!(options.retry_interval, limits::DNS_REPEAT_WAIT);
        options.retry_interval = Duration::from_millis(50);
        cap(&mut options);
        assert_eq!(options.retry_interval, Duration::from_millis(50));
    }
}
