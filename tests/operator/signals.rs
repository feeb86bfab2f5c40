//! A process that stands still for a while, as one does whose machine is short of memory, or is moved.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::process::Operator;
use super::scene::PATIENCE;

impl Operator {
    /// Stops it where it is (SIGSTOP).
    pub async fn stand_still(&mut self) {
        self.signal("-STOP");
        self.until_standing_still().await;
    }

    /// Lets it go on (SIGCONT).
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Starts it again if it has ended, as a kubelet does: on a machine that has much else to do, a leader may lose its
    /// Lease at any time.
    pub async fn keep_running(&mut self) {
        if self.ended().is_some() {
            self.restart().await;
        }
    }

    /// Keeps it running until this is over.
    pub async fn kept_running_until<T>(&mut self, over: impl Future<Output = T>) -> T {
        let mut over = std::pin::pin!(over);
        loop {
            tokio::select! {
                ended = &mut over => return ended,
                () = sleep(Duration::from_millis(500)) => self.keep_running().await,
            }
        }
    }

    /// Waits until it stands still, such as at its crash point.
    pub async fn until_standing_still(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.stands_still() {
            self.keep_running().await;
            let point = self.launch().crash_point.as_deref().unwrap_or("(none)");
            assert!(
                Instant::now() < deadline,
                "the operator does not come by its crash point: {point}\n{}",
                self.log_tail()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether all its threads do.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // After the name, which is in parentheses and may hold anything.
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}
