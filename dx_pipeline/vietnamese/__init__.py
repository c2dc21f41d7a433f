"""Vietnamese text: spelling, legacy encodings, and patterns of personal data."""
