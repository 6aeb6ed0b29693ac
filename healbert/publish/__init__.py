"""Towards the Hub: model cards, what a repository holds, pushing."""
