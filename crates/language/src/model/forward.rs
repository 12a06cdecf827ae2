//! The forward pass over pieces of many texts at once.

use super::{Layer, Model};
use crate::kernel::{
    Attention, KeyedRow, Matrix, add, attend, normalise, normalise_parts, products, swiglu,
};
use crate::page::{PAGE, Page};
use crate::tokenizer::TokenId;
use emotome_lanes::InstructionSet;
use emotome_stimuli::run::Interrupt;
use rayon::prelude::*;
use std::sync::Arc;

/// Consecutive tokens of a text, whose keys and values are to be computed.
pub(crate) struct Piece<'a> {
    pub(crate) tokens: &'a [TokenId],
    /// Position of the first.
    pub(crate) start: usize,
    /// The first pages of the text, complete.
    pub(crate) past: &'a [Arc<Page>],
    /// The pages that follow, up to the last token; positions before `start` are already there.
    pub(crate) fresh: &'a mut [Page],
    /// Whether the logits after the last token are wanted.
    pub(crate) wants_logits: bool,
}

/// Activations of a number of rows, used again by each layer.
struct Activations {
    normed: Matrix,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    mixed: Matrix,
    change: Matrix,
    gate: Matrix,
    up: Matrix,
}

impl Activations {
    fn new(model: &Model, rows: usize) -> Self {
        let shape = &model.shape;
        let zeros = |width| Matrix::zeros(rows, width);
        Self {
            normed: zeros(shape.width),
            queries: zeros(shape.heads * shape.head_width),
            keys: zeros(shape.kv_heads * shape.head_width),
            values: zeros(shape.kv_heads * shape.head_width),
            mixed: zeros(shape.heads * shape.head_width),
            change: zeros(shape.width),
            gate: zeros(shape.hidden),
            up: zeros(shape.hidden),
        }
    }
}

impl Model {
    /// Computes keys and values of all tokens, and logits (a row per piece that wants them, in
    /// order); `None` where it was interrupted.
    ///
    /// Cost per token: 2 operations per weight, and attention; pieces share the unpacking of weights.
    ///
    /// # Panics
    /// If a token is not in the vocabulary or a piece lacks pages.
    pub(crate) fn forward(
        &self,
        set: InstructionSet,
        pieces: &mut [Piece<'_>],
        interrupt: &Interrupt,
    ) -> Option<Matrix> {
        let mut rows = Vec::new();
        let mut wanted = Vec::new();
        for (text, piece) in pieces.iter().enumerate() {
            let position = piece.start..piece.start + piece.tokens.len();
            rows.extend(position.map(|position| KeyedRow { text, position }));
            if piece.wants_logits {
                wanted.push(rows.len() - 1);
            }
        }
        let turns: Vec<_> = rows
            .par_iter()
            .map(|row| self.rope.turn(row.position))
            .collect();
        let mut x = self.embed(pieces, rows.len());
        let mut at = Activations::new(self, rows.len());
        let shape = &self.shape;
        for (index, layer) in self.layers.iter().enumerate() {
            if interrupt.requested() {
                return None;
            }
            normalise(
                set,
                &x,
                &layer.attention_norm,
                shape.epsilon,
                &mut at.normed,
            );
            let keys_and_values = &mut [(&layer.key, &mut at.keys), (&layer.value, &mut at.values)];
            products(set, &at.normed, keys_and_values);
            self.keep(set, layer, index, &rows, &turns, pieces, &mut at);
            // Beyond the last layer's keys and values, only what leads to logits is needed.
            if index + 1 == self.layers.len() {
                let mut rest = Activations::new(self, wanted.len());
                rest.normed = at.normed.select(&wanted);
                at = rest;
                x = x.select(&wanted);
                rows = wanted.iter().map(|&row| rows[row]).collect();
            }
            products(set, &at.normed, &mut [(&layer.query, &mut at.queries)]);
            if let Some([norm, _]) = &layer.head_norms {
                normalise_parts(set, &mut at.queries, norm, shape.epsilon);
            }
            if index + 1 == self.layers.len() {
                let turns: Vec<_> = wanted.iter().map(|&row| turns[row].clone()).collect();
                self.rotate(&turns, &mut at.queries);
            } else {
                self.rotate(&turns, &mut at.queries);
            }
            let texts: Vec<Vec<&Page>> = pieces
                .iter()
                .map(|p| p.past.iter().map(|page| &**page).chain(&*p.fresh).collect())
                .collect();
            let attention = Attention {
                layer: index,
                heads: shape.heads,
                shape: self.page_shape(),
                scale: 1.0 / (shape.head_width as f32).sqrt(),
            };
            attend(set, attention, &at.queries, &rows, &texts, &mut at.mixed);
            products(set, &at.mixed, &mut [(&layer.mix, &mut at.change)]);
            add(&mut x, &at.change);
            normalise(
                set,
                &x,
                &layer.feed_forward_norm,
                shape.epsilon,
                &mut at.normed,
            );
            let halves = &mut [(&layer.gate, &mut at.gate), (&layer.up, &mut at.up)];
            products(set, &at.normed, halves);
            swiglu(set, &mut at.gate, &at.up);
            products(set, &at.gate, &mut [(&layer.down, &mut at.change)]);
            add(&mut x, &at.change);
        }
        normalise(set, &x, &self.output_norm, shape.epsilon, &mut at.normed);
        let mut logits = Matrix::zeros(wanted.len(), self.vocabulary());
        let output = self.output.as_ref().unwrap_or(&self.embedding);
        products(set, &at.normed, &mut [(output, &mut logits)]);
        Some(logits)
    }

    /// A row of the embedding for each token.
    fn embed(&self, pieces: &[Piece<'_>], rows: usize) -> Matrix {
        let mut x = Matrix::zeros(rows, self.shape.width);
        for (row, token) in pieces.iter().flat_map(|piece| piece.tokens).enumerate() {
            self.embedding.unpack(token.index(), x.row_mut(row));
        }
        x
    }

    fn rotate(&self, turns: &[Vec<[f32; 2]>], x: &mut Matrix) {
        let stride = x.stride();
        x.values_mut()
            .par_chunks_mut(stride)
            .zip(turns)
            .with_min_len(16)
            .for_each(|(row, turn)| self.rope.rotate(turn, row, self.shape.head_width));
    }

    /// Finishes keys, and writes them and the values to the pages.
    #[allow(clippy::too_many_arguments)]
    fn keep(
        &self,
        set: InstructionSet,
        layer: &Layer,
        index: usize,
        rows: &[KeyedRow],
        turns: &[Vec<[f32; 2]>],
        pieces: &mut [Piece<'_>],
        at: &mut Activations,
    ) {
        if let Some([_, norm]) = &layer.head_norms {
            normalise_parts(set, &mut at.keys, norm, self.shape.epsilon);
        }
        self.rotate(turns, &mut at.keys);
        for (row, place) in rows.iter().enumerate() {
            let piece = &mut pieces[place.text];
            let page = &mut piece.fresh[place.position / PAGE - piece.past.len()];
            let (keys, values) = (at.keys.row(row), at.values.row(row));
            page.write(index, place.position % PAGE, keys, values);
        }
    }
}
