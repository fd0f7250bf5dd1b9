"""`python -m ganglion.simulation.venue`."""

from __future__ import annotations

from ganglion.simulation.venue.cli import main

raise SystemExit(main())
