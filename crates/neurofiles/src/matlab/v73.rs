//! Version 7.3: HDF5 with MATLAB's attributes.

use std::path::Path;

use super::bytes::{class_named, product, whole};
use super::v5::checked_sparse;
use super::value::{Class, Numbers, Text, Value};
use super::{Context, DEEPEST, MatlabError};
use crate::hdf5::{Attributes, Dataset, Element, Group, Hdf5Error, Node, Source};

const NODE: usize = 400;

pub(super) fn read(
    path: &Path,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<(String, Value)>, MatlabError> {
    let source = Source::open(path)?;
    let root = source.root();
    let mut context = Context::new(path);
    let mut read = Vec::new();
    for name in root.datasets()? {
        if wanted(&name) {
            context.variable.clone_from(&name);
            let value = dataset(&root.dataset(&name)?, &mut context, 0)?;
            read.push((name, value));
        }
    }
    for name in root.groups()? {
        // #refs# and #subsystem# hold what variables refer to.
        if !name.starts_with('#') && wanted(&name) {
            context.variable.clone_from(&name);
            let value = group(&root.group(&name)?, &mut context, 0)?;
            read.push((name, value));
        }
    }
    Ok(read)
}

fn enter(depth: usize, context: &mut Context<'_>) -> Result<(), MatlabError> {
    context.take(1, NODE)?;
    if depth == DEEPEST {
        return Err(context.damaged(0, format!("more than {DEEPEST} values in one another")));
    }
    Ok(())
}

fn node(node: Node<'_>, context: &mut Context<'_>, depth: usize) -> Result<Value, MatlabError> {
    match node {
        Node::Dataset(inner) => dataset(&inner, context, depth),
        Node::Group(inner) => group(&inner, context, depth),
    }
}

fn nodes(
    dataset: &Dataset<'_>,
    context: &mut Context<'_>,
    depth: usize,
) -> Result<Vec<Value>, MatlabError> {
    let elements = dataset
        .shape()
        .iter()
        .fold(1u64, |n, &dim| n.saturating_mul(dim));
    context.take(usize::try_from(elements).unwrap_or(usize::MAX), NODE)?;
    let targets = dataset.targets()?.into_iter();
    targets
        .map(|target| node(target, context, depth + 1))
        .collect()
}

/// MATLAB's dimensions: those of HDF5 the other way round.
fn dims(dataset: &Dataset<'_>) -> Result<Vec<usize>, Hdf5Error> {
    let dims = dataset
        .shape()
        .iter()
        .rev()
        .map(|&dim| usize::try_from(dim));
    let mut dims: Vec<usize> = dims
        .collect::<Result<_, _>>()
        .map_err(|_| dataset.kind("an array in memory"))?;
    while dims.len() < 2 {
        dims.push(1);
    }
    Ok(dims)
}

fn dataset(
    dataset: &Dataset<'_>,
    context: &mut Context<'_>,
    depth: usize,
) -> Result<Value, MatlabError> {
    enter(depth, context)?;
    let attributes = dataset.attributes()?;
    let class = text(&attributes, "MATLAB_class");
    if attributes.get("MATLAB_empty").and_then(|a| a.number()) == Some(1.0) {
        let dims: Option<Vec<usize>> = dataset.read_f64()?.into_iter().map(whole).collect();
        let dims = dims.filter(|dims| dims.len() >= 2 && product(dims) == Some(0));
        let dims = dims.ok_or_else(|| dataset.kind("the dimensions of an empty array"))?;
        return Ok(match class {
            Some("char") => Value::Text(Text {
                dims,
                units: Vec::new(),
            }),
            Some("cell") => Value::Cell {
                dims,
                cells: Vec::new(),
            },
            Some("struct") => Value::Struct {
                dims,
                fields: Vec::new(),
                class: None,
            },
            other => Value::Numbers(Numbers {
                class: other.and_then(class_named).unwrap_or(Class::Double),
                dims,
                re: Vec::new(),
                im: None,
            }),
        });
    }
    let dims = dims(dataset)?;
    let count = product(&dims).unwrap_or(usize::MAX);
    Ok(match (dataset.element(), class) {
        (Element::Reference, _) => Value::Cell {
            cells: nodes(dataset, context, depth)?,
            dims,
        },
        (Element::Complex(_), named) => {
            context.take(count, 16)?;
            let (re, im) = dataset.read_complex()?;
            Value::Numbers(Numbers {
                class: named.and_then(class_named).unwrap_or(Class::Double),
                dims,
                re,
                im: Some(im),
            })
        }
        (Element::Float(_) | Element::Int { .. }, Some("char")) => {
            context.take(count, 10)?;
            let units = dataset.read_f64()?;
            Value::Text(Text {
                dims,
                units: units.iter().map(|&unit| unit as u16).collect(),
            })
        }
        (&(Element::Float(_) | Element::Int { .. }), None) | (_, Some(_))
            if class.is_none_or(|class| class_named(class).is_some()) =>
        {
            context.take(count, 8)?;
            Value::Numbers(Numbers {
                class: class
                    .and_then(class_named)
                    .unwrap_or_else(|| own_class(dataset.element())),
                dims,
                re: dataset.read_f64()?,
                im: None,
            })
        }
        // Not MATLAB's, but what h5py and hdf5storage write.
        (Element::Text, _) => {
            let texts = dataset.read_texts()?;
            let bytes = texts.iter().map(String::len).sum();
            context.take(bytes, 2)?;
            context.take(texts.len(), NODE)?;
            let mut cells = texts.into_iter().map(|text| {
                let units: Vec<u16> = text.encode_utf16().collect();
                Value::Text(Text {
                    dims: vec![1, units.len()],
                    units,
                })
            });
            match (dataset.shape(), cells.next()) {
                ([], Some(one)) => one,
                (_, first) => Value::Cell {
                    cells: first.into_iter().chain(cells).collect(),
                    dims,
                },
            }
        }
        (_, other) => Value::Opaque {
            class: other.unwrap_or("unknown").to_owned(),
        },
    })
}

fn own_class(element: &Element) -> Class {
    match *element {
        Element::Float(4) => Class::Single,
        Element::Int { bytes, signed } => match (bytes, signed) {
            (1, true) => Class::Int8,
            (1, false) => Class::Uint8,
            (2, true) => Class::Int16,
            (2, false) => Class::Uint16,
            (4, true) => Class::Int32,
            (4, false) => Class::Uint32,
            (_, true) => Class::Int64,
            (_, false) => Class::Uint64,
        },
        _ => Class::Double,
    }
}

fn group(group: &Group<'_>, context: &mut Context<'_>, depth: usize) -> Result<Value, MatlabError> {
    enter(depth, context)?;
    let attributes = group.attributes()?;
    if let Some(rows) = attributes.get("MATLAB_sparse").and_then(|a| a.number()) {
        return sparse(group, rows, &attributes, context);
    }
    let (mut dims, mut fields) = (vec![1, 1], Vec::new());
    for name in group.datasets()? {
        let inner = group.dataset(&name)?;
        // A struct array has its elements referred to, and no class at its fields.
        let array = inner.element() == &Element::Reference
            && !inner.attributes()?.contains_key("MATLAB_class");
        let values = if array {
            dims = self::dims(&inner)?;
            nodes(&inner, context, depth)?
        } else {
            vec![dataset(&inner, context, depth + 1)?]
        };
        fields.push((name, values));
    }
    for name in group.groups()? {
        let value = self::group(&group.group(&name)?, context, depth + 1)?;
        fields.push((name, vec![value]));
    }
    let count = product(&dims);
    if fields.iter().any(|(_, values)| Some(values.len()) != count) {
        let what = format!("{} has fields of unequal lengths", group.path());
        return Err(context.damaged(0, what));
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let class = text(&attributes, "MATLAB_class").filter(|&class| class != "struct");
    Ok(Value::Struct {
        dims,
        fields,
        class: class.map(str::to_owned),
    })
}

fn sparse(
    group: &Group<'_>,
    rows: f64,
    attributes: &Attributes,
    context: &mut Context<'_>,
) -> Result<Value, MatlabError> {
    let mut part = |name: &str| {
        let part = group.dataset(name)?;
        let elements = part
            .shape()
            .iter()
            .fold(1u64, |n, &dim| n.saturating_mul(dim));
        context.take(usize::try_from(elements).unwrap_or(usize::MAX), 16)?;
        Ok::<_, MatlabError>(part)
    };
    let starts = part("jc")?.read_f64()?;
    // Without values MATLAB leaves both out.
    let (indices, re, im) = if group.datasets()?.iter().any(|name| name == "data") {
        let data = part("data")?;
        let (re, im) = match data.element() {
            Element::Complex(_) => {
                let (re, im) = data.read_complex()?;
                (re, Some(im))
            }
            _ => (data.read_f64()?, None),
        };
        (part("ir")?.read_f64()?, re, im)
    } else {
        (Vec::new(), Vec::new(), None)
    };
    let logical = text(attributes, "MATLAB_class") == Some("logical");
    let dims = [whole(rows).unwrap_or(0), starts.len().saturating_sub(1)];
    checked_sparse(&dims, &starts, &indices, re, im, logical)
        .map(Value::Sparse)
        .ok_or_else(|| {
            context.damaged(
                0,
                format!("{}: indices of a sparse matrix out of bounds", group.path()),
            )
        })
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(|attribute| attribute.text())
}
