//! Private images.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    machine::{Detail as MachineDetail, Machine},
    world::World,
};

use super::{
    catalog::public_image,
    instance::GIB,
    settings::SaveImageName,
    wire::{Members, Refused},
};

const IMAGE_BYTES: i64 = 12 * GIB;

#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) account: String,
    instance: String,
    name: String,
    original: String,
    created_at: Timestamp,
    ready_at: Option<Timestamp>,
}

impl Image {
    pub(super) fn is_ready(&self) -> bool {
        self.ready_at.is_some()
    }

    pub(super) fn is_of(&self, instance: &str) -> bool {
        self.instance == instance
    }

    pub(super) fn show(&self) -> Value {
        let original = public_image(&self.original);
        json!({
            "id": self.id,
            "create_timestamp": self.created_at.as_second(),
            "name": self.name,
            "introduction": "",
            "size": if self.is_ready() { IMAGE_BYTES } else { 0 },
            "visibility": 0,
            "status": if self.is_ready() { "ready" } else { "saving" },
            "price": 0.0,
            "save_image": 1,
            "original_image_name": original.unwrap_or_default(),
            "original_image_id": self.original,
            "original_image_price": 0.0,
            "original_owner": true,
            "file_timestamp": self.ready_at.map_or(0, Timestamp::as_second),
        })
    }
}

/// The name that a save-image call gives.
pub(super) fn name_given(world: &World, members: &Members) -> Result<Option<String>, Refused> {
    let (name, image_name) = (members.string("name")?, members.string("image_name")?);
    let (given, needed) = match world.xgc.settings.save_image_name {
        SaveImageName::Any => (name.or(image_name), None),
        SaveImageName::Name => (name, Some("name")),
        SaveImageName::ImageName => (image_name, Some("image_name")),
    };
    match (given.filter(|name| !name.is_empty()), needed) {
        (None, Some(needed)) => Err(Refused::parameter(needed)),
        (given, _) => Ok(given.map(str::to_owned)),
    }
}

/// Begins an image of a machine; it is ready when the machine has left the state of saving it.
pub(super) fn begin(world: &mut World, machine: &Machine, name: Option<String>) {
    let MachineDetail::Xgc(detail) = &machine.detail else {
        return;
    };
    let digits =
        |random: &mut fastrand::Rng, length: usize| -> String { (0..length).map(|_| random.digit(16)).collect() };
    let random = &mut world.random;
    let id = format!(
        "{}-{}-4{}-a{}-{}",
        digits(random, 8),
        digits(random, 4),
        digits(random, 3),
        digits(random, 3),
        digits(random, 12)
    );
    let created_at = world.now();
    world.xgc.images.push(Image {
        id,
        account: machine.account.clone(),
        instance: machine.id.clone(),
        name: name.unwrap_or_else(|| machine.name.clone()),
        original: detail.image.clone(),
        created_at,
        ready_at: None,
    });
}

/// Completes the image that is being saved of an instance.
pub(super) fn saved(images: &mut [Image], instance: &str, at: Timestamp) {
    for image in images {
        if image.is_of(instance) && !image.is_ready() {
            image.ready_at = Some(at);
        }
    }
}
