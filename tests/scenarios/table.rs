//! Scenarios × clouds.

use libtest_mimic::Trial;
use tokio::runtime::Builder;

use super::{
    adoption, connection, credentials, deletion, elsewhere, identity, life, lists, many, money, orders, orphans, quiet,
    rebuild, refusals, samples, sign_in, updates,
};
use crate::operator::{CLOUDS, CloudFacts, Setup};

/// One row of the table: what is played, and at which clouds it makes sense.
struct Scenario {
    /// `theme::scenario`.
    name: &'static str,
    play: Box<dyn Fn(Setup) + Send + Sync>,
    fits: fn(&CloudFacts) -> bool,
}

/// A row for all clouds, named for its function.
fn scenario<P, F>(play: P) -> Scenario
where
    P: Fn(Setup) -> F + Send + Sync + 'static,
    F: Future<Output = ()>,
{
    let path = std::any::type_name::<P>();
    Scenario {
        name: path.split_once("::scenarios::").map_or(path, |(_, name)| name),
        play: Box::new(move |setup| {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.unwrap().block_on(play(setup));
        }),
        fits: |_| true,
    }
}

impl Scenario {
    /// Only at clouds of which this holds.
    fn only(mut self, fits: fn(&CloudFacts) -> bool) -> Self {
        self.fits = fits;
        self
    }
}

fn table() -> Vec<Scenario> {
    vec![
        scenario(many::many_machines_at_once),
        scenario(quiet::at_rest_nothing_is_written_and_little_asked),
        scenario(life::one_machine_from_creation_to_deletion),
        scenario(life::a_new_object_that_is_stopped_rents_nothing),
        scenario(life::hands_off_while_suspended),
        scenario(life::an_image_is_saved_before_each_stop).only(|cloud| cloud.snapshot.is_some()),
        scenario(samples::the_sample_runs_as_it_is),
        scenario(refusals::what_the_cloud_lacks_is_refused_by_name),
        scenario(connection::the_secret_opens_the_machine_and_goes_with_it),
        scenario(connection::somebody_elses_secret_is_left_alone),
        scenario(updates::a_change_is_reported_or_made_by_a_new_machine),
        scenario(updates::a_change_is_made_in_place).only(|cloud| cloud.in_place.is_some()),
        scenario(updates::nothing_is_changed_in_place).only(|cloud| cloud.in_place.is_none()),
        scenario(money::a_cap_on_the_price_is_kept),
        scenario(orders::a_lost_answer_is_settled_by_looking),
        scenario(orders::an_order_that_never_arrived_is_made_again),
        scenario(orders::the_machine_of_a_lost_answer_shows_up_late),
        scenario(orders::killed_between_the_order_and_its_bookkeeping),
        scenario(orders::deleted_while_its_order_is_unsettled),
        scenario(orders::a_human_settles_what_lists_cannot_prove),
        scenario(orders::refused_for_want_of_machines_or_money),
        scenario(orders::asked_to_slow_down),
        scenario(lists::lists_that_are_empty_or_short),
        scenario(lists::lists_that_are_none),
        scenario(lists::a_machine_that_a_detail_call_does_not_find).only(|cloud| cloud.not_found.is_some()),
        scenario(lists::a_word_that_nobody_knows),
        scenario(credentials::refused_keys_are_said_and_repaired),
        scenario(credentials::what_is_missing_or_not_allowed_is_named),
        scenario(sign_in::tokens_end_and_are_renewed).only(|cloud| cloud.sign_in.is_some()),
        scenario(sign_in::clocks_that_differ_are_said).only(|cloud| cloud.name == "capital-online"),
        scenario(elsewhere::stopped_and_started_again),
        scenario(elsewhere::stopped_again_and_again),
        scenario(elsewhere::destroyed_and_not_replaced_unasked),
        scenario(elsewhere::frozen_for_arrears),
        scenario(elsewhere::other_peoples_machines_are_left_alone),
        scenario(identity::another_account_freezes_everything),
        scenario(identity::a_copied_object_rents_nothing),
        scenario(identity::a_lost_status_is_found_again),
        scenario(adoption::adopted_once_and_kept),
        scenario(adoption::what_is_not_ours_to_take),
        scenario(orphans::told_of_and_left_alone),
        scenario(orphans::deleted_where_that_is_wanted),
        scenario(rebuild::what_is_printed_brings_the_machines_back),
        scenario(rebuild::what_cannot_be_seen_is_said),
        scenario(deletion::each_policy_does_what_it_says),
        scenario(deletion::from_any_state),
        scenario(deletion::not_let_go_while_the_cloud_is_down),
        scenario(deletion::a_whole_namespace_with_its_machines_first),
    ]
}

/// A trial for each pair.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for scenario in table() {
        let Scenario { name, play, fits } = scenario;
        let play: &'static (dyn Fn(Setup) + Send + Sync) = Box::leak(play);
        for cloud in CLOUDS.into_iter().filter(|cloud| fits(cloud)) {
            trials.push(Trial::test(format!("{name}::{}", cloud.name), move || {
                play(setup(name, cloud));
                Ok(())
            }));
        }
    }
    trials
}

/// The usual scene, but that the operator leads without a Lease: no kubelet is there to start one again that has lost
/// it, as happens where the API server has too much to do.
fn setup(scenario: &str, cloud: &'static CloudFacts) -> Setup {
    Setup::at(cloud, &namespace(scenario, cloud)).flag("--leader-elect=false")
}

/// A namespace of the trial's own; Kubernetes takes names of 63 characters.
fn namespace(scenario: &str, cloud: &CloudFacts) -> String {
    let (_, scenario) = scenario.split_once("::").unwrap_or_default();
    let namespace = format!("{}-{}", scenario.replace('_', "-"), cloud.name);
    assert!(namespace.len() <= 63, "{namespace} is too long for a namespace");
    namespace
}
