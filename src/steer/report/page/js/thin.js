// Fewer points to draw, of the same outline. What is read out comes from the points themselves.

// At most two points a column: the lowest and the highest of its mean, each with the extremes of the column's band.
function thin(points, columns) {
  if (points.length <= 2 * columns) return points;
  const kept = [points[0]];
  for (let column = 0; column < columns; column++) {
    const part = points.slice(Math.floor((column * points.length) / columns), Math.floor(((column + 1) * points.length) / columns));
    let lowest = part[0], highest = part[0], low = Infinity, high = -Infinity;
    for (const p of part) {
      if (p.mean < lowest.mean) lowest = p;
      if (p.mean > highest.mean) highest = p;
      low = Math.min(low, p.low);
      high = Math.max(high, p.high);
    }
    const pair = lowest.step < highest.step ? [lowest, highest] : [highest, lowest];
    for (const p of lowest === highest ? [lowest] : pair) kept.push({ step: p.step, x: p.x, mean: p.mean, low, high });
  }
  kept.push(points.at(-1));
  return kept;
}
