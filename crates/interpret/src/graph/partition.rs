//! Nodes divided into communities.

use super::GraphError;
use serde::{Serialize, Serializer};

/// A division of nodes into communities, numbered by size (the largest is 0; of equal ones that of the first node).
///
/// Two divisions are equal if they are the same whatever their communities were called. In JSON the community
/// of each node.
///
/// ```
/// use emotome_interpret::graph::Partition;
/// let partition = Partition::new(&[7, 3, 3]);
/// assert_eq!(partition.labels(), [1, 0, 0]);
/// assert_eq!(partition, Partition::new(&[0, 1, 1]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    labels: Vec<u32>,
    communities: usize,
}

impl Partition {
    /// Divides nodes by their labels. O(n log n).
    #[must_use]
    pub fn new(labels: &[u32]) -> Self {
        let mut order: Vec<u32> = (0..labels.len() as u32).collect();
        order.sort_by_key(|&v| labels[v as usize]);
        let mut groups: Vec<&[u32]> = order
            .chunk_by(|&a, &b| labels[a as usize] == labels[b as usize])
            .collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
        let mut named = vec![0; labels.len()];
        for (name, group) in groups.iter().enumerate() {
            group.iter().for_each(|&v| named[v as usize] = name as u32);
        }
        Self {
            labels: named,
            communities: groups.len(),
        }
    }

    /// The community of each node.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.labels.len()
    }

    /// The number of communities.
    #[must_use]
    pub fn communities(&self) -> usize {
        self.communities
    }

    /// The nodes of each community in ascending order.
    #[must_use]
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.communities];
        for (node, &community) in self.labels.iter().enumerate() {
            members[community as usize].push(node);
        }
        members
    }

    pub(super) fn covers(&self, nodes: usize) -> Result<(), GraphError> {
        if self.nodes() == nodes {
            return Ok(());
        }
        Err(GraphError::Mismatch {
            what: "nodes of two divisions or of a graph and its division",
            left: self.nodes(),
            right: nodes,
        })
    }
}

impl Serialize for Partition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.labels.serialize(serializer)
    }
}
