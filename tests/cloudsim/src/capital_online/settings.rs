//! How this twin behaves, and what it rents out; all of it may be changed while it runs.

use serde::{Deserialize, Serialize};

use crate::pace::Pace;

/// How Capital Online's twin behaves.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long its states last.
    pub pace: Pace,
    /// How long a reinstall lasts, in milliseconds.
    pub rebuilding_ms: u64,
    /// Regions that machines are rented in.
    pub regions: Vec<String>,
    /// What is rented out, in the first region.
    pub goods: Vec<Goods>,
    /// How far a request's time may be from the true one, in seconds.
    pub allowed_skew_seconds: i64,
    /// How far its own clock, which answers show and requests are judged by, is ahead of the true one, in seconds.
    pub clock_ahead_seconds: i64,
    /// Most rows of a page, whatever is asked for.
    pub largest_page: usize,
    /// Whether a running machine can be deleted.
    pub deletes_running: bool,
    /// Whether a prepaid machine can be deleted.
    pub deletes_prepaid: bool,
    /// Whether power operations answer `TaskId`, as the vendor's table has it, instead of `TaskIds`.
    pub singular_task_id: bool,
    /// Whether orders are taken whose tasks then fail.
    pub tasks_fail: bool,
    /// What is put behind a machine's name.
    pub name_suffix: String,
}

/// Goods, with one configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goods {
    /// Their id.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// The configuration's id.
    pub compute_id: String,
    /// Whether they are paid for in advance.
    pub prepaid: bool,
    /// In yuan: for an hour, or for a month in advance.
    pub price: f64,
    /// How many there are, over all accounts.
    pub capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let goods = |id, name: &str, compute_id: &str, prepaid, price| Goods {
            id,
            name: name.to_owned(),
            compute_id: compute_id.to_owned(),
            prepaid,
            price,
            capacity: 1000,
        };
        Self {
            pace: Pace::default(),
            rebuilding_ms: 3000,
            regions: vec!["CN_Hohhot_B".to_owned(), "CN_SJZ_B".to_owned()],
            goods: vec![
                goods(
                    7685,
                    "GPU服务器-02SS01（公测）",
                    "8fbdb61e-b941-46db-89f6-f8953b278ec9",
                    false,
                    13.5,
                ),
                goods(
                    7793,
                    "GPU服务器-03SA03（公测）",
                    "1b69ecca-453c-4535-8c96-16edf1ec6da9",
                    true,
                    6720.0,
                ),
            ],
            allowed_skew_seconds: 900,
            clock_ahead_seconds: 0,
            largest_page: 500,
            deletes_running: false,
            deletes_prepaid: false,
            singular_task_id: false,
            tasks_fail: false,
            name_suffix: String::new(),
        }
    }
}
