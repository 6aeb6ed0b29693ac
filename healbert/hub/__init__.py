"""Reaching the Hub or doing without it, and what is cached."""
