//! What XGC is asked, and what not.

use strum::VariantArray;

use crate::provider::operation::{self, Declared, LeftOut, Purpose};

/// What XGC is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
#[allow(missing_docs, reason = "`declare` says what each is")]
pub enum Operation {
    Whoami,
    Balance,
    List,
    Images,
    Deploy,
    Boot,
    Shutdown,
    ShutdownReleaseGpu,
    SaveImage,
    Destroy,
    ShutdownDestroy,
}

impl operation::Operation for Operation {
    fn declare(self) -> Declared {
        match self {
            Self::Whoami => Declared::new("xgc.whoami", "whoami", &[Purpose::Identity]),
            Self::Balance => Declared::new("xgc.balance", "balance", &[Purpose::Balance]),
            Self::List => Declared::new("xgc.list", "instances", &[Purpose::List]),
            Self::Images => Declared::new("xgc.images", "images", &[Purpose::Image]),
            Self::Deploy => Declared::new("xgc.deploy", "instance/deploy", &[Purpose::Rent]),
            Self::Boot => Declared::new(
                "xgc.boot",
                "instance/boot",
                &[Purpose::Start, Purpose::Restart, Purpose::Resize],
            ),
            Self::Shutdown => Declared::new("xgc.shutdown", "instance/shutdown", &[Purpose::Stop, Purpose::Restart]),
            Self::ShutdownReleaseGpu => Declared::new(
                "xgc.shutdown_release_gpu",
                "instance/shutdown_release_gpu",
                &[Purpose::Stop, Purpose::Resize],
            ),
            Self::SaveImage => Declared::new("xgc.saveimage", "instance/saveimage", &[Purpose::SaveImage]),
            Self::Destroy => Declared::new("xgc.destroy", "instance/destroy", &[Purpose::Delete]),
            Self::ShutdownDestroy => {
                Declared::new("xgc.shutdown_destroy", "instance/shutdown_destroy", &[Purpose::Delete])
            }
        }
    }
}

/// What XGC is not asked.
pub const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        written: "instance/{id}",
        reason: "the list shows the same of every machine at once",
    },
    LeftOut {
        written: "instance/{id}/images, image/{id}",
        reason: "the list of images shows the same",
    },
    LeftOut {
        written: "instance/saveimage_destroy",
        reason: "saving and deleting are two decisions: a save that fails must not take the machine with it",
    },
    LeftOut {
        written: "image/destroy",
        reason: "images are yours, and may be worth money",
    },
    LeftOut {
        written: "recharge/order, recharge/order/{trade_no}",
        reason: "no program should pay in",
    },
];
