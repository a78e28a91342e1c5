"""airhandler: learned set-points for buildings and data centres, behind a shield."""

__version__ = "0.1.0"
