//! Studies with planted models, always marked synthetic.
