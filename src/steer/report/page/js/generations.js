// Single responses: filters, pages, and the text itself only when a response is opened.

const PAGE_SIZE = 15;
const MARKS = { correct: "\u2713 correct", wrong: "\u2717 wrong", unverifiable: "? unverifiable" };

function responsesApp(root) {
  const state = { benchmark: index.benchmarks[0], run: "", verdict: "", words: "", page: 0 };
  const list = h("div", {});
  const status = h("span", { role: "status", class: "small" });
  const back = h("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const next = h("button", { type: "button", onclick: () => turn(1) }, "Next");

  function turn(by) {
    state.page += by;
    update();
  }

  function set(name, value) {
    state[name] = value;
    state.page = 0;
    update();
  }

  let asked = 0;

  async function update() {
    const mine = ++asked;
    const data = await chunk(`generations-${state.benchmark}`);
    if (mine !== asked) return;
    const words = state.words.toLowerCase();
    const rows = data.run.map((_, i) => i).filter((i) =>
      (!state.run || data.run[i] === state.run) &&
      (!state.verdict || (data.verdict[i] ?? "none") === state.verdict) &&
      (!words || data.text[i].toLowerCase().includes(words) || data.prompts[data.prompt[i]].id.toLowerCase().includes(words)));
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_SIZE));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    back.disabled = state.page === 0;
    next.disabled = state.page === pages - 1;
    const from = state.page * PAGE_SIZE;
    status.textContent = rows.length
      ? `${from + 1} to ${Math.min(rows.length, from + PAGE_SIZE)} of the ${rows.length} that match here`
      : "No response in this page matches.";
    list.replaceChildren(...rows.slice(from, from + PAGE_SIZE).map((i) => response(data, i)));
  }

  const runs = [["", "all"], ...index.runs.filter((run) => run.answers).map((run) => [run.name, run.label])];
  const verdicts = [["", "all"], ["correct", "correct"], ["wrong", "wrong"], ["unverifiable", "unverifiable"], ["none", "not graded"]];
  const search = h("input", { type: "search", oninput: () => set("words", search.value) });
  const benchmark = select("Benchmark", index.benchmarks.map((name) => [name, name]), state.benchmark, (v) => set("benchmark", v));
  const run = select("Run", runs, "", (v) => set("run", v));
  root.replaceChildren(
    h("div", { class: "controls" }, benchmark, run,
      select("Verdict", verdicts, "", (v) => set("verdict", v)),
      h("label", {}, "Text or problem id", search)),
    list,
    h("div", { class: "controls" }, back, next, status));
  update();

  // What a cell of the main table stands for.
  function show(values) {
    benchmark.querySelector("select").value = values.benchmark;
    run.querySelector("select").value = values.run;
    Object.assign(state, values, { page: 0 });
    update();
    document.getElementById("responses").scrollIntoView();
    benchmark.querySelector("select").focus({ preventScroll: true });
  }
  for (const cell of document.querySelectorAll("button.cell")) cell.addEventListener("click", () => show({ ...cell.dataset }));
}

function response(data, i) {
  const verdict = data.verdict[i];
  const prompt = data.prompts[data.prompt[i]];
  const answer = visible(data.extracted[i]).replace(/\n/g, " ");
  const details = h("details", { class: "response" },
    h("summary", {},
      h("span", { class: `verdict ${Object.hasOwn(MARKS, verdict) ? verdict : ""}` }, MARKS[verdict] ?? "not graded"),
      h("span", { class: "run" }, `${runLabel(data.run[i])}, seed ${data.seed[i]}`),
      h("span", { class: "file" }, `${visible(prompt.id)}, sample ${data.sample[i] + 1}`),
      answer ? h("span", { class: "answer" }, `answer: ${answer}`) : null));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(...body(data, i, prompt));
  });
  return details;
}

function body(data, i, prompt) {
  const facts = [
    ["Extracted answer", data.extracted[i] || "none"], ["Reference answer", prompt.gold],
    ["Verifier's reason", data.reason[i]],
    ["Ended by", { stop: "end of sequence", length: "length limit" }[data.finish[i]] ?? data.finish[i]],
    ["Response tokens", data.tokens[i]],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  return [
    h("h3", {}, "Prompt"), h("pre", { class: "text", tabindex: "0", dir: "auto" }, visible(prompt.prompt)),
    h("h3", {}, "Response"), h("pre", { class: "text", tabindex: "0", dir: "auto" }, visible(data.text[i]) || "(empty)"),
    h("dl", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, visible(value))])),
  ];
}
