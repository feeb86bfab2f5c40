//! What Capital Online is asked, and what not.

use strum::VariantArray;

use crate::provider::operation::{self, Declared, LeftOut, Purpose};

/// What Capital Online is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
#[allow(missing_docs, reason = "`declare` says what each is")]
pub enum Operation {
    Regions,
    Goods,
    Price,
    Images,
    Vpcs,
    Subnets,
    List,
    Detail,
    Create,
    Task,
    Power,
    Reinstall,
    Delete,
}

impl Operation {
    /// The vendor's name for it.
    pub(super) fn action(self) -> &'static str {
        operation::Operation::declare(self).written
    }
}

impl operation::Operation for Operation {
    fn declare(self) -> Declared {
        let (name, purposes): (&str, &[_]) = match self {
            Self::Regions => (
                "capital_online.DescribeGpuRegions",
                &[Purpose::Identity, Purpose::Places],
            ),
            Self::Goods => ("capital_online.DescribeGpuGoods", &[Purpose::Catalog]),
            Self::Price => ("capital_online.DescribeGpuGoodsPrice", &[Purpose::Price]),
            Self::Images => ("capital_online.DescribeGpuImage", &[Purpose::Image]),
            Self::Vpcs => ("capital_online.DescribeVPC", &[Purpose::Network]),
            Self::Subnets => ("capital_online.DescribeSubnet", &[Purpose::Network]),
            Self::List => ("capital_online.DescribeGpu", &[Purpose::List]),
            Self::Detail => ("capital_online.DescribeGpuDetail", &[Purpose::Detail]),
            Self::Create => ("capital_online.CreateGpuInstance", &[Purpose::Rent]),
            Self::Task => ("capital_online.DescribeGpuTask", &[Purpose::FollowOrder]),
            Self::Power => (
                "capital_online.OperateGpuPower",
                &[Purpose::Start, Purpose::Stop, Purpose::Restart],
            ),
            Self::Reinstall => ("capital_online.ReinstallGpu", &[Purpose::Reinstall]),
            Self::Delete => ("capital_online.DeleteGpuInstances", &[Purpose::Delete]),
        };
        let (_, action) = name.split_once('.').unwrap_or(("", name));
        Declared::new(name, action, purposes)
    }
}

/// What Capital Online is not asked.
pub const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        written: "DescribeGpuTask (of anything but an order)",
        reason: "its page speaks of orders only, and the list shows how far a machine is",
    },
    LeftOut {
        written: "CreateVPC, CreateSubnet, DeleteVPC, DeleteSubnet",
        reason: "a network outlives machines and belongs to more than one: it is yours to make",
    },
    LeftOut {
        written: "DescribeEIP, DescribeSubnetIp",
        reason: "`capitalOnline.reserveEip` takes any free address, and an `eipId` that is wrong is refused by the cloud",
    },
];
