//! Any bytes as what a mail host says in a whole conversation, however it cuts them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use presend::smtp::connection::Connection;
use presend::smtp::session::{Batch, BatchPace, Opened, Opening, Privacy};
use presend::smtp::{Charset, Command};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A host that says the same whatever it is told. The first two bytes of a script say how it cuts the rest; a zero
/// among them ends what it says for now, until we have said something.
struct Host {
    script: Vec<u8>,
    said: usize,
    step: usize,
    waits: bool,
    closes: bool,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Host {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waits {
            return Poll::Pending;
        }
        let left = &self.script[self.said..];
        if left.is_empty() {
            // The wait for a reply ends by the clock.
            return if self.closes {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
        }
        let until = left.iter().position(|byte| *byte == 0);
        let take = until
            .unwrap_or(left.len())
            .min(self.step)
            .min(buffer.remaining());
        buffer.put_slice(&left[..take]);
        self.said += take;
        if self.script.get(self.said) == Some(&0) {
            self.said += 1;
            self.waits = true;
            if take == 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Host {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.waits = false;
        self.heard
            .lock()
            .expect("one thread")
            .extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
});

/// Carries out an opening, two transactions and a farewell with such a host, in every pace.
pub fn run(data: &[u8]) {
    let [cut, how, script @ ..] = data else {
        return;
    };
    for pace in [BatchPace::Together, BatchPace::OneByOne, BatchPace::Fenced] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let host = Host {
            script: script.to_vec(),
            said: 0,
            step: usize::from(*cut).max(1),
            waits: false,
            closes: how % 2 == 0,
            heard: Arc::clone(&heard),
        };
        RUNTIME.block_on(converse(host, pace, usize::from(how / 2 % 3)));
        let heard = String::from_utf8(heard.lock().expect("one thread").clone());
        // Where encryption was taken up, bytes follow that are no commands.
        let Ok(heard) = heard else { continue };
        for line in heard
            .split_terminator("\r\n")
            .take_while(|line| *line != "STARTTLS")
        {
            let word = line.split(' ').next().unwrap_or_default();
            assert!(
                ["EHLO", "HELO", "MAIL", "RCPT", "RSET", "QUIT"].contains(&word),
                "we said {line:?}"
            );
        }
    }
}

async fn converse(host: Host, pace: BatchPace, privacy: usize) {
    let privacy = [Privacy::WhenOffered, Privacy::Required, Privacy::Never][privacy];
    let mut opening = Opening::new("me.example".parse().expect("a name"), privacy);
    let connection = Connection::new(Box::new(host))
        .carry_out(&mut opening)
        .await;
    let (Some(mut connection), Opened::Ready { .. }) = (connection, opening.into_end()) else {
        return;
    };
    let mailbox = |name: &str| format!("{name}@example.net").parse().expect("a mailbox");
    let mail = || Command::Mail {
        sender: Some(mailbox("me")),
        charset: Charset::Ascii,
    };
    let batches = [
        vec![
            mail(),
            Command::Rcpt(mailbox("ann")),
            Command::Rcpt(mailbox("bo")),
        ],
        vec![Command::Rset, mail(), Command::Rcpt(mailbox("cy"))],
        vec![Command::Quit],
    ];
    for commands in batches {
        let count = commands.len();
        let mut batch = Batch::new(commands, pace);
        match connection.carry_out(&mut batch).await {
            Some(same) => connection = same,
            None => return,
        }
        let whole = batch.is_whole();
        let out_of_step = batch.is_out_of_step();
        let answers = batch.into_answers();
        assert_eq!(answers.len(), count);
        if !whole || out_of_step {
            return;
        }
    }
    connection.until_closed().await;
}
