//! GPU models: clouds and people spell the same card in many ways.

/// A GPU model with its spelling taken away: `NVIDIA GeForce RTX 4090 D`, `rtx-4090d` and `RTX 4090D` are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GpuModel(String);

/// Words that vendors add and people leave out.
const NOISE: [&str; 5] = ["NVIDIA", "GEFORCE", "TESLA", "QUADRO", "GPU"];

impl GpuModel {
    /// The model that a text names.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let words = text
            .to_uppercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !NOISE.contains(word))
            .collect::<String>();
        Self(words.strip_prefix("RTX").map_or(words.clone(), ToOwned::to_owned))
    }
}

impl std::fmt::Display for GpuModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name as the market writes it: the vendor's words taken off, the rest kept as it is.
#[must_use]
pub fn market_name(text: &str) -> String {
    let name = text
        .split_whitespace()
        .filter(|word| !NOISE[..2].contains(&word.to_uppercase().as_str()))
        .collect::<Vec<_>>()
        .join(" ");
    if name.is_empty() { text.trim().to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_card_are_equal() {
        for spelling in [
            "NVIDIA GeForce RTX 4090 D",
            "RTX 4090 D",
            "rtx-4090d",
            "RTX4090D",
            "RTX-4090D",
            "4090 D",
        ] {
            assert_eq!(GpuModel::new(spelling), GpuModel::new("RTX 4090 D"), "{spelling}");
        }
    }

    #[test]
    fn different_cards_stay_different() {
        let cards = [
            "RTX 4090",
            "RTX 4090 D",
            "RTX 4090 D 48G",
            "RTX 4090 48G",
            "RTX 3090",
            "A100-PCIE",
            "A100-SXM",
            "H800-SXM",
        ];
        for (n, card) in cards.iter().enumerate() {
            for other in &cards[n + 1..] {
                assert_ne!(GpuModel::new(card), GpuModel::new(other));
            }
        }
    }

    #[test]
    fn the_market_name_is_what_people_say() {
        assert_eq!(market_name("NVIDIA GeForce RTX 4090 D"), "RTX 4090 D");
        assert_eq!(market_name("H800-SXM"), "H800-SXM");
    }
}
