//! Paying in.

use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    money::Money,
    world::{Key, World},
};

use super::wire::{Members, NO_ORDER, Refused};

#[derive(Debug, Clone)]
pub(crate) struct Order {
    trade_no: String,
    account: String,
    amount: f64,
    payment: String,
    paid: bool,
}

/// Orders a recharge; nothing is paid by that.
pub(super) fn order(world: &mut World, account: &Key, members: &Members) -> Result<Value, Refused> {
    let amount = members
        .number("amount")?
        .filter(|amount| *amount >= world.xgc.settings.least_recharge)
        .ok_or_else(|| Refused::parameter("amount"))?;
    let payment = members.required_string("payment")?;
    if !matches!(payment, "alipay" | "wechat") {
        return Err(Refused::parameter("payment"));
    }
    let trade_no = format!("{}{:06}", world.now().as_second(), world.random.u32(0..1_000_000));
    world.xgc.orders.push(Order {
        trade_no: trade_no.clone(),
        account: account.1.clone(),
        amount,
        payment: payment.to_owned(),
        paid: false,
    });
    Ok(json!({
        "url": format!("https://pay.invalid/{payment}/{trade_no}"),
        "amount": format!("{amount:.2}"),
        "trade_no": trade_no,
        "payment": payment,
    }))
}

/// How an order stands.
pub(super) fn show_order(world: &World, account: &Key, trade_no: &str) -> Result<Value, Refused> {
    let order = world
        .xgc
        .orders
        .iter()
        .find(|order| order.trade_no == trade_no && order.account == account.1)
        .ok_or_else(|| Refused::new(NO_ORDER))?;
    Ok(json!({
        "trade_no": order.trade_no,
        "amount": format!("{:.2}", order.amount),
        "payment": order.payment,
        "status": if order.paid { "paid" } else { "unpaid" },
    }))
}

/// Pays an order, once; `None` if there is no such order.
pub(crate) fn pay_order(world: &mut World, trade_no: &str) -> Option<()> {
    let order = world.xgc.orders.iter_mut().find(|order| order.trade_no == trade_no)?;
    if order.paid {
        return Some(());
    }
    order.paid = true;
    let amount = Money::yuan(order.amount);
    let account = (Cloud::Xgc, order.account.clone());
    let mut balance = world.accounts.get(&account)?.balance;
    balance += amount;
    world.set_balance(&account, balance);
    Some(())
}
