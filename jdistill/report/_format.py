"""Figures as a reader wants to see them."""

from jdistill.report._quality import Figure, Real
from jdistill.report._summary import Mean

MISSING = "–"
MINUS = "−"


def percent(mean: Mean | None) -> str:
    """A share in per cent, with its standard error.

    Example:
        >>> percent(Mean(0.93412, 0.0031)), percent(None)
        ('93.41 ±0.31', '–')
    """
    return MISSING if mean is None else with_error(100 * mean.value, mean.error, 100)


def share(value: Real | None) -> str:
    """A share in whole per cent.

    Example:
        >>> share(0.503), share(None)
        ('50', '–')
    """
    return MISSING if value is None else f"{100 * value:.0f}"


def with_error(value: Real, error: Real | None, scale: Real = 1) -> str:
    """A figure to two places, with its standard error where there is one.

    Example:
        >>> with_error(1.234, 0.5)
        '1.23 ±0.50'
    """
    tail = "" if error is None else f" ±{scale * error:.2f}"
    return f"{value:.2f}{tail}".replace("-", MINUS)


def decimal(mean: Mean | None) -> str:
    """A figure to three places.

    Example:
        >>> decimal(Mean(0.12345, None))
        '0.123'
    """
    return MISSING if mean is None else f"{mean.value:.3f}"


def short(value: Real | None) -> str:
    """A figure to three significant digits.

    Example:
        >>> short(173.28), short(0.0456), short(12000.0), short(None)
        ('173', '0.0456', '12000', '–')
    """
    if value is None:
        return MISSING
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def count(number: Real | None) -> str:
    """A number of things, to three significant digits.

    Example:
        >>> count(532), count(138_400), count(134_515_008), count(None)
        ('532', '138 k', '135 M', '–')
    """
    if number is None:
        return MISSING
    scaled = float(number)
    for unit in ("", " k", " M", " G"):
        if scaled < 999.5 or unit == " G":
            return f"{short(scaled)}{unit}"
        scaled /= 1000
    return MISSING


def size(bytes_: Real | None) -> str:
    """Bytes in thousands, to three significant digits.

    Example:
        >>> size(532), size(138_400), size(4_240_000), size(1e9)
        ('532 B', '138 kB', '4.24 MB', '1 GB')
    """
    if bytes_ is None:
        return MISSING
    scaled, unit = float(bytes_), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 999.5 or unit == "GB":
            break
        scaled /= 1000
    return f"{short(scaled)} {unit}"


def ratio(whole: Real | None, part: Real | None) -> str:
    """How many times smaller a part is than the whole.

    Example:
        >>> ratio(4_240_000, 138_400), ratio(None, 1), ratio(1.0, 1.0)
        ('30.6×', '–', '1×')
    """
    if not whole or not part:
        return MISSING
    return f"{short(whole / part)}×"


def figure(mean: Mean | None, of: Figure) -> str:
    """A figure of quality, with its standard error where its title is no short one.

    Example:
        >>> from jdistill.report._quality import ACCURACY, named
        >>> figure(Mean(0.93412, 0.0031), ACCURACY)
        '93.41 ±0.31'
        >>> figure(Mean(1.2345, None), *named('bits_per_byte')), figure(None, ACCURACY)
        ('1.234', '–')
    """
    if mean is None:
        return MISSING
    value, places = of.scale * mean.value, _places(of, mean.value)
    error = None if of.short else mean.error
    tail = "" if error is None else f" ±{of.scale * error:.{places}f}"
    return f"{value:.{places}f}{tail}".replace("-", MINUS)


def _places(of: Figure, value: Real) -> int:
    if of.scale == 100:
        return 2
    return 1 if abs(value) >= 10 else 3


def change(difference: Real | None, of: Figure) -> str:
    """A difference of two figures with its sign, of shares in percentage points.

    Example:
        >>> from jdistill.report._quality import ACCURACY, named
        >>> change(-0.0035, ACCURACY), change(0.0102, *named('kl'))
        ('−0.35', '+0.010')
    """
    if difference is None:
        return MISSING
    if of.scale == 100:
        return points(difference)
    text = f"{of.scale * difference:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", MINUS)


def points(difference: Real | None) -> str:
    """A difference of shares in percentage points, with its sign.

    Example:
        >>> points(-0.0035), points(0.0102), points(0.0)
        ('−0.35', '+1.02', '0.00')
    """
    if difference is None:
        return MISSING
    text = f"{100 * difference:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", MINUS)


def interval(low: Real | None, high: Real | None, of: Figure) -> str:
    """A confidence interval, of shares in percentage points.

    Example:
        >>> from jdistill.report._quality import ACCURACY
        >>> interval(-0.009, 0.0021, ACCURACY), interval(None, None, ACCURACY)
        ('−0.90 to +0.21', '–')
    """
    if low is None or high is None:
        return MISSING
    return f"{change(low, of)} to {change(high, of)}"


def seconds(value: Real) -> str:
    """A time as one says it.

    Example:
        >>> seconds(8.21), seconds(252), seconds(8000)
        ('8.2 s', '4 min 12 s', '2 h 13 min')
    """
    if value < 60:
        return f"{short(value) if value < 0.1 else f'{value:.1f}'} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
