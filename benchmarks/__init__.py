"""What things cost, against rivals, in one run: `python -m benchmarks.NAME`. Ratios, never absolute promises."""
