//! Cortical surfaces: sampling of volumes, discs, flat maps.
