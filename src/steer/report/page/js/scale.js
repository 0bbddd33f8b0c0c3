// Axes, numbers in words, smoothing, and the mean and range over seeds.

const MINUS = "\u2212";

function format(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "\u2013";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace(/-/g, MINUS);
}

function niceTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of high / low > 1e3 ? [1] : [1, 2, 5]) {
      const tick = factor * 10 ** power;
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return ticks.length > 1 ? ticks : [low, high];
}

// Values to pixels. `range` is [low, high] of the data; a flat line gets room around it.
function scale(range, pixels, log) {
  let [low, high] = range;
  if (log) {
    if (low === high) [low, high] = [low / 2, high * 2];
    const a = Math.log(low), b = Math.log(high);
    const at = (value) => pixels[0] + ((Math.log(value) - a) / (b - a)) * (pixels[1] - pixels[0]);
    return { at, ticks: logTicks(low, high) };
  }
  if (low === high) [low, high] = low === 0 ? [-1, 1] : [low - Math.abs(low) * 0.1, high + Math.abs(high) * 0.1];
  const at = (value) => pixels[0] + ((value - low) / (high - low)) * (pixels[1] - pixels[0]);
  return { at, ticks: niceTicks(low, high, Math.max(2, Math.abs(pixels[1] - pixels[0]) / 60)) };
}

// Mean of the values there are among the last `window`.
function smooth(values, window) {
  if (window <= 1) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    let sum = 0, count = 0;
    for (let j = Math.max(0, i - window + 1); j <= i; j++) {
      if (values[j] === null) continue;
      sum += values[j];
      count++;
    }
    return sum / count;
  });
}

// [{steps, along, values}] of one run's seeds to one series: at each step the mean over the seeds that have a value,
// the lowest and highest of them, and `x`, the mean of what they are drawn against. Without `stepped` only the steps that
// every seed has: where a slow seed ends, the mean of tokens or minutes would jump back. `left`: the steps left out.
function overSeeds(all, stepped) {
  const seeds = all.filter(({ along, values }) => values.some((value, i) => value !== null && along[i] !== null));
  const at = new Map();
  const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  for (const { steps, along, values } of seeds) {
    steps.forEach((step, i) => {
      if (step === null || along[i] === null) return;
      if (!at.has(step)) at.set(step, { values: [], along: [] });
      if (values[i] !== null) at.get(step).values.push(values[i]);
      at.get(step).along.push(along[i]);
    });
  }
  const valued = [...at.keys()].filter((step) => at.get(step).values.length).sort((a, b) => a - b);
  const kept = valued.filter((step) => stepped || at.get(step).along.length === seeds.length);
  const points = kept.map((step) => {
    const found = at.get(step).values;
    return {
      step, x: mean(at.get(step).along), mean: mean(found),
      low: Math.min(...found), high: Math.max(...found), count: found.length,
    };
  });
  return { points, left: valued.length - points.length };
}
