//! A spec in Capital Online's words.

use secrecy::ExposeSecret;
use serde::Serialize;

use super::billing::{charge_type, months};
use crate::api::Cloud;
use crate::api::billing::{BillingMode, PeriodUnit};
use crate::api::cloud::CapitalOnlineInstance;
use crate::api::instance::{GpuInstanceSpec, PortProtocol};
use crate::provider::{Error, Kind, Machine, Order, Refusal, Result, loose};

const SSH_PORT: u16 = 22;
const RAIDS: [i64; 6] = [-2, -1, 0, 1, 5, 10];

/// The body of an order for one machine. It has a password, so it has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create<'a> {
    region_id: &'a str,
    instance_name: &'a str,
    password: &'a str,
    instance_charge_type: &'static str,
    /// Sent as 0 unless asked for: left out, the cloud takes it for 1.
    auto_renew: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    prepaid_month: Option<i64>,
    goods_id: i64,
    compute_id: &'a str,
    image_id: &'a str,
    amount: u8,
    #[serde(rename = "VpcNetWork")]
    network: Network<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bond_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raid: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Network<'a> {
    vpc_id: &'a str,
    net_id: &'a str,
    reserve_eip: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    eip_id_list: Option<[&'a str; 1]>,
}

impl<'a> Create<'a> {
    pub(super) fn new(order: &Order<'a>) -> Result<Self> {
        let spec = order.spec;
        let (Some(own), Some(password)) = (&spec.capital_online, order.password) else {
            return Err(not_sent("an order needs spec.capitalOnline and a password"));
        };
        Ok(Self {
            region_id: spec.region().unwrap_or_default(),
            instance_name: order.name,
            password: password.expose_secret(),
            instance_charge_type: charge_type(spec),
            auto_renew: renews(spec).into(),
            prepaid_month: months(spec),
            goods_id: own.goods_id,
            compute_id: &own.compute_id,
            image_id: spec.image().unwrap_or_default(),
            amount: 1,
            network: Network {
                vpc_id: &own.vpc_id,
                net_id: &own.subnet_id,
                reserve_eip: own.reserve_eip,
                eip_id_list: eip(own).map(|id| [id]),
            },
            bond_mode: said(own.bond_mode.as_ref()),
            raid: own.raid,
            port_mode: said(own.port_mode.as_ref()),
            subject_id: own.subject_id.map(|id| id.to_string()),
        })
    }
}

/// The body of a reinstall. It has a password, so it has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Reinstall<'a> {
    resource_id: &'a str,
    image_id: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raid: Option<i64>,
}

impl<'a> Reinstall<'a> {
    pub(super) fn new(machine: &'a Machine, order: &Order<'a>) -> Result<Self> {
        let (Some(image), Some(password)) = (order.spec.image(), order.password) else {
            return Err(not_sent("a reinstall needs spec.image and a password"));
        };
        Ok(Self {
            resource_id: &machine.id,
            image_id: image,
            password: password.expose_secret(),
            raid: order.spec.capital_online.as_ref().and_then(|own| own.raid),
        })
    }
}

fn not_sent(why: &str) -> Error {
    Error::new(Kind::Invalid, format!("not sent: {why}"))
}

fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn eip(own: &CapitalOnlineInstance) -> Option<&str> {
    said(own.eip_id.as_ref())
}

fn renews(spec: &GpuInstanceSpec) -> bool {
    spec.billing.as_ref().and_then(|billing| billing.auto_renew) == Some(true)
}

/// Refuses what can't be right. What only might be wrong is the catalog's, or the cloud's, to refuse.
pub(super) fn check(spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
    let Some(own) = &spec.capital_online else {
        return Err(Refusal::invalid(
            "capitalOnline",
            "say what is rented, and where it is connected: goodsId, computeId, vpcId and subnetId",
        ));
    };
    if spec.image().is_some_and(|image| !loose::is_plain(image)) {
        return Err(Refusal::invalid(
            "image",
            "Capital Online takes the id of an image, such as d32af696-5774-4936-8f09-e9f4cf069b31, not its name",
        ));
    }
    if eip(own).is_some() && !own.reserve_eip {
        return Err(Refusal::invalid(
            "capitalOnline.eipId",
            "it is used only with reserveEip: true",
        ));
    }
    if own.raid.is_some_and(|raid| !RAIDS.contains(&raid)) {
        return Err(Refusal::invalid(
            "capitalOnline.raid",
            "it is one of 0, 1, 5, 10, -1 and -2",
        ));
    }
    for (n, port) in spec.ports.iter().enumerate() {
        if port.protocol == PortProtocol::Ssh && port.port != SSH_PORT {
            return Err(Refusal::unsupported(
                &format!("ports[{n}]"),
                Cloud::CapitalOnline,
                "its shell is at port 22 of the machine; publish other ports as TCP",
            ));
        }
    }
    check_period(spec)
}

fn check_period(spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
    if spec.billing_mode() != BillingMode::Prepaid {
        return Ok(());
    }
    match spec.billing.as_ref().and_then(|billing| billing.period.as_ref()) {
        Some(period) if period.unit != PeriodUnit::Month => Err(Refusal::unsupported(
            "billing.period.unit",
            Cloud::CapitalOnline,
            "it is paid in advance for months",
        )),
        Some(period) if (1..=36).contains(&period.count) => Ok(()),
        _ => Err(Refusal::invalid(
            "billing.period",
            "from 1 to 36 months are paid in advance",
        )),
    }
}
