"""The drawn figures, small enough to live inside the page.

A PNG becomes lossless WebP with a palette: charts have few colours, and without the blends of their edges take half the
bytes. Where all of them together exceed the budget they are scaled down alike, and the page says so.
"""

import base64
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from steer.report.tables import natural, title_of

# Widths tried in turn, in pixels; at the last the picture is also stored with loss.
WIDTHS = (1800, 1400, 1100, 900, 700)
COLOURS = 128
SVG_LIMIT = 150_000


@dataclass(frozen=True)
class Figure:
    """`path` is the PNG or SVG, None where only a PDF exists; `others` are the formats beside it."""

    id: str
    title: str
    caption: str
    path: Path | None
    others: list[str]


@dataclass(frozen=True)
class Image:
    uri: str
    width: int | None
    height: int | None


def find_figures(folder: Path, missing: list[str]) -> list[Figure]:
    """One `Figure` per name in `folder`, by id. A PNG is preferred to a large SVG."""
    kinds = {".png", ".svg", ".pdf"}
    paths = [path for path in folder.glob("*") if path.suffix in kinds and not path.name.startswith(".")]
    if not paths:
        missing.append("figures/: no figure")
    figures = []
    for stem in sorted({path.stem for path in paths}, key=natural):
        formats = {path.suffix: path for path in paths if path.stem == stem}
        svg = formats.get(".svg")
        if svg and ".png" in formats and svg.stat().st_size > SVG_LIMIT:
            svg = None
        path = svg or formats.get(".png")
        if path is None:
            missing.append(f"figures/{stem}: only a PDF, which a page cannot embed")
        others = [formats[kind].name for kind in sorted(formats)]
        figures.append(Figure(stem.partition("_")[0], title_of(stem), _caption(folder, stem), path, others))
    return figures


def _caption(folder: Path, stem: str) -> str:
    """`<stem>.json` with a `caption`, or `<stem>.md` / `.txt`; empty where there is none."""
    sidecar = folder / f"{stem}.json"
    if sidecar.is_file():
        try:
            value = json.loads(sidecar.read_text(encoding="utf-8", errors="replace"))
        except json.JSONDecodeError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("caption"), str):
            return value["caption"].strip()
    for kind in (".md", ".txt", ".rst"):
        if (folder / f"{stem}{kind}").is_file():
            return (folder / f"{stem}{kind}").read_text(encoding="utf-8", errors="replace").strip()
    return ""


def embed(figures: list[Figure], budget: int, missing: list[str]) -> tuple[dict[str, Image], int]:
    """Images by title with all URIs within `budget` bytes if the smallest width allows, and the width used."""
    width, images = WIDTHS[0], {}
    # The encoder works without the interpreter's lock.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        sources = list(pool.map(_read, figures))
        for width in WIDTHS:
            images, left = {}, budget
            made = pool.map(partial(_image, width=width), sources)
            for figure, image in zip(figures, made, strict=True):
                if image is not None:
                    images[figure.title] = image
                    left -= len(image.uri)
                if left < 0 and width != WIDTHS[-1]:
                    made.close()  # what has not begun is not made
                    break
            else:
                break
    missing.extend(source for source in sources if isinstance(source, str))
    return images, width


def _read(figure: Figure) -> "Pillow.Image | Image | str | None":
    """The picture, an image that is ready, or why there is none; None where there is nothing to show."""
    if figure.path is None:
        return None
    if figure.path.suffix == ".svg":
        return Image(_uri("image/svg+xml", figure.path.read_bytes()), None, None)
    try:
        with Pillow.open(figure.path) as opened:
            return opened.convert("RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB")
    except (OSError, SyntaxError) as error:
        return f"figures/{figure.path.name} is left out: {error}"


def _image(source: "Pillow.Image | Image | str | None", width: int) -> Image | None:
    """What `_read` gave, at most `width` pixels wide; at the last width stored with loss."""
    if not isinstance(source, Pillow.Image):
        return source if isinstance(source, Image) else None
    picture = source
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Pillow.Resampling.LANCZOS)
    lossless = width != WIDTHS[-1]
    if lossless:
        picture = _few_colours(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=lossless, quality=80, method=4)
    return Image(_uri("image/webp", buffer.getvalue()), picture.width, picture.height)


def _few_colours(picture: Any) -> Any:
    """The same picture in its `COLOURS` main colours; one that has transparency as it is."""
    if picture.mode == "RGBA" and picture.getextrema()[3][0] < 255:
        return picture
    return picture.convert("RGB").quantize(COLOURS, method=0, dither=0).convert("RGB")  # median cut, no dithering


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()
