"""What people look at: pages and the data dictionary."""
