//! Trainable networks from a graph, on candle: masked training, losses, optimisers
