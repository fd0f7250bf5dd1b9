"""A process: configuration, wiring, command line. Floor 4: may import all below."""
