// One line chart: SVG, redrawn when its data or width change; the cursor moves without a redraw.

const SEED_DASHES = [null, "7 3", "2 3", "9 3 2 3"];
const MARGIN = { top: 12, right: 14, bottom: 40, left: 62 };

// `lines`: [{label, run, dash, points: [{step, x, mean, low, high, count}], at: step → point}]; `run` is the run's index.
class Chart {
  constructor(readout) {
    this.readout = readout;
    this.lines = [];
    this.step = null;
    this.element = h("div", {
      class: "chart", tabindex: "0", role: "slider", "aria-label": "Training step, arrow keys move", "aria-valuenow": "0",
      onkeydown: (event) => this.key(event),
      onpointermove: (event) => this.point(event), onpointerdown: (event) => this.point(event),
    });
    new ResizeObserver(() => {
      if (this.element.clientWidth !== this.width) this.draw();
    }).observe(this.element);
  }

  show(lines, options) {
    this.lines = lines;
    this.options = options;
    this.steps = [...new Set(lines.flatMap((line) => line.points.map((p) => p.step)))].sort((a, b) => a - b);
    if (!this.steps.includes(this.step)) this.step = this.steps.at(-1) ?? null;
    this.draw();
    this.buildReadout();
    this.move(this.step);
  }

  draw() {
    if (!this.options) return;
    this.width = this.element.clientWidth;
    const width = Math.max(260, this.width), height = width < 520 ? 280 : 380;
    const { log, metric } = this.options;
    const usable = (p) => !log || p.low > 0;
    const view = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
    this.cursor = null;
    let low = Infinity, high = -Infinity, left = Infinity, right = -Infinity;
    for (const line of this.lines) {
      for (const p of line.points) {
        left = Math.min(left, p.x);
        right = Math.max(right, p.x);
        if (!usable(p)) continue;
        low = Math.min(low, this.options.bands ? p.low : p.mean);
        high = Math.max(high, this.options.bands ? p.high : p.mean);
      }
    }
    if (low > high) {
      const why = log && this.lines.some((line) => line.points.length) ? "No positive value to draw on a log axis" : this.options.empty;
      view.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, why));
      this.element.replaceChildren(view);
      return;
    }
    const xs = [MARGIN.left, width - MARGIN.right], ys = [height - MARGIN.bottom, MARGIN.top];
    this.x = scale([left, right], xs, false);
    this.y = scale([low, high], [ys[0] - 6, ys[1]], log);
    this.axes(view, xs, ys, metric);
    for (const line of this.lines) this.line(view, line, usable, xs[1] - xs[0]);
    this.cursor = svg("line", { class: "cursor", y1: ys[1], y2: ys[0] });
    this.marks = this.lines.map((line) => svg("circle", { class: `r${line.run}`, r: 3.5, visibility: "hidden" }));
    view.append(this.cursor, ...this.marks);
    this.element.replaceChildren(view);
    this.place();
  }

  axes(view, xs, ys, metric) {
    for (const tick of this.y.ticks) {
      const y = this.y.at(tick);
      view.append(svg("line", { class: "grid", x1: xs[0], x2: xs[1], y1: y, y2: y }));
      view.append(svg("text", { x: xs[0] - 6, y: y + 4, "text-anchor": "end" }, format(tick)));
    }
    for (const tick of this.x.ticks.filter((tick) => !this.options.stepped || Number.isInteger(tick))) {
      const text = this.options.stepped ? String(tick) : format(tick);
      view.append(svg("text", { x: this.x.at(tick), y: ys[0] + 17, "text-anchor": "middle" }, text));
    }
    view.append(svg("line", { class: "grid", x1: xs[0], x2: xs[1], y1: ys[0], y2: ys[0] }));
    view.append(svg("text", { x: (xs[0] + xs[1]) / 2, y: ys[0] + 34, "text-anchor": "middle" }, this.options.axis));
    const middle = (ys[0] + ys[1]) / 2;
    const turn = `rotate(-90 13 ${middle})`;
    view.append(svg("text", { x: 13, y: middle, "text-anchor": "middle", transform: turn }, metric));
  }

  line(view, line, usable, columns) {
    const pieces = [];
    let piece = [];
    for (const p of line.points) {
      if (usable(p)) piece.push(p);
      else if (piece.length) {
        pieces.push(piece);
        piece = [];
      }
    }
    if (piece.length) pieces.push(piece);
    const at = (p, value) => `${this.x.at(p.x).toFixed(1)},${this.y.at(value).toFixed(1)}`;
    for (const whole of pieces) {
      const run = thin(whole, columns);
      if (this.options.bands && run.some((p) => p.high > p.low)) {
        const outline = [...run.map((p) => at(p, p.high)), ...run.toReversed().map((p) => at(p, p.low))];
        view.append(svg("path", { class: `band r${line.run}`, d: `M${outline.join("L")}Z` }));
      }
      if (run.length === 1) {
        const [x, y] = at(run[0], run[0].mean).split(",");
        view.append(svg("circle", { class: `r${line.run}`, cx: x, cy: y, r: 3 }));
      }
      const d = `M${run.map((p) => at(p, p.mean)).join("L")}`;
      view.append(svg("path", { class: `line r${line.run}`, d, "stroke-dasharray": line.dash }));
    }
  }

  buildReadout() {
    const banded = this.options.banded;
    this.cells = this.lines.map(() => [h("td", { class: "number" }), h("td", { class: "number" })]);
    const rows = this.lines.map((line, i) => h("tr", {}, h("th", { scope: "row" }, swatch(line), " ", line.label), this.cells[i][0], banded ? this.cells[i][1] : null));
    this.caption = h("caption", {});
    const columns = banded ? ["run", "mean", "lowest to highest"] : ["run", "value"];
    const head = h("tr", {}, columns.map((name, i) => h("th", { scope: "col", class: i ? "right" : null }, name)));
    this.readout.replaceChildren(h("table", {}, this.caption, h("thead", {}, head), h("tbody", {}, rows)));
  }

  move(step) {
    this.step = step;
    this.place();
    if (step === null) {
      this.caption.textContent = "No value";
      return;
    }
    const words = [];
    this.lines.forEach((line, i) => {
      const p = line.at.get(step);
      this.cells[i][0].textContent = p ? format(p.mean) : "\u2013";
      this.cells[i][1].textContent = p && p.count > 1 ? `${format(p.low)} to ${format(p.high)}` : "";
      if (p) words.push(`${line.label} ${format(p.mean)}`);
    });
    this.caption.textContent = `${this.options.metric} at step ${step}`;
    const attributes = { "aria-valuemin": this.steps[0], "aria-valuemax": this.steps.at(-1), "aria-valuenow": step };
    fill(this.element, { ...attributes, "aria-valuetext": `step ${step}: ${words.slice(0, 8).join(", ")}` }, []);
  }

  place() {
    if (!this.cursor || this.step === null) return;
    // Against tokens or seconds each run has its own place at a step, so no line joins them.
    const x = this.x.at(this.step);
    fill(this.cursor, this.options.stepped ? { x1: x, x2: x, visibility: "visible" } : { visibility: "hidden" }, []);
    this.lines.forEach((line, i) => {
      const p = line.at.get(this.step);
      const there = p && (!this.options.log || p.low > 0);
      fill(this.marks[i], there ? { cx: this.x.at(p.x), cy: this.y.at(p.mean), visibility: "visible" } : { visibility: "hidden" }, []);
    });
  }

  point(event) {
    if (!this.steps?.length || !this.cursor) return;
    const box = this.element.firstChild.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.element.firstChild.viewBox.baseVal.width;
    let best = this.step, least = Infinity;
    for (const p of this.lines.flatMap((line) => line.points)) {
      const distance = Math.abs(this.x.at(p.x) - x);
      if (distance < least) [best, least] = [p.step, distance];
    }
    if (best !== this.step) this.move(best);
  }

  key(event) {
    if (!this.steps?.length) return;
    const last = this.steps.length - 1, here = this.steps.indexOf(this.step);
    const to = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, PageDown: here - 10, PageUp: here + 10, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.move(this.steps[Math.min(last, Math.max(0, to))]);
  }
}

function swatch(line) {
  const mark = svg("line", { class: `line r${line.run}`, x1: 0, x2: 24, y1: 6, y2: 6, "stroke-dasharray": line.dash });
  return svg("svg", { class: "swatch", viewBox: "0 0 24 12", "aria-hidden": "true" }, mark);
}
