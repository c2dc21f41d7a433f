"""KPIs: versioned definitions, and the one engine that evaluates all of them."""
