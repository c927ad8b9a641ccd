"""Helpers shared by the rooms of the package; nothing here is public."""
