"""Durability under fire: a server under load while processes die, disks, networks, clocks and databases fail. See docs/TESTING.md."""
