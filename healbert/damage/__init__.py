"""Damage: what is hit, by which method, and the receipt that proves it."""
