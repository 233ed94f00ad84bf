//! The connections to name servers: hickory's, with a bound on its waits and a look at each response.
//!
//! hickory-resolver 0.26 adds 150 ms to a name server's assumed round trip for each answer that says "no such name", up
//! to 5 s, then waits 1.2 times that before it repeats a question whose packet was lost. A list with many dead domains
//! makes a few lost packets cost seconds each. Nothing in its settings limits that wait, so the connections it uses are
//! ours: they lower the wait as it is passed down. They also pass on no response that says something to another
//! question ([`super::checked`]).

use std::net::IpAddr;
use std::pin::Pin;

use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, DnsResponseStream, FirstAnswer};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions};
use hickory_resolver::{ConnectionProvider, PoolContext};

use super::checked::{Whose, checked};
use crate::model::limits;

/// tokio's connections, with a bound on the wait before a question is repeated, and each response checked.
#[derive(Clone, Default)]
pub(super) struct Capped {
    tokio: TokioRuntimeProvider,
    whose: Whose,
}

impl Capped {
    /// Connections to servers of this kind.
    pub(super) fn to(whose: Whose) -> Self {
        Capped {
            tokio: TokioRuntimeProvider::default(),
            whose,
        }
    }
}

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
        let connection = self.tokio.new_connection(ip, config, cx)?;
        let whose = self.whose;
        Ok(Box::pin(async move {
            Ok(CappedConnection {
                exchange: connection.await?,
                whose,
            })
        }))
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.tokio
    }
}

/// A connection to a name server.
#[derive(Clone)]
pub(super) struct CappedConnection {
    exchange: DnsExchange<TokioRuntimeProvider>,
    whose: Whose,
}

impl DnsHandle for CappedConnection {
    type Response = DnsResponseStream;
    type Runtime = TokioRuntimeProvider;

    fn is_verifying_dnssec(&self) -> bool {
        self.exchange.is_verifying_dnssec()
    }

    fn is_using_edns(&self) -> bool {
        self.exchange.is_using_edns()
    }

    fn send(&self, mut request: DnsRequest) -> Self::Response {
        cap(request.options_mut());
        // Whether it has validated the answer: a resolver that can tell says so when it is asked (RFC 6840 §5.7).
        request.metadata.authentic_data = true;
        let asked = request.queries.first().cloned();
        let (answer, whose) = (self.exchange.send(request).first_answer(), self.whose);
        DnsResponseStream::from(Box::pin(async move {
            let response = answer.await?;
            match asked {
                Some(asked) => checked(&asked, whose, response),
                None => Ok(response),
            }
        }))
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
