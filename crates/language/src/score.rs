//! Log-probabilities of next tokens after many prompts, what they share computed once.

use crate::cache::{Prefix, PrefixCache};
use crate::elementary::ln;
use crate::kernel::{LogSoftmax, log_softmax};
use crate::model::{Model, Piece};
use crate::page::{PAGE, Page, PagePool};
use crate::tokenizer::TokenId;
use crate::trie::Trie;
use emotome_lanes::InstructionSet;
use emotome_stimuli::run::Run;
use std::sync::Arc;

/// Most prompts whose logits are in memory at once.
const MOST_LOGITS: usize = 64;

/// Why prompts cannot be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A prompt has no token.
    #[error("prompt {prompt} is empty; expected at least one token")]
    Empty {
        /// Which prompt, from 0.
        prompt: usize,
    },
    /// A prompt is longer than the model reads.
    #[error(
        "prompt {prompt} has {tokens} tokens, and the model reads at most {context}: shorten the template or the captions"
    )]
    TooLong {
        /// Which prompt, from 0.
        prompt: usize,
        /// Its tokens, those to be generated included.
        tokens: usize,
        /// Tokens the model reads.
        context: usize,
    },
    /// A token is not in the vocabulary.
    #[error(
        "prompt {prompt} holds or asks for token {token}, and the vocabulary ends at {last}: was it made with this model's tokenizer?"
    )]
    Token {
        /// Which prompt, from 0.
        prompt: usize,
        /// The token.
        token: TokenId,
        /// The last token of the vocabulary.
        last: usize,
    },
    /// Keys and values of a single prompt do not fit.
    #[error(
        "prompt {prompt} needs {needed} bytes for keys and values, and {cache} are allowed: raise the cache's size"
    )]
    Cache {
        /// Which prompt, from 0.
        prompt: usize,
        /// Bytes it needs.
        needed: u64,
        /// Bytes that are allowed.
        cache: u64,
    },
    /// The system has no memory for keys and values.
    #[error("no memory for {bytes} more bytes of keys and values: lower the cache's size")]
    Memory {
        /// The bytes asked for.
        bytes: u64,
    },
    /// The network computed infinities or worse.
    #[error(
        "the model's logits after prompt {prompt} are not all finite numbers: its file is damaged"
    )]
    NotFinite {
        /// Which prompt, from 0.
        prompt: usize,
    },
    /// A stop was asked for.
    #[error("interrupted")]
    Interrupted,
}

/// How much memory scoring may take, and how it uses the processor. No choice changes a result.
///
/// | Parameter | Default |
/// |---|---|
/// | `cache_bytes` | 1 GiB |
/// | `batch_tokens` | 512 |
/// | `instructions` | the fastest this CPU has |
#[derive(Debug, Clone, Copy)]
pub struct ScorerParams {
    /// Most bytes of keys and values, in use and kept for later prompts.
    pub cache_bytes: u64,
    /// Tokens that pass through the network together: more use the processor better, and take more
    /// memory for activations.
    pub batch_tokens: usize,
    /// The instruction set of the kernels.
    pub instructions: InstructionSet,
}

impl Default for ScorerParams {
    fn default() -> Self {
        Self {
            cache_bytes: 1 << 30,
            batch_tokens: 512,
            instructions: InstructionSet::detect(),
        }
    }
}

/// A prompt, and the tokens whose log-probabilities after it are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The prompt's tokens, at least one.
    pub tokens: &'a [TokenId],
    /// The tokens asked about, in any order and number.
    pub wanted: &'a [TokenId],
}

/// How many tokens were asked for, and how many passed through the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Tokens of all prompts.
    pub asked: u64,
    /// Tokens computed; the rest was shared or known.
    pub computed: u64,
}

/// Why a continuation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The model gave this token, one of those to stop at; it is not part of the continuation.
    Stopped(TokenId),
    /// It has as many tokens as were allowed.
    Length,
}

/// Tokens that follow a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The tokens.
    pub tokens: Vec<TokenId>,
    /// Why there are no more.
    pub end: End,
}

/// Scores prompts with one model, and remembers what prompts began with.
///
/// Prompts are arranged as a trie, and each branch passes through the network once, many branches
/// together; keys and values of prefixes are kept for later calls, under a cap. Reuse is exact: a
/// position's keys and values depend on the tokens up to it alone, and every number is computed in
/// the same way whatever is computed beside it.
///
/// ```no_run
/// use emotome_language::score::{Query, Scorer, ScorerParams};
/// use emotome_language::{gguf::Gguf, model::Model, tokenizer::TokenId};
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
///
/// let model = Model::load(&Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf")?)?;
/// let mut scorer = Scorer::new(&model, ScorerParams::default());
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let answers = [33, 34, 35].map(TokenId);
/// let prompts = [[1, 9690, 198], [1, 9690, 2683]].map(|ids| ids.map(TokenId));
/// let prompts = prompts.each_ref().map(|tokens| Query { tokens, wanted: &answers });
/// for log_probabilities in scorer.log_probabilities(&prompts, run)? {
///     println!("{log_probabilities:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scorer<'a> {
    model: &'a Model,
    params: ScorerParams,
    pool: Arc<PagePool>,
    cache: PrefixCache,
    work: Work,
}

/// A branch on its way through the network.
struct Passage {
    branch: usize,
    /// Whole pages that were known.
    past: Vec<Arc<Page>>,
    /// Pages to be filled; the first may hold known positions.
    fresh: Vec<Page>,
    /// Where known positions end.
    start: usize,
}

impl<'a> Scorer<'a> {
    /// A scorer that remembers nothing yet; takes memory as prompts come.
    #[must_use]
    pub fn new(model: &'a Model, params: ScorerParams) -> Self {
        let pool = PagePool::new(model.page_shape());
        let cap = params.cache_bytes / model.page_shape().bytes();
        Self {
            model,
            params,
            cache: PrefixCache::new(
                Arc::clone(&pool),
                usize::try_from(cap).unwrap_or(usize::MAX),
            ),
            pool,
            work: Work::default(),
        }
    }

    /// What was done since the scorer was made.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// Forgets all prefixes; results stay the same.
    pub fn forget(&mut self) {
        self.cache.clear();
    }

    /// The log-probabilities of the wanted tokens after each prompt: log softmax of the logits over
    /// the whole vocabulary, natural logarithm.
    ///
    /// *O*(tokens not shared · weights); memory is that of the parameters, of activations of
    /// `batch_tokens` tokens, and of 64 rows of logits.
    ///
    /// # Errors
    /// [`ScoreError`]; what was computed until then is remembered.
    pub fn log_probabilities(
        &mut self,
        prompts: &[Query<'_>],
        run: Run<'_>,
    ) -> Result<Vec<Vec<f64>>, ScoreError> {
        let last = self.model.vocabulary() - 1;
        for (prompt, p) in prompts.iter().enumerate() {
            if let Some(&token) = p.wanted.iter().find(|token| token.index() > last) {
                return Err(ScoreError::Token {
                    prompt,
                    token,
                    last,
                });
            }
        }
        let mut answers: Vec<Vec<f64>> = vec![Vec::new(); prompts.len()];
        let texts: Vec<&[TokenId]> = prompts.iter().map(|prompt| prompt.tokens).collect();
        run.progress
            .begin("Scoring prompts", Some(texts.len() as u64));
        let scored = self.read(&texts, run, |prompt, logits, softmax| {
            let below = ln(softmax.sum);
            let log_probability =
                |token: &TokenId| f64::from(logits[token.index()]) - f64::from(softmax.max) - below;
            answers[prompt] = prompts[prompt].wanted.iter().map(log_probability).collect();
            run.progress.advance(1);
        });
        run.progress.end();
        scored.map(|()| answers)
    }

    /// Continues each prompt with the most probable token (of equals, the first of the vocabulary),
    /// again and again, until a token of `stop` or for `most_tokens` tokens.
    ///
    /// *O*(tokens · weights): each further token of a group of prompts is scored as a prompt whose
    /// start is known.
    ///
    /// # Errors
    /// As [`log_probabilities`](Self::log_probabilities); prompts must leave room for `most_tokens`.
    pub fn continue_greedily(
        &mut self,
        prompts: &[&[TokenId]],
        most_tokens: usize,
        stop: &[TokenId],
        run: Run<'_>,
    ) -> Result<Vec<Continuation>, ScoreError> {
        for (prompt, tokens) in prompts.iter().enumerate() {
            self.check(prompt, tokens, most_tokens)?;
        }
        let mut done = Vec::with_capacity(prompts.len());
        run.progress
            .begin("Continuing prompts", Some(prompts.len() as u64));
        let mut first = 0;
        while first < prompts.len() {
            // As many as are remembered together.
            let mut left = self.cap_pages();
            let fits = |tokens: &&&[TokenId]| {
                let pages = (tokens.len() + most_tokens).div_ceil(PAGE) + 1;
                let fits = pages <= left;
                left = left.saturating_sub(pages);
                fits
            };
            let count = prompts[first..]
                .iter()
                .take_while(fits)
                .take(MOST_LOGITS)
                .count()
                .max(1);
            let group = &prompts[first..first + count];
            let continued = self.continue_group(group, most_tokens, stop, run);
            done.extend(continued.map_err(|error| error.of_prompt(|prompt| first + prompt))?);
            run.progress.advance(count as u64);
            first += count;
        }
        run.progress.end();
        Ok(done)
    }

    fn continue_group(
        &mut self,
        prompts: &[&[TokenId]],
        most_tokens: usize,
        stop: &[TokenId],
        run: Run<'_>,
    ) -> Result<Vec<Continuation>, ScoreError> {
        let mut texts: Vec<Vec<TokenId>> = prompts.iter().map(|prompt| prompt.to_vec()).collect();
        let mut ends: Vec<Option<End>> = vec![None; prompts.len()];
        for _ in 0..most_tokens {
            let open: Vec<usize> = (0..texts.len()).filter(|&i| ends[i].is_none()).collect();
            let asked: Vec<&[TokenId]> = open.iter().map(|&i| texts[i].as_slice()).collect();
            let mut next = vec![TokenId(0); open.len()];
            self.read(&asked, run, |at, logits, softmax| {
                let best = logits.iter().position(|&logit| logit == softmax.max);
                next[at] = TokenId(best.unwrap_or(0) as u32);
            })
            .map_err(|error| error.of_prompt(|prompt| open[prompt]))?;
            for (&i, token) in open.iter().zip(next) {
                if stop.contains(&token) {
                    ends[i] = Some(End::Stopped(token));
                } else {
                    texts[i].push(token);
                }
            }
        }
        let continuations = texts.iter().zip(prompts).zip(ends);
        Ok(continuations
            .map(|((text, prompt), end)| Continuation {
                tokens: text[prompt.len()..].to_vec(),
                end: end.unwrap_or(End::Length),
            })
            .collect())
    }

    fn cap_pages(&self) -> usize {
        let cap = self.params.cache_bytes / self.model.page_shape().bytes();
        usize::try_from(cap).unwrap_or(usize::MAX)
    }

    fn check(&self, prompt: usize, tokens: &[TokenId], more: usize) -> Result<(), ScoreError> {
        let last = self.model.vocabulary() - 1;
        let context = self.model.context_length();
        let total = tokens.len().saturating_add(more);
        if tokens.is_empty() {
            return Err(ScoreError::Empty { prompt });
        }
        if total > context {
            return Err(ScoreError::TooLong {
                prompt,
                tokens: total,
                context,
            });
        }
        if let Some(&token) = tokens.iter().find(|token| token.index() > last) {
            return Err(ScoreError::Token {
                prompt,
                token,
                last,
            });
        }
        // One page more: a copy of one that is shared.
        if total.div_ceil(PAGE) + 1 > self.cap_pages() {
            return Err(self.too_big(prompt, total));
        }
        Ok(())
    }

    fn too_big(&self, prompt: usize, tokens: usize) -> ScoreError {
        ScoreError::Cache {
            prompt,
            needed: self.model.key_value_bytes(tokens + PAGE),
            cache: self.params.cache_bytes,
        }
    }

    /// Hands the logits after each text, in any order, to `take`.
    fn read(
        &mut self,
        texts: &[&[TokenId]],
        run: Run<'_>,
        mut take: impl FnMut(usize, &[f32], LogSoftmax),
    ) -> Result<(), ScoreError> {
        for (prompt, tokens) in texts.iter().enumerate() {
            self.check(prompt, tokens, 0)?;
            self.work.asked += tokens.len() as u64;
        }
        let trie = Trie::new(texts);
        // The branches to read, depth first: the last one next.
        let mut stack: Vec<usize> = trie.roots.iter().rev().copied().collect();
        while !stack.is_empty() {
            let mut batch = self.batch(&trie, texts, &mut stack)?;
            if batch.is_empty() {
                continue;
            }
            let (logits, softmax) = self.pass(&trie, texts, &mut batch, run)?;
            let mut row = 0;
            for passage in batch.into_iter().rev() {
                let branch = &trie.branches[passage.branch];
                stack.extend(branch.children.iter().rev());
                let fresh = passage.fresh.into_iter().map(Arc::new);
                let pages: Vec<_> = passage.past.into_iter().chain(fresh).collect();
                self.cache
                    .insert(&texts[branch.prompt][..branch.end], &pages);
                if branch.complete.is_empty() {
                    continue;
                }
                row += 1;
                let row = softmax.len() - row;
                for &prompt in &branch.complete {
                    if !softmax[row].sum.is_finite() {
                        return Err(ScoreError::NotFinite { prompt });
                    }
                    take(prompt, logits.row(row), softmax[row]);
                }
            }
        }
        Ok(())
    }

    /// Takes branches off the stack until there are `batch_tokens` tokens to compute, or memory is
    /// used up.
    fn batch(
        &mut self,
        trie: &Trie,
        texts: &[&[TokenId]],
        stack: &mut Vec<usize>,
    ) -> Result<Vec<Passage>, ScoreError> {
        let (mut batch, mut tokens, mut rows) = (Vec::new(), 0, 0);
        while let Some(&next) = stack.last() {
            let branch = &trie.branches[next];
            let text = &texts[branch.prompt][..branch.end];
            let mut known = self.cache.find(text);
            if known.tokens == text.len() {
                if branch.complete.is_empty() {
                    stack.pop();
                    stack.extend(branch.children.iter().rev());
                    continue;
                }
                // Logits come from passing the last token through the network.
                known.tokens -= 1;
                known.pages.truncate(known.tokens.div_ceil(PAGE));
            }
            let Prefix {
                mut pages,
                tokens: start,
            } = known;
            let new = text.len() - start;
            let full = !batch.is_empty()
                && (tokens + new > self.params.batch_tokens || rows >= MOST_LOGITS);
            let whole = start / PAGE;
            if full {
                break;
            }
            if !self.cache.make_room(text.len().div_ceil(PAGE) - whole) {
                if batch.is_empty() {
                    // Cannot be: each prompt by itself was compared with the cap.
                    return Err(self.too_big(branch.prompt, text.len()));
                }
                break;
            }
            let memory = || ScoreError::Memory {
                bytes: self.model.page_shape().bytes(),
            };
            let mut fresh = Vec::with_capacity(text.len().div_ceil(PAGE) - whole);
            if let Some(partial) = pages.get(whole) {
                fresh.push(self.pool.copy(partial).ok_or_else(memory)?);
            }
            pages.truncate(whole);
            while whole + fresh.len() < text.len().div_ceil(PAGE) {
                fresh.push(self.pool.page().ok_or_else(memory)?);
            }
            stack.pop();
            tokens += new;
            rows += usize::from(!branch.complete.is_empty());
            batch.push(Passage {
                branch: next,
                past: pages,
                fresh,
                start,
            });
        }
        Ok(batch)
    }

    /// Passes a batch through the network, a branch that is too long for a batch in parts.
    fn pass(
        &mut self,
        trie: &Trie,
        texts: &[&[TokenId]],
        batch: &mut [Passage],
        run: Run<'_>,
    ) -> Result<(crate::kernel::Matrix, Vec<LogSoftmax>), ScoreError> {
        let set = self.params.instructions;
        let most = self.params.batch_tokens.max(1);
        loop {
            let mut finished = true;
            let mut pieces: Vec<_> = Vec::with_capacity(batch.len());
            for passage in batch.iter_mut() {
                let branch = &trie.branches[passage.branch];
                let end = branch.end.min(passage.start + most);
                finished &= end == branch.end;
                pieces.push(Piece {
                    tokens: &texts[branch.prompt][passage.start..end],
                    start: passage.start,
                    past: &passage.past,
                    fresh: &mut passage.fresh,
                    wants_logits: end == branch.end && !branch.complete.is_empty(),
                });
                self.work.computed += (end - passage.start) as u64;
                passage.start = end;
            }
            let logits = self.model.forward(set, &mut pieces, run.interrupt);
            let logits = logits.ok_or(ScoreError::Interrupted)?;
            if finished {
                let softmax = log_softmax(set, &logits);
                return Ok((logits, softmax));
            }
        }
    }
}

impl ScoreError {
    /// The same, about another number of the prompt.
    fn of_prompt(mut self, rename: impl Fn(usize) -> usize) -> Self {
        match &mut self {
            Self::Empty { prompt }
            | Self::TooLong { prompt, .. }
            | Self::Token { prompt, .. }
            | Self::Cache { prompt, .. }
            | Self::NotFinite { prompt } => *prompt = rename(*prompt),
            Self::Memory { .. } | Self::Interrupted => {}
        }
        self
    }
}
