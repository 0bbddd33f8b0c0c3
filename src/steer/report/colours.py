"""The runs' colours of the figures, as style rules for a light and a dark page."""

import colorsys

from steer.figures.looks import looks

LIGHT_GROUND, DARK_GROUND = "#ffffff", "#1c2024"
LEAST_CONTRAST = 3.0  # contrast of a line with the background, WCAG 2.2, success criterion 1.4.11
DOTS = 1.8  # figures count dashes in line widths, SVG in pixels


def contrast(first: str, second: str) -> float:
    """WCAG's contrast ratio of two `#rrggbb` colours, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def on_dark(colour: str) -> str:
    """Lighten the colour until it has enough contrast with the dark background; black and dark grey turn light."""
    hue, light, saturation = colorsys.rgb_to_hls(*_channels(colour))
    if saturation == 0 and light < 0.25:
        light = 1 - light
    return _moved(hue, light, saturation, DARK_GROUND, 0.01)


def on_light(colour: str) -> str:
    """Darken the colour until it has enough contrast with white."""
    return _moved(*colorsys.rgb_to_hls(*_channels(colour)), LIGHT_GROUND, -0.01)


def _moved(hue: float, light: float, saturation: float, ground: str, step: float) -> str:
    """Change the colour's lightness in steps away from the background until the contrast suffices."""
    while contrast(_hex(hue, light, saturation), ground) < LEAST_CONTRAST:
        light += step
    return _hex(hue, light, saturation)


def run_styles(runs: list[str]) -> str:
    """`.r<i>` sets the colour of the i-th run, `--run`."""
    colours = [look["color"] for look in looks(runs).values()]
    return "\n".join(f".r{i} {{ --run: light-dark({on_light(c)}, {on_dark(c)}); }}" for i, c in enumerate(colours))


def dashes(runs: list[str]) -> dict[str, str | None]:
    """Map each run to its line style as `stroke-dasharray`, None for a solid line."""
    styles = {run: look["linestyle"] for run, look in looks(runs).items()}
    return {run: None if s == "-" else " ".join(f"{DOTS * length:g}" for length in s[1]) for run, s in styles.items()}


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _hex(hue: float, light: float, saturation: float) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in colorsys.hls_to_rgb(hue, light, saturation))


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
