"""Check the colours of static/css/tokens.css; exits 1 if anything is below its limit.

WCAG contrast of every pair in use, identical dark blocks, and the distance of the
chart palette's colours under three kinds of colour blindness.

Run: python3 tools/contrast.py [--table]
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TOKENS = Path(__file__).resolve().parent.parent / "static/css/tokens.css"
STATUSES = ("ok", "warning", "critical", "info", "maintenance", "unknown")
GROUNDS = ("bg", "surface", "sunken", "hover", "selected")
TEXT, SHAPE = 4.5, 3.0
LEAST_PALETTE_DISTANCE = 0.1  # in OKLab
SRGB_KNEE = 0.04045  # below it, sRGB is linear

Theme = dict[str, str]
Pair = tuple[str, str, float]


def pairs() -> Iterator[Pair]:
    """Yield every foreground, its ground and the ratio it needs."""
    for ink, ground in itertools.product(("ink", "ink-2", "ink-3", "accent"), GROUNDS):
        yield ink, ground, TEXT
    for s in STATUSES:
        yield from ((f"{s}-text", ground, TEXT) for ground in (*GROUNDS, f"{s}-soft"))
        yield f"{s}-on", f"{s}-solid", TEXT
        for ground in ("bg", "surface", f"{s}-soft"):
            yield f"{s}-solid", ground, SHAPE
        yield from ((ink, f"{s}-soft", TEXT) for ink in ("ink", "accent"))
    yield from (
        ("ink-2", "line-soft", TEXT),
        ("accent-ink", "accent-hover", TEXT),
        ("inverse-ink", "inverse", TEXT),
        ("accent-ink", "accent", TEXT),
        ("accent", "accent-soft", TEXT),
        ("ink", "mark", TEXT),
        ("chart-axis", "surface", TEXT),
        ("chart-compare", "surface", SHAPE),
    )
    for ground in ("bg", "surface"):
        yield "focus", ground, SHAPE
        yield "line-control", ground, SHAPE
    yield from ((f"chart-{n}", "surface", SHAPE) for n in range(1, 9))
    for level in ("fatal", "error", "warn", "info"):
        yield f"level-{level}", "surface", SHAPE
    for name, ground in itertools.product(
        ("key", "string", "func", "op"), ("surface", "sunken")
    ):
        yield f"syn-{name}", ground, TEXT


# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def themes(css: str) -> list[Theme]:
    """Return the colour blocks in the order of the file: light, dark, dark again."""
    blocks = re.findall(r"color-scheme:[^}]+", css)
    return [
        dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", block)) for block in blocks
    ]


def linear(colour: str) -> list[float]:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [
        c / 12.92 if c <= SRGB_KNEE else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lights = sorted((luminance(one), luminance(other)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def oklab(rgb: list[float]) -> list[float]:
    cones = [
        math.cbrt(sum(w * c for w, c in zip(weights, rgb, strict=True)))
        for weights in (
            (0.4122, 0.5363, 0.0514),
            (0.2119, 0.6807, 0.1074),
            (0.0883, 0.2817, 0.6300),
        )
    ]
    rows = (
        (0.2105, 0.7936, -0.0041),
        (1.9780, -2.4286, 0.4506),
        (0.0259, 0.7828, -0.8087),
    )
    return [sum(w * c for w, c in zip(row, cones, strict=True)) for row in rows]


def nearest(theme: Theme) -> Iterator[tuple[str, float]]:
    """Yield, for each kind of sight, how near the two nearest chart colours come."""
    palette = [linear(theme[f"chart-{n}"]) for n in range(1, 9)]
    for sight, matrix in SIGHT.items():
        seen = [oklab([_seen_channel(row, rgb) for row in matrix]) for rgb in palette]
        yield sight, min(math.dist(a, b) for a, b in itertools.combinations(seen, 2))


def _seen_channel(row: tuple[float, ...], rgb: list[float]) -> float:
    return min(1.0, max(0.0, sum(m * c for m, c in zip(row, rgb, strict=True))))


def problems(css: str) -> list[str]:
    """Return what is wrong with a stylesheet of tokens; empty if nothing is."""
    light, dark, dark_again = themes(css)
    found = [] if dark == dark_again else ["the two dark blocks differ"]
    for name, theme in (("light", light), ("dark", dark)):
        for front, back, limit in pairs():
            ratio = contrast(theme[front], theme[back])
            if ratio < limit:
                found.append(f"{name}: {front} on {back} is {ratio:.1f}, needs {limit}")
        for sight, distance in nearest(theme):
            if distance < LEAST_PALETTE_DISTANCE:
                found.append(
                    f"{name}, {sight}: two chart colours are {distance:.3f} apart"
                )
    return found


def table(css: str) -> str:
    light, dark, _ = themes(css)
    head = "| text or shape | on | needs | light | dark |\n|---|---|---|---|---|"
    rows = (
        f"| {front} | {back} | {limit} | {contrast(light[front], light[back]):.1f} "
        f"| {contrast(dark[front], dark[back]):.1f} |"
        for front, back, limit in pairs()
    )
    return "\n".join((head, *rows))


def main() -> int:
    css = TOKENS.read_text()
    if "--table" in sys.argv:
        print(table(css))
    found = problems(css)
    print("\n".join(found) if found else "Colours: every pair has its contrast.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
