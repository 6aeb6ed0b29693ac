"""The smallest true effect that a test would find in four experiments of five."""

import scipy

from .significance import ALPHA

POWER = 0.8  # the usual one (Cohen 1988): four experiments of five


def detectable_difference(error, df):
    """The true difference that a two-sided t test at 5% finds in 80% of experiments like this one.

    Args:
        error: standard error of the mean difference; df: its degrees of freedom. None gives None.
    """
    if not error:
        return None
    critical = scipy.stats.t.ppf(1 - ALPHA / 2, df)

    def lack(shift):
        return POWER - scipy.stats.nct.sf(critical, df, shift)  # the far side adds nothing here

    # Four critical values are wide enough for one degree of freedom too, where the critical value is 12.7.
    return float(error * scipy.optimize.brentq(lack, 0, 4 * critical + 4))
