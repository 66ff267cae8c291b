//! What the system says to a program that runs: end, or read your files anew.
//!
//! Unix: SIGINT and SIGTERM, SIGHUP. Windows: Ctrl-C, Ctrl-Break, the closed window and the shutdown; nothing there asks
//! for files to be read anew.

use std::io;

use system::{Ends, HangUp};

/// Wishes that this process end.
#[derive(Debug)]
pub(super) struct End(Ends);

/// Wishes that files be read anew.
#[derive(Debug)]
pub(super) struct Reload(HangUp);

impl End {
    /// From now on such a wish no longer ends the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        Ends::listen().map(Self)
    }

    /// Waits for the next wish.
    pub(super) async fn asked(&mut self) {
        self.0.next().await;
    }
}

impl Reload {
    /// From now on such a wish no longer ends the process.
    pub(super) fn listen() -> io::Result<Self> {
        HangUp::listen().map(Self)
    }

    /// Waits for the next wish.
    pub(super) async fn asked(&mut self) {
        self.0.next().await;
    }
}

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    #[derive(Debug)]
    pub(super) struct Ends {
        interrupt: Signal,
        terminate: Signal,
    }

    #[derive(Debug)]
    pub(super) struct HangUp(Signal);

    impl Ends {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
        }

        pub(super) async fn next(&mut self) {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
        }
    }

    impl HangUp {
        pub(super) fn listen() -> io::Result<Self> {
            signal(SignalKind::hangup()).map(Self)
        }

        pub(super) async fn next(&mut self) {
            self.0.recv().await;
        }
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
    };

    #[derive(Debug)]
    pub(super) struct Ends {
        interrupt: CtrlC,
        terminate: CtrlBreak,
        closed: CtrlClose,
        shutdown: CtrlShutdown,
    }

    #[derive(Debug)]
    pub(super) struct HangUp;

    impl Ends {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: ctrl_c()?,
                terminate: ctrl_break()?,
                closed: ctrl_close()?,
                shutdown: ctrl_shutdown()?,
            })
        }

        pub(super) async fn next(&mut self) {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.closed.recv() => {}
                _ = self.shutdown.recv() => {}
            }
        }
    }

    impl HangUp {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) {
            std::future::pending::<()>().await;
        }
    }
}
