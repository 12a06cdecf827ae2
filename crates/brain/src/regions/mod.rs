//! Regions of the brain as tables, label volumes and surfaces.
