//! How each of the five clouds behaves: what its driver declares, and what its page under `docs/providers` says besides.

use std::sync::{Arc, LazyLock};

use gpu_instance_operator::api::Cloud as Name;
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::capital_online::CapitalOnline;
use gpu_instance_operator::provider::endpoint::EndpointPolicy;
use gpu_instance_operator::provider::luchen::Luchen;
use gpu_instance_operator::provider::neolink::Neolink;
use gpu_instance_operator::provider::scnet::Scnet;
use gpu_instance_operator::provider::xgc::Xgc;
use gpu_instance_operator::provider::{Capabilities, Connector, Credentials, Provider, RegionUse};
use serde_json::{Value, json};

/// How a cloud behaves, where its capabilities do not say.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Which.
    pub cloud: Name,
    /// What its driver declares.
    pub capabilities: &'static Capabilities,
    /// Whether a list is asked for region by region.
    pub lists_by_region: bool,
    /// Whether an order is answered with a task, and the machine's id comes later.
    pub orders_by_task: bool,
    /// Whether rows show what a machine costs.
    pub shows_price: bool,
    /// Whether a start is what the driver must not repeat, because it restarts a machine that runs.
    pub start_restarts: bool,
    /// Whether a running machine is not deleted, but told to stop in the same breath.
    pub delete_stops_first: bool,
    /// Whether a machine that is paid for in advance cannot be given back.
    pub keeps_prepaid: bool,
    /// Whether it shows that a machine's time is over.
    pub shows_expiry: bool,
}

const XGC: Profile = Profile {
    cloud: Name::Xgc,
    capabilities: Xgc::CAPABILITIES,
    lists_by_region: false,
    orders_by_task: false,
    shows_price: true,
    start_restarts: false,
    delete_stops_first: false,
    keeps_prepaid: false,
    shows_expiry: false,
};

const LUCHEN: Profile = Profile {
    cloud: Name::Luchen,
    capabilities: Luchen::CAPABILITIES,
    lists_by_region: false,
    orders_by_task: false,
    shows_price: false,
    start_restarts: false,
    delete_stops_first: true,
    keeps_prepaid: false,
    shows_expiry: false,
};

const SCNET: Profile = Profile {
    cloud: Name::Scnet,
    capabilities: Scnet::CAPABILITIES,
    lists_by_region: true,
    orders_by_task: false,
    shows_price: false,
    start_restarts: true,
    delete_stops_first: false,
    keeps_prepaid: false,
    shows_expiry: true,
};

const CAPITAL_ONLINE: Profile = Profile {
    cloud: Name::CapitalOnline,
    capabilities: CapitalOnline::CAPABILITIES,
    lists_by_region: false,
    orders_by_task: true,
    shows_price: false,
    start_restarts: false,
    delete_stops_first: false,
    keeps_prepaid: true,
    shows_expiry: true,
};

const NEOLINK: Profile = Profile {
    cloud: Name::Neolink,
    capabilities: Neolink::CAPABILITIES,
    lists_by_region: true,
    orders_by_task: false,
    shows_price: true,
    start_restarts: false,
    delete_stops_first: false,
    keeps_prepaid: false,
    shows_expiry: true,
};

/// The regions that a cloud with several has.
pub const REGIONS: [&str; 2] = ["r-1", "r-2"];

impl Profile {
    pub fn of(cloud: Name) -> Self {
        match cloud {
            Name::Xgc => XGC,
            Name::Luchen => LUCHEN,
            Name::Scnet => SCNET,
            Name::CapitalOnline => CAPITAL_ONLINE,
            Name::Neolink => NEOLINK,
        }
    }

    /// Whether machines are in one of several regions.
    pub fn has_regions(&self) -> bool {
        self.capabilities.region != RegionUse::None
    }

    /// The driver itself, for what it answers without asking its cloud.
    pub fn driver(&self) -> Arc<dyn Provider> {
        let place = Name::ALL.iter().position(|cloud| *cloud == self.cloud).unwrap();
        Arc::clone(&DRIVERS[place])
    }

    /// The spec of a provider with this Secret.
    pub fn account(&self, secret: &str) -> Value {
        json!({ self.cloud.field(): { "credentialsSecretRef": { "name": secret } } })
    }

    /// The least that a machine's spec must say at this cloud.
    pub fn order(&self) -> Value {
        let mut spec = json!({ "image": "img" });
        if self.capabilities.gpu_by_model {
            spec["gpu"] = json!({ "model": "RTX 4090", "count": 1 });
        }
        if self.has_regions() {
            spec["region"] = json!(REGIONS[0]);
        }
        if self.capabilities.sizes_cpu_and_memory {
            spec["cpu"] = json!(8);
            spec["memory"] = json!("32Gi");
        }
        if self.cloud == Name::CapitalOnline {
            spec["capitalOnline"] = json!({ "vpcId": "v", "subnetId": "s", "goodsId": 1, "computeId": "c" });
        }
        spec
    }
}

static DRIVERS: LazyLock<[Arc<dyn Provider>; 5]> = LazyLock::new(|| {
    let policy = EndpointPolicy::new([]).expect("a policy");
    let connector = Connector::new(policy, Arc::new(System)).expect("a connector");
    Name::ALL.map(|cloud| {
        let spec = serde_json::from_value(Profile::of(cloud).account("account")).expect("a provider's spec");
        let keys = gpu_instance_operator::provider::required_keys(cloud);
        let credentials: Credentials = keys.iter().map(|key| (*key, "nobody")).collect();
        connector.connect(&spec, &credentials).expect("a driver")
    })
});
