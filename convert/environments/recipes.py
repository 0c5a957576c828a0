"""Owns which Python and which packages go with each scikit-learn. Data, and a look-up; asks nobody.

Every version is exact, and there are wheels of each for Linux and macOS, so that nothing is ever built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SMALL = ("python-dateutil==2.9.0.post0", "pytz==2024.2", "six==1.16.0", "tzdata==2024.2")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Python versions, the first preferred, and packages besides scikit-learn, as ``name==version``."""

    pythons: tuple[str, ...]
    packages: tuple[str, ...]


def _packages(numpy: str, scipy: str, pandas: str, joblib: str, threadpoolctl: str) -> tuple[str, ...]:
    main = (f"numpy=={numpy}", f"scipy=={scipy}", f"pandas=={pandas}")
    return (*main, f"joblib=={joblib}", f"threadpoolctl=={threadpoolctl}", *SMALL)


_NUMPY_1_23 = _packages("1.23.5", "1.10.1", "1.5.3", "1.3.2", "3.1.0")
_NUMPY_1_26 = _packages("1.26.4", "1.11.4", "2.1.4", "1.3.2", "3.1.0")
_NUMPY_2_0 = _packages("2.0.2", "1.13.1", "2.2.3", "1.4.2", "3.5.0")
_NUMPY_2_1 = _packages("2.1.3", "1.14.1", "2.2.3", "1.4.2", "3.5.0")
_NUMPY_2_2 = _packages("2.2.6", "1.15.3", "2.3.3", "1.5.3", "3.6.0")
_NUMPY_2_3 = _packages("2.3.5", "1.16.3", "2.3.3", "1.5.3", "3.6.0")

_BY_MINOR: dict[str, tuple[Recipe, ...]] = {
    "1.0": (Recipe(("3.9", "3.10", "3.8"), _NUMPY_1_23),),
    "1.1": (Recipe(("3.10", "3.9", "3.8", "3.11"), _NUMPY_1_23),),
    "1.2": (Recipe(("3.10", "3.11", "3.9"), _NUMPY_1_26),),
    "1.3": (Recipe(("3.11", "3.10", "3.9", "3.12"), _NUMPY_1_26),),
    "1.4": (Recipe(("3.11", "3.12", "3.10", "3.9"), _NUMPY_1_26),),
    "1.5": (Recipe(("3.12", "3.11", "3.10", "3.9"), _NUMPY_2_0), Recipe(("3.13",), _NUMPY_2_1)),
    "1.6": (Recipe(("3.12", "3.11", "3.10", "3.9"), _NUMPY_2_0), Recipe(("3.13",), _NUMPY_2_1)),
    "1.7": (Recipe(("3.13", "3.12", "3.11", "3.10"), _NUMPY_2_2),),
    "1.8": (Recipe(("3.13", "3.12", "3.11", "3.14"), _NUMPY_2_3),),
}


_RELEASES: dict[str, str] = {
    release: minor
    for minor, releases in {
        "1.0": ("1.0", "1.0.1", "1.0.2"),
        "1.1": ("1.1.0", "1.1.1", "1.1.2", "1.1.3"),
        "1.2": ("1.2.0", "1.2.1", "1.2.2"),
        "1.3": ("1.3.0", "1.3.1", "1.3.2"),
        "1.4": ("1.4.0", "1.4.1.post1", "1.4.2"),
        "1.5": ("1.5.0", "1.5.1", "1.5.2"),
        "1.6": ("1.6.0", "1.6.1"),
        "1.7": ("1.7.0", "1.7.1", "1.7.2"),
        "1.8": ("1.8.0",),
    }.items()
    for release in releases
}
_NUMBERS = re.compile(r"(\d{1,2}\.\d{1,2})(?:\.(\d{1,9}))?(?:(?:a|b|rc)\d{1,9}|\.(?:dev|post)\d{1,9})?", re.ASCII)


def recipes_for(version: str) -> tuple[Recipe, ...]:
    """How an environment with this scikit-learn is made, the preferred way first; none where no way is known."""
    return _BY_MINOR.get(_RELEASES.get(version, ""), ())


def nearest(version: str) -> str | None:
    """The release nearest to a version that may be none, among those of its two first numbers; None without any."""
    found = _NUMBERS.fullmatch(version)
    releases = [release for release, minor in _RELEASES.items() if found and minor == found[1]]
    wanted = int(found[2] or 0) if found else 0
    return min(releases, key=lambda release: abs(_patch(release) - wanted), default=None)


def _patch(release: str) -> int:
    return int((*release.split("."), "0")[2])


def pythons_for(version: str) -> list[str]:
    """Every Python that an environment with this scikit-learn may have, the preferred first."""
    return [python for recipe in recipes_for(version) for python in recipe.pythons]
