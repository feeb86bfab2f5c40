//! A new image with a new password, and a restart in one call.

use std::collections::BTreeMap;

use super::check;
use super::scenes::{CLOUD, Object, Seen, at, bound, seen};
use crate::api::InstanceState::{Creating, Failed, Reinstalling, Restarting, Running, Stopped};
use crate::api::instance::UpdatePolicy;
use crate::api::status::TransitionKind::{Reinstall, Restart};
use crate::instance::memory::NextPassword;
use crate::instance::observation::SecretView;
use crate::provider::{Capabilities, Field, When};

/// A cloud whose machines are reinstalled with a password of ours, and restarted in one call.
const METAL: Capabilities = Capabilities {
    chooses_password: true,
    restarts: true,
    in_place: &[(Field::Image, When::Running)],
    ..CLOUD
};

fn metal() -> Seen {
    seen().connection(|connection| connection.capabilities = &METAL)
}

fn with_secret(keys: &[&str]) -> Seen {
    let data: BTreeMap<String, Vec<u8>> = keys.iter().map(|key| ((*key).to_owned(), b"x".to_vec())).collect();
    metal().with(|seen| seen.secret = SecretView::Ours { data, resource_version: None })
}

/// The next password is stored, by this process or found there, so many seconds ago.
fn stored(is_new: bool, seconds: i64) -> Seen {
    with_secret(&["password", "next_password"])
        .memory(|memory| memory.next_password = Some(NextPassword { at: at(-seconds), is_new }))
}

fn new_image() -> Object {
    bound().spec(|spec| spec.update_policy = UpdatePolicy::InPlace).ordered_otherwise(&["image"])
}

#[test]
fn a_new_password_is_stored_before_it_is_sent_and_kept_once_it_holds() {
    let asked = || bound().transition(Reinstall, false);
    let begun = || bound().transition(Reinstall, true);
    let just_begun = || begun().status(|status| status.transition.as_mut().unwrap().since.0 = at(-2));
    let both = || with_secret(&["password", "next_password"]);
    check(vec![
        ("first it is stored", new_image(), with_secret(&["password"]).m(Running), "store the next password"),
        ("also beside nothing", new_image(), metal().m(Running), "store the next password"),
        ("then it is sent", new_image(), stored(true, 1).m(Running), "update Image"),
        ("one that another process has stored is taken over", new_image(), both().m(Running), "store the next password"),
        ("but it may have been sent", new_image(), stored(false, 3).m(Running), "wait, Reinstalling, list after 17"),
        ("which would show by now", new_image(), stored(false, 30).m(Running), "update Image"),
        ("it was sent", new_image(), both().m(Reinstalling), "record Reinstall(stopped)+ordered({\"billing\": \"now\", \"cpu\": \"now\", \"gpu\": \"now\", \"image\": \"now\", \"memory\": \"now\", \"ports\": \"now\", \"startupscript\": \"now\", \"volumes\": \"now\", \"xgc\": \"now\"}) as Reinstalling"),
        ("not by us", bound(), with_secret(&["password"]).m(Reinstalling), "wait, Reinstalling"),
        ("under way", begun(), both().m(Reinstalling), "wait, Reinstalling"),
        ("a list may be late", just_begun(), both().m(Running), "wait, Reinstalling, list after 18"),
        ("it is over", begun(), both().m(Running), "keep the next password"),
        ("also of a machine that is off then", begun(), both().m(Stopped), "keep the next password"),
        ("after an unclear answer it shows", asked(), both().m(Reinstalling), "record Reinstall(stopped)+ordered({\"billing\": \"now\", \"cpu\": \"now\", \"gpu\": \"now\", \"image\": \"now\", \"memory\": \"now\", \"ports\": \"now\", \"startupscript\": \"now\", \"volumes\": \"now\", \"xgc\": \"now\"}) as Reinstalling"),
        ("or it never does, and the old password holds", asked(), both().m(Running), "record end as Running"),
        ("it failed, and nobody knows which holds", begun(), both().m(Failed), "record end as Running"),
        ("something else goes on", begun(), both().m(Creating), "wait, Reinstalling"),
        ("a Secret of somebody else's", new_image(), metal().with(|seen| seen.secret = SecretView::Foreign).m(Running), "halt SecretNotOwned"),
    ]);
}

#[test]
fn a_restart_is_one_call_where_the_cloud_has_one() {
    check(vec![
        ("it is asked for", bound().transition(Restart, false), metal().m(Running), "restart"),
        ("it goes on", bound().transition(Restart, true), metal().m(Restarting), "wait, Restarting"),
        ("it is over", bound().transition(Restart, true), metal().m(Running), "record end+restarted as Running"),
        ("it stays off", bound().transition(Restart, true), metal().m(Stopped), "start"),
    ]);
}

#[test]
fn a_cloud_whose_stop_keeps_the_machine_is_stopped_so() {
    use crate::api::instance::StopMode;
    const KEEPS: Capabilities = Capabilities { stop_modes: &[StopMode::KeepGpu], ..CLOUD };
    let keeps = || seen().connection(|connection| connection.capabilities = &KEEPS);
    check(vec![
        ("unasked", bound().stopped(), keeps().m(Running), "stop KeepGpu"),
        (
            "and that is all",
            bound().stopped().status(|status| status.stopped_with = Some(StopMode::KeepGpu)),
            keeps().m(Stopped),
            "rest",
        ),
    ]);
}
