"""The exit statuses of `dx`."""

WELL, HELD_BACK, WRONG_USE = 0, 1, 2
"""All is well; something was held back; the command was used wrongly, or a declaration is wrong."""
