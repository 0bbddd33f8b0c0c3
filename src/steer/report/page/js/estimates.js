// Estimated against measured entropy change: one line an estimate and stage, with its interval.

const STATISTICS = {
  pearson: ["Pearson's correlation", "1: the measured change is a multiple of the estimate; 0: no linear relation.", 1],
  spearman: ["Spearman's rank correlation", "1: the estimate puts the tokens in the order of the measured change; 0: no relation.", 1],
  unexplained: ["Mean square left, %", "Share of the change's mean square that the best multiple of the estimate does not explain; 100: nothing explained.", 100],
};
const UPDATE_WORDS = {
  sgd: ["SGD", "One step of plain gradient descent on the whole batch, small enough to stay near first order."],
  adamw: ["AdamW", "One step of AdamW at training's learning rate with empty moments: each parameter moves by about the learning rate, regardless of its gradient's size."],
  adamw_warm: ["AdamW, warm", "One step of AdamW with moments filled at these parameters: the measured batch is a small part of the step."],
  own: ["a token's own part", "Not the whole change, but the effect of a token's own loss term on its own entropy under SGD, on a sample of tokens."],
};

function estimatesApp(root) {
  const state = { statistic: "pearson", update: "sgd", tasks: "all", model: "main" };
  const controls = h("div", { class: "controls" });
  const words = h("p", { class: "small", role: "status" });
  const table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Agreement of each estimate with the measurement" });

  async function update() {
    const rows = await chunk("estimates");
    const values = (name) => [...new Set(rows.map((row) => row[name]))];
    for (const name of ["model", "update", "tasks"]) if (!values(name).includes(state[name])) state[name] = values(name)[0];
    const choose = (label, name, title) => select(label, values(name).map((v) => [v, title(v)]), state[name], (v) => { state[name] = v; update(); });
    const parameters = new Map(rows.map((row) => [row.model, row.parameters]));
    const focused = document.activeElement?.closest("label")?.firstChild?.textContent;
    controls.replaceChildren(...[
      select("Agreement as", Object.entries(STATISTICS).map(([key, [name]]) => [key, name]), state.statistic, (v) => { state.statistic = v; update(); }),
      choose("Update", "update", (v) => UPDATE_WORDS[v]?.[0] ?? v),
      values("tasks").length > 1 ? choose("Tasks", "tasks", (v) => v) : null,
      values("model").length > 1 ? choose("Model", "model", (v) => `${v}, ${format(parameters.get(v))} parameters`) : null,
    ].filter(Boolean));
    [...controls.children].find((label) => label.firstChild.textContent === focused)?.querySelector("select").focus();
    draw(rows.filter((row) => row.update === state.update && row.tasks === state.tasks && row.model === state.model));
  }

  function draw(rows) {
    const [name, meaning, unit] = STATISTICS[state.statistic];
    const found = rows.map((row) => ({ ...row, ends: row[state.statistic].map((v) => (v === null ? null : v * unit)) }));
    const all = found.flatMap((row) => row.ends).filter((v) => v !== null);
    const range = [Math.min(0, ...all), Math.max(unit, ...all)];
    const width = root.clientWidth < 560 ? 90 : 300;
    const at = scale(range, [4, width - 4], false).at;
    const show = (v) => (v === null ? "\u2013" : unit === 100 ? v.toFixed(0) : (v < 0 ? MINUS : "+") + Math.abs(v).toFixed(2));
    const estimators = [...new Set(found.map((row) => row.estimator))];
    const body = estimators.flatMap((estimator) => {
      const mine = found.filter((row) => row.estimator === estimator);
      return mine.map((row, i) => h("tr", { class: i === 0 ? "first" : null },
        i === 0 ? h("th", { scope: "rowgroup", rowspan: mine.length }, estimator) : null,
        h("td", {}, stage(row.step)),
        h("td", {}, interval(row.ends, at, width)),
        h("td", { class: "number" }, show(row.ends[0]), " ", h("span", { class: "ends" }, row.ends[1] === null ? "" : `[${show(row.ends[1])}, ${show(row.ends[2])}]`))));
    });
    const ticks = [0, unit / 2, unit].map((v) => svg("text", { x: at(v), y: 11, "text-anchor": "middle" }, format(v)));
    const axis = svg("svg", { class: "mark", viewBox: `0 0 ${width} 14`, width, "aria-hidden": "true" }, ticks);
    const titles = ["estimate", "at", axis, state.statistic === "unexplained" ? "left, %" : state.statistic];
    const head = h("tr", {}, titles.map((title, i) => h("th", { scope: "col", class: i === 3 ? "right" : null }, title)));
    table.replaceChildren(h("table", { class: "intervals" }, h("caption", {}, h("span", { class: "said" }, `${name}, each estimate against the measured change. ${meaning}`)), h("thead", {}, head), h("tbody", {}, body)));
    words.textContent = `${UPDATE_WORDS[state.update]?.[1] ?? ""} ${best(found, show)} ${counted(found)}`;
  }

  function best(rows, show) {
    const sign = state.statistic === "unexplained" ? -1 : 1;
    return [...new Set(rows.map((row) => row.step))].map((step) => {
      const mine = rows.filter((row) => row.step === step && row.estimator !== "own part" && row.ends[0] !== null);
      if (!mine.length) return "";
      const first = mine.reduce((a, b) => (sign * b.ends[0] > sign * a.ends[0] ? b : a));
      return `Best ${step ? "after" : "on the"} ${stage(step)}: ${first.estimator}, ${show(first.ends[0])}.`;
    }).join(" ");
  }

  function counted(rows) {
    const tokens = rows.map((row) => row.tokens);
    return `${Math.min(...tokens)} to ${Math.max(...tokens)} tokens each; lines: 95 % bootstrap interval over prompts.`;
  }

  root.replaceChildren(controls, words, table);
  return update();
}

function stage(step) {
  return step === 0 ? "base model" : `step ${step}`;
}

function interval([value, low, high], at, width) {
  const view = svg("svg", { class: "mark", viewBox: `0 0 ${width} 14`, width, "aria-hidden": "true" }, svg("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: 14 }));
  if (low !== null && high !== null) view.append(svg("line", { class: "bar", x1: at(low), x2: at(high), y1: 7, y2: 7 }));
  if (value !== null) view.append(svg("circle", { cx: at(value), cy: 7, r: 3.2 }));
  return view;
}
