//! Regions in the voxels or vertices of a study.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use super::{parcels::Parcels, table::RegionTable};

/// A region and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Its voxels or vertices, ascending; none where no parcel of it was found.
    pub members: Vec<usize>,
    /// The parcels that were found, as their file names them.
    pub parcels: Vec<String>,
}

/// A row of the table that no parcel of the study answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The line of the table.
    pub line: usize,
    /// The region.
    pub group: String,
    /// The parcel as the table has it.
    pub parcel: String,
    /// Parcels with a similar name, the most similar first.
    pub near: Vec<String>,
}

/// Voxels that belong to two regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Names of the two, in the order of the table.
    pub regions: [String; 2],
    /// How many they share.
    pub members: usize,
}

/// What became of a table of regions in a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// All regions of the table, in its order, empty ones too.
    pub regions: Vec<Region>,
    /// Rows without a parcel.
    pub unmatched: Vec<Unmatched>,
    /// Pairs of regions that share voxels.
    pub overlaps: Vec<Overlap>,
    /// Voxels in no region.
    pub outside: usize,
}

impl Resolved {
    /// Names of the regions without any voxel.
    pub fn empty(&self) -> Vec<&str> {
        let empty = self
            .regions
            .iter()
            .filter(|region| region.members.is_empty());
        empty.map(|region| region.name.as_str()).collect()
    }
}

impl fmt::Display for Resolved {
    /// What a person should know before using the regions, one sentence a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} regions; {} voxels lie in none of them",
            self.regions.len(),
            self.outside
        )?;
        if !self.empty().is_empty() {
            writeln!(f, "without any voxel: {}", self.empty().join(", "))?;
        }
        for row in &self.unmatched {
            let near = match row.near.is_empty() {
                true => String::new(),
                false => format!("; similar names: {}", row.near.join(", ")),
            };
            writeln!(
                f,
                "line {}: no parcel {:?} (for {}){near}",
                row.line, row.parcel, row.group
            )?;
        }
        for overlap in &self.overlaps {
            let [a, b] = &overlap.regions;
            writeln!(f, "{a} and {b} share {} voxels", overlap.members)?;
        }
        Ok(())
    }
}

/// A table names parcels that a study does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table} names parcels that are not in the data: {}", list(.rows))]
pub struct UnknownParcels {
    /// The table.
    pub table: String,
    /// The rows.
    pub rows: Vec<Unmatched>,
}

fn list(rows: &[Unmatched]) -> String {
    let rows = rows.iter().map(|row| {
        let near = match row.near.is_empty() {
            true => String::new(),
            false => format!(", did you mean {}?", row.near.join(" or ")),
        };
        format!("{:?} (line {}{near})", row.parcel, row.line)
    });
    rows.collect::<Vec<_>>().join("; ")
}

impl RegionTable {
    /// Whether every row has a parcel in the study; presets may name more than a study has, a table that somebody
    /// wrote for it should not.
    ///
    /// # Errors
    /// [`UnknownParcels`] with all such rows and similar names.
    pub fn check(&self, parcels: &Parcels) -> Result<(), UnknownParcels> {
        let rows = resolve(self, parcels).unmatched;
        match rows.is_empty() {
            true => Ok(()),
            false => Err(UnknownParcels {
                table: self.name.clone(),
                rows,
            }),
        }
    }
}

/// The voxels or vertices of each region, with a report of what is missing or shared.
///
/// O(rows + members of all regions · regions a voxel is in).
///
/// ```
/// use emotome_brain::regions::{Parcels, RegionTable, resolve};
/// let parcels = Parcels::from_members(
///     9,
///     [("hcp180_r_lh.L_MST_ROI".into(), vec![2, 3]), ("hcp180_r_rh.R_MST_ROI".into(), vec![7])],
/// )?;
/// let table = RegionTable::read("mine", "group\tparcel\nmotion\tMST\nmotion\tMTS\n").unwrap();
/// let found = resolve(&table, &parcels);
/// assert_eq!(found.regions[0].members, [2, 3, 7]);
/// assert_eq!(found.unmatched[0].near, ["MST"]);
/// # Ok::<(), emotome_brain::regions::LabelError>(())
/// ```
pub fn resolve(table: &RegionTable, parcels: &Parcels) -> Resolved {
    let mut by_stem: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, (_, key, _)) in parcels.parcels.iter().enumerate() {
        by_stem.entry(&key.stem).or_default().push(place);
    }
    let groups = table.groups();
    let mut regions: Vec<Region> = groups
        .iter()
        .map(|name| Region {
            name: (*name).to_owned(),
            members: Vec::new(),
            parcels: Vec::new(),
        })
        .collect();
    let mut unmatched = Vec::new();
    for row in &table.rows {
        let mut found = false;
        for &place in by_stem.get(row.stem.as_str()).into_iter().flatten() {
            let (name, key, members) = &parcels.parcels[place];
            if row.side.includes(key.hemisphere)
                && let Some(region) = regions.iter_mut().find(|region| region.name == row.group)
            {
                found = true;
                region.members.extend_from_slice(members);
                region.parcels.push(name.clone());
            }
        }
        if !found {
            unmatched.push(Unmatched {
                line: row.line,
                group: row.group.clone(),
                parcel: row.parcel.clone(),
                near: near(&row.stem, parcels),
            });
        }
    }
    let mut owners: Vec<Vec<u32>> = vec![Vec::new(); parcels.len];
    for (place, region) in regions.iter_mut().enumerate() {
        region.members.sort_unstable();
        region.members.dedup();
        for &member in &region.members {
            owners[member].push(place as u32);
        }
    }
    let mut shared: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for owners in &owners {
        for (k, &a) in owners.iter().enumerate() {
            for &b in &owners[k + 1..] {
                *shared.entry((a, b)).or_default() += 1;
            }
        }
    }
    let overlaps = shared
        .into_iter()
        .map(|((a, b), members)| Overlap {
            regions: [a, b].map(|place| groups[place as usize].to_owned()),
            members,
        })
        .collect();
    Resolved {
        regions,
        unmatched,
        overlaps,
        outside: owners.iter().filter(|owners| owners.is_empty()).count(),
    }
}

/// At most three names with the fewest changed letters, one in three at most; capitals do not count.
fn near(stem: &str, parcels: &Parcels) -> Vec<String> {
    let wanted = stem.to_lowercase();
    let most = (wanted.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = parcels
        .stems()
        .into_iter()
        .filter(|known| *known != stem && known.len().abs_diff(stem.len()) <= 4 * most)
        .map(|known| (distance(&wanted, &known.to_lowercase()), known))
        .filter(|(changes, _)| *changes <= most)
        .collect();
    near.sort_unstable();
    let least = near.first().map_or(0, |first| first.0);
    let near = near.into_iter().filter(|(changes, _)| *changes == least);
    near.take(3).map(|(_, known)| known.to_owned()).collect()
}

/// Letters to insert, delete, replace or exchange with their neighbour (Damerau 1964), O(a · b).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (i, 0) => i,
                (0, j) => j,
                _ => {
                    let change = usize::from(a[i - 1] != b[j - 1]);
                    let plain = (rows[i - 1][j] + 1)
                        .min(rows[i][j - 1] + 1)
                        .min(rows[i - 1][j - 1] + change);
                    let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if swap {
                        plain.min(rows[i - 2][j - 2] + 1)
                    } else {
                        plain
                    }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}
