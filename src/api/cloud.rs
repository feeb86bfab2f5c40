//! The five clouds, and the fields that only one of them has.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cloud that machines are rented at.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr,
)]
pub enum Cloud {
    /// XGC, 仙宫云.
    #[serde(rename = "XGC")]
    #[strum(serialize = "XGC")]
    Xgc,
    /// Luchen, 潞晨云.
    Luchen,
    /// `SCNet`, 国家超算互联网.
    #[serde(rename = "SCNet")]
    #[strum(serialize = "SCNet")]
    Scnet,
    /// Capital Online, 首云.
    CapitalOnline,
    /// Neolink.
    Neolink,
}

impl Cloud {
    /// All of them, in the order in which they are written everywhere.
    pub const ALL: [Self; 5] = [Self::Xgc, Self::Luchen, Self::Scnet, Self::CapitalOnline, Self::Neolink];

    /// The name that users read: `XGC`, `SCNet`, `CapitalOnline`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The name of this cloud's block in a manifest: `xgc`, `scnet`, `capitalOnline`.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Xgc => "xgc",
            Self::Luchen => "luchen",
            Self::Scnet => "scnet",
            Self::CapitalOnline => "capitalOnline",
            Self::Neolink => "neolink",
        }
    }
}

impl std::fmt::Display for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What only XGC (仙宫云) has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct XgcInstance {
    /// Data centre to rent in; 1 (浙江一区) where left out, the only one known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9999))]
    pub data_center_id: Option<i64>,
    /// Where `image` is from: `public` (what happens when left out), `community` or `private`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_type: Option<XgcImageType>,
    /// Id of an SSH key registered in the console; the machine also has a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub ssh_key_id: Option<String>,
    /// Enlarge the system disk by this much, such as `50Gi`; billed by the cloud also while the machine is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::quantity::PATTERN))]
    pub system_disk_expand: Option<String>,
}

/// Where an XGC image is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum XgcImageType {
    /// An image of the vendor's.
    #[default]
    Public,
    /// An image that another user shares.
    Community,
    /// An image of this account's.
    Private,
}

/// What only Luchen (潞晨云) has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LuchenInstance {
    /// Pins the instance type by its id, instead of `gpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub instance_type_id: Option<String>,
    /// Size of an extra data disk, in whole GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::quantity::PATTERN))]
    pub extra_data_disk_size: Option<String>,
    /// Run a Docker daemon in the machine.
    #[serde(default)]
    pub enable_docker: bool,
    /// Size of Docker's storage, in whole GiB; only with `enableDocker`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::quantity::PATTERN))]
    pub docker_storage_size: Option<String>,
    /// Mount the vendor's public data sets.
    #[serde(default)]
    pub enable_common_data: bool,
    /// Rent at the spot price; the cloud may take the machine back at any time.
    #[serde(default)]
    pub spot: bool,
}

/// What only `SCNet` (国家超算互联网) has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScnetInstance {
    /// Kind of accelerator: `gpu` (what happens when left out), `dcu`, `mlu` or `cpu` (what happens when left out and
    /// `gpu.count` is 0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_type: Option<ScnetAccelerator>,
    /// What the container serves: `ssh`, `jupyter` (what happens when left out), `codeserver` or `rstudio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_type: Option<ScnetTask>,
    /// Number of containers; 1 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub task_number: Option<i64>,
    /// How long it may run, `HH:MM:SS` (hours over 24 are allowed) or `unlimited` (what happens when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 16),
        regex(pattern = r"^(unlimited|[0-9]{1,5}:[0-5][0-9]:[0-5][0-9])?$")
    )]
    pub timeout_limit: Option<String>,
    /// Containers that run the startup script: `all` (what happens when left out) or `header`, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_script_scope: Option<ScnetScriptScope>,
    /// Version of the image (`name:tag`); taken from the cloud's image list where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub image_version: Option<String>,
    /// Kind of the mounts in `volumes`: `data` (what happens when left out) or `path`. The cloud does not say what
    /// tells them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_type: Option<ScnetMount>,
}

/// Kind of a mount at `SCNet`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ScnetMount {
    /// As in the vendor's example.
    #[default]
    Data,
    /// The other one.
    Path,
}

/// How `SCNet` is asked for the list of machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ScnetListing {
    /// `GET …/task/list` with a query, as clients do now.
    #[default]
    Query,
    /// `GET …/task` with a body, as the vendor's page says.
    Body,
}

/// Kind of accelerator at `SCNet`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ScnetAccelerator {
    /// An NVIDIA card.
    #[default]
    Gpu,
    /// A Hygon card.
    Dcu,
    /// A Cambricon card.
    Mlu,
    /// None.
    Cpu,
}

/// What a container at `SCNet` serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ScnetTask {
    /// A shell.
    Ssh,
    /// `JupyterLab`.
    #[default]
    Jupyter,
    /// VS Code in the browser.
    Codeserver,
    /// `RStudio` in the browser.
    Rstudio,
}

/// Which containers at `SCNet` run the startup script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ScnetScriptScope {
    /// All of them.
    #[default]
    All,
    /// The first.
    Header,
}

/// What only Capital Online (首云) has. Its catalog names goods, not GPU models: `goodsId` and `computeId` say what is rented.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapitalOnlineInstance {
    /// VPC that the machine joins.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub vpc_id: String,
    /// Subnet of that VPC.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub subnet_id: String,
    /// The product, from `DescribeGpuGoods`.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub goods_id: i64,
    /// The product's configuration, from the same list.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub compute_id: String,
    /// Reserve a public address for the machine. The cloud may keep it, and bill it, after the machine is deleted.
    #[serde(default)]
    pub reserve_eip: bool,
    /// Use this public address instead of a new one; only with `reserveEip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub eip_id: Option<String>,
    /// RAID of the local disks: 0, 1, 5, 10, -1 (passed through) or -2 (none).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2, max = 10))]
    pub raid: Option<i64>,
    /// Bonding mode of the network cards, such as `bond6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub bond_mode: Option<String>,
    /// Port mode of the network cards, as the cloud words it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub port_mode: Option<String>,
    /// Billing subject that is charged, where the account has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub subject_id: Option<i64>,
    /// What the price of a machine billed by use is for, which the cloud does not say: `Hour` (likely, and what happens
    /// when left out), `Day` or `Month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_unit: Option<CapitalOnlinePriceUnit>,
}

/// What a price that Capital Online tells of a machine billed by use is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum CapitalOnlinePriceUnit {
    /// An hour.
    #[default]
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

/// What only Neolink has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NeolinkInstance {
    /// Pins the GPU specification by its SKU id, instead of `gpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub gpu_sku_id: Option<String>,
    /// SKU id of the disk; `1` where left out, the only one known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub disk_sku_id: Option<String>,
    /// Coupon to pay with; only for machines billed by the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub coupon_id: Option<String>,
    /// Unit of the cloud's prices, which it does not say: `Yuan` (likely, and what happens when left out) or `Fen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_unit: Option<NeolinkPriceUnit>,
    /// What an order calls the region, which the cloud does not say: its `Name` (likely, and what happens when left
    /// out), its `Id` or its `ClusterName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_form: Option<NeolinkRegionForm>,
}

/// What an order at Neolink calls the region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum NeolinkRegionForm {
    /// Its name, such as 北京一区.
    #[default]
    Name,
    /// Its id.
    Id,
    /// The name of its cluster, which is also in the path of the order.
    ClusterName,
}

/// Unit of the prices that Neolink tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum NeolinkPriceUnit {
    /// One yuan.
    #[default]
    Yuan,
    /// A hundredth of a yuan.
    Fen,
}
