// Training curves: which runs, which metric, against what, smoothing, seeds apart or together, log axis.

const SHOWN_AT_FIRST = 6;
const BANDS_UP_TO = 12; // more of them cover one another, and take most of the time of drawing

function curvesApp(root) {
  const runs = index.runs.map((run, i) => ({ ...run, run: i })).filter((run) => run.seeds.length);
  const state = {
    metric: 0, axis: 0, window: 1, apart: false, log: false,
    chosen: new Set(runs.slice(0, SHOWN_AT_FIRST).map((run) => run.name)),
  };
  const definition = h("p", { class: "small" });
  const note = h("p", { class: "small", role: "status" });
  const readout = h("div", { class: "readout scroll", tabindex: "0", role: "region", "aria-label": "Values at the chosen step" });
  const chart = new Chart(readout);
  const made = new Map();
  let turn = 0;

  async function update() {
    const mine = ++turn;
    const axis = index.axes[state.axis];
    const wanted = ["axis-step", `axis-${axis.name}`, `metric-${state.metric}`];
    const [steps, along, values] = await Promise.all(wanted.map(chunk));
    if (mine !== turn) return;
    const chosen = runs.filter((run) => state.chosen.has(run.name));
    const lines = chosen.flatMap((run) => linesOf(run, steps, along, values));
    const metric = index.metrics[state.metric];
    definition.textContent = metric.text ? `${metric.name}: ${metric.text}` : metric.name;
    const empty = !chosen.length ? "No run chosen" : lines.length ? "No value of this metric in the chosen runs" : `No chosen run has: ${axis.label}`;
    chart.show(lines, { metric: metric.name, axis: axis.label, stepped: axis.name === "step", log: state.log, empty, banded: !state.apart, bands: !state.apart && lines.length <= BANDS_UP_TO });
    note.textContent = describe(chosen, lines);
  }

  // Kept until metric, axis, smoothing or the way of seeds changes: choosing a run computes that run alone.
  function linesOf(run, steps, along, values) {
    const key = JSON.stringify([state.metric, state.axis, state.window, state.apart]);
    if (made.get("") !== key) {
      made.clear();
      made.set("", key);
    }
    if (!made.has(run.name)) {
      const seeds = run.seeds.map((seed, i) => {
        const place = `${run.name}/${seed}`;
        const dash = SEED_DASHES[i % SEED_DASHES.length];
        return { seed, dash, steps: steps[place], along: along[place], values: smooth(values[place], state.window) };
      }).filter((seed) => seed.along);
      const groups = state.apart ? seeds.map((seed) => [seed]) : seeds.length ? [seeds] : [];
      made.set(run.name, groups.map((group) => {
        const label = state.apart ? `${run.label}, seed ${group[0].seed}` : run.label;
        const dash = state.apart ? group[0].dash : run.dash;
        const { points, left } = overSeeds(group, index.axes[state.axis].name === "step");
        return { label, run: run.run, dash, points, left, at: new Map(points.map((p) => [p.step, p])) };
      }));
    }
    return made.get(run.name);
  }

  function describe(chosen, lines) {
    if (!chosen.length) return "No run is chosen.";
    const parts = [];
    const empty = lines.filter((line) => !line.points.length).map((line) => line.label);
    if (empty.length) parts.push(`No value to draw: ${empty.join(", ")}.`);
    const { notes } = index.axes[state.axis];
    for (const run of chosen) {
      for (const note of new Set(run.seeds.map((seed) => notes[`${run.name}/${seed}`]).filter(Boolean))) {
        const these = run.seeds.filter((seed) => notes[`${run.name}/${seed}`] === note);
        const which = these.length < run.seeds.length ? `, seed ${these.join(", ")}` : "";
        parts.push(`${run.label}${which}: ${note}.`);
      }
    }
    if (!lines.length) return parts.join(" ");
    if (lines.some((line) => line.left)) parts.push("A mean is drawn where every seed of its run has the step.");
    if (state.window > 1) parts.push(`Each point is the mean of the last ${state.window} steps.`);
    const several = lines.some((line) => line.points.some((p) => p.count > 1));
    const bands = lines.length <= BANDS_UP_TO ? "Band: lowest to highest seed." : `Bands, the lowest to the highest seed, are drawn for up to ${BANDS_UP_TO} runs.`;
    if (!state.apart) parts.push(several ? `Line: mean over seeds. ${bands}` : "One seed, so no band.");
    if (state.log) parts.push("Steps without a positive value are not shown.");
    return parts.join(" ");
  }

  const boxes = runs.map((run) => {
    const toggle = (on) => {
      state.chosen[on ? "add" : "delete"](run.name);
      update();
    };
    return checkbox([swatch(run), run.label], state.chosen.has(run.name), toggle, "run");
  });
  const all = (on) => {
    state.chosen = new Set(on ? runs.map((run) => run.name) : []);
    for (const box of boxes) box.querySelector("input").checked = on;
    update();
  };
  const windows = [1, 3, 5, 10, 20, 50].map((w) => [String(w), w === 1 ? "none" : `${w} steps`]);
  const axes = index.axes.map((axis, i) => [String(i), axis.label]);
  const metrics = index.metrics.map((metric, i) => [String(i), metric.name]);
  root.replaceChildren(
    h("div", { class: "controls" },
      select("Metric", metrics, "0", (value) => { state.metric = Number(value); update(); }),
      select("Against", axes, "0", (value) => { state.axis = Number(value); update(); }),
      select("Smoothing", windows, "1", (value) => { state.window = Number(value); update(); }),
      checkbox("Seeds apart", false, (on) => { state.apart = on; update(); }),
      checkbox("Log axis", false, (on) => { state.log = on; update(); })),
    h("fieldset", {}, h("legend", {}, "Runs"),
      h("div", { class: "runs" },
        h("button", { type: "button", onclick: () => all(true) }, "All"),
        h("button", { type: "button", onclick: () => all(false) }, "None"),
        boxes)),
    h("div", { class: "pair" }, h("div", {}, chart.element, definition, note), readout));
  update();
}
