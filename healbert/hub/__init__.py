"""The Hub: reaching it or doing without it, what is in the cache, model cards and pushing."""

from .errors import explain
from .reach import hub_is_off, refusal, resolve_commit, work_offline_if_unreachable

__all__ = ["explain", "hub_is_off", "refusal", "resolve_commit", "work_offline_if_unreachable"]
