//! Every neighbourhood of the brain compared with every model.
