"""The smallest difference that a comparison could have shown."""

import math

from scipy import optimize, stats

ALPHA, POWER = 0.05, 0.8


def smallest_detectable(
    standard_error: float, degrees_of_freedom: float, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The true difference that a two-sided t-test of level `alpha` finds with probability `power`.

    With nu degrees of freedom the statistic of a true difference delta has the noncentral t distribution of noncentrality
    delta / standard_error; delta solves P(T > t_{1 - alpha/2, nu}) = power (Cohen 1988, chapter 2). That T falls beyond the
    bound of the other sign, with a probability below alpha / 2, does not count as found. The standard error is the one
    estimated here, so this speaks of further studies that vary as this one does. NaN where there is none.

    Raises:
        ValueError: alpha or power outside (0, 1), or a power that alpha alone exceeds.
    """
    if not 0 < alpha < power < 1:
        raise ValueError(f"The power must lie between alpha and 1, not be {power} at an alpha of {alpha}.")
    if math.isnan(standard_error):
        return math.nan
    critical = stats.t.ppf(1 - alpha / 2, degrees_of_freedom)

    def missing(noncentrality: float) -> float:
        return float(stats.nct.sf(critical, degrees_of_freedom, noncentrality)) - power

    # As the noncentrality exceeds the critical value by more and more, the power goes to one.
    most = critical + stats.t.ppf(power, degrees_of_freedom)
    while missing(most) < 0:
        most *= 2
    return standard_error * float(optimize.brentq(missing, 0, most))
