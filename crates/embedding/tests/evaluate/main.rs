//! How far to trust an embedding.

mod agreement;
mod ceiling;
mod dominance;
mod item_marginal;
mod reference;
mod reproducibility;
mod retained;
mod rsm;
mod score;
mod support;
mod things;
mod two_way;
