"""Landing: deliveries as they were kept, immutable and named by their hash, and the log of fetch attempts."""
