"""Data inside the page: each piece is gzipped separately and unpacked by the browser when first viewed."""

import base64
import gzip
import json
import math
from typing import Any


def pack(value: Any) -> str:
    """JSON, gzip, base64. ASCII throughout, so no text in `value` can end the element that holds it."""
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def inline(value: Any) -> str:
    """JSON for a `<script type="application/json">`: `<` escaped, so that `</script>` and `<!--` cannot occur."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: Any, digits: int = 4) -> float | int | None:
    """A finite number with `digits` significant digits, else None (NaN, infinities and text have no place)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value if abs(value) < 1e15 else None
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def clip(text: Any, limit: int) -> str:
    """At most about `limit` characters: the beginning and the end, with the number left out between them."""
    text = "" if text is None else str(text)
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out here …]\n{text[-half:]}"
