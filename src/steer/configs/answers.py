"""Names of answer types, for data sets and for the verifier (`steer.verify.math.answer_types` says what they do)."""

import re

MEANINGFUL = {"real", "text", "choice"}
# Names of data sets in use, without effect on a verdict.
NAMES = ("integer", "expression", "equation", "tuple", "set", "list", "interval", "matrix", "unit", "base")
TOLERANCE = re.compile(r"real:(rel|abs)=((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", re.ASCII)
