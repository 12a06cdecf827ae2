//! Keys and values of sixteen positions, the unit in which prefixes are kept and shared.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Positions in a page: page i of a text holds positions 16 i … 16 i + 15.
pub(crate) const PAGE: usize = 16;

/// Sizes of what a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageShape {
    pub(crate) layers: usize,
    /// Heads of keys and values.
    pub(crate) heads: usize,
    /// Numbers in a key of a head, and in a value.
    pub(crate) width: usize,
}

impl PageShape {
    const fn head(self) -> usize {
        2 * PAGE * self.width
    }

    const fn len(self) -> usize {
        self.layers * self.heads * self.head()
    }

    /// Bytes of a page.
    pub(crate) const fn bytes(self) -> u64 {
        size_of::<f32>() as u64 * self.len() as u64
    }
}

/// Keys and values of all layers at sixteen positions.
///
/// For each layer and head, keys come first, a vector of sixteen positions for each number of a
/// key; then values, position after position.
#[derive(Debug)]
pub(crate) struct Page {
    numbers: Vec<f32>,
    pool: Arc<PagePool>,
}

impl Page {
    pub(crate) fn shape(&self) -> PageShape {
        self.pool.shape
    }

    /// Keys of a head: `[number][position]`.
    pub(crate) fn keys(&self, layer: usize, head: usize) -> &[f32] {
        self.head(layer, head).0
    }

    /// Values of a head: `[position][number]`.
    pub(crate) fn values(&self, layer: usize, head: usize) -> &[f32] {
        self.head(layer, head).1
    }

    fn head(&self, layer: usize, head: usize) -> (&[f32], &[f32]) {
        let shape = self.pool.shape;
        let start = (layer * shape.heads + head) * shape.head();
        self.numbers[start..start + shape.head()].split_at(PAGE * shape.width)
    }

    /// Writes keys and values of all heads at a position of the page.
    pub(crate) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let shape = self.pool.shape;
        assert!(position < PAGE && layer < shape.layers);
        let layer = &mut self.numbers[layer * shape.heads * shape.head()..];
        for (head, (key, value)) in keys
            .chunks_exact(shape.width)
            .zip(values.chunks_exact(shape.width))
            .take(shape.heads)
            .enumerate()
        {
            let (to, values) =
                layer[head * shape.head()..][..shape.head()].split_at_mut(PAGE * shape.width);
            for (to, key) in to.chunks_exact_mut(PAGE).zip(key) {
                to[position] = *key;
            }
            values[position * shape.width..][..shape.width].copy_from_slice(value);
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pool.live.fetch_sub(1, Ordering::Relaxed);
        let numbers = std::mem::take(&mut self.numbers);
        if let Ok(mut free) = self.pool.free.lock() {
            free.push(numbers);
        }
    }
}

/// Hands out pages, and takes them back when they are dropped.
#[derive(Debug)]
pub(crate) struct PagePool {
    shape: PageShape,
    live: AtomicUsize,
    free: Mutex<Vec<Vec<f32>>>,
}

impl PagePool {
    pub(crate) fn new(shape: PageShape) -> Arc<Self> {
        Arc::new(Self {
            shape,
            live: AtomicUsize::new(0),
            free: Mutex::default(),
        })
    }

    /// Pages handed out and not yet dropped.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// A page, with whatever numbers it last held; `None` if the system has no memory for it.
    pub(crate) fn page(self: &Arc<Self>) -> Option<Page> {
        let spare = self.free.lock().ok().and_then(|mut free| free.pop());
        let numbers = match spare {
            Some(numbers) => numbers,
            None => {
                let mut numbers = Vec::new();
                numbers.try_reserve_exact(self.shape.len()).ok()?;
                numbers.resize(self.shape.len(), 0.0);
                numbers
            }
        };
        self.live.fetch_add(1, Ordering::Relaxed);
        Some(Page {
            numbers,
            pool: Arc::clone(self),
        })
    }

    /// A page with the numbers of another.
    pub(crate) fn copy(self: &Arc<Self>, page: &Page) -> Option<Page> {
        let mut copy = self.page()?;
        copy.numbers.copy_from_slice(&page.numbers);
        Some(copy)
    }
}
