//! The model: layers, weights, shapes, attributes, hls configuration, masks
