"""The parts of `make bench`: rivals, load, CPU accounts, statistics, report."""
