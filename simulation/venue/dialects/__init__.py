"""Wire protocols of the simulated venue: one folder each, named by `VenueSettings.dialect`."""
