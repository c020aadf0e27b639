//! Files in and out: native models, data sets, hls_config
