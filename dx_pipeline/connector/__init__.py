"""Connectors: how the bytes of a delivery are fetched. Each one only lands; none reads."""
