// The token view: one response, each token coloured by one measure; the values of the token in focus are read out.

const MEASURES = {
  probability: "Probability of the sampled token",
  entropy: "Entropy of the distribution (nats)",
  omega: "Estimated entropy change",
  weight: "Weight \u03bb",
};

function tokensApp(root) {
  const state = { key: index.tokens[0], response: 0, measure: "" };
  const choose = h("div", { class: "controls" });
  const facts = h("p", { class: "small" });
  const legend = h("div", { class: "legend" });
  const values = h("p", { class: "small", role: "status" });
  const text = h("div", { class: "text tokens", role: "group", "aria-label": "Tokens, arrow keys move" });
  const prompt = h("pre", { class: "text", tabindex: "0", dir: "auto" });

  async function update() {
    const rows = await chunk(`tokens-${state.key}`);
    const row = rows[state.response];
    const measures = Object.keys(MEASURES).filter((name) => row[name]?.some((v) => v !== null));
    if (!measures.includes(state.measure)) state.measure = measures.includes("entropy") ? "entropy" : measures[0] ?? "";
    choose.replaceChildren(
      select("Run", index.tokens.map((key) => [key, keyLabel(key)]), state.key, (key) => { Object.assign(state, { key, response: 0 }); update(); }),
      select("Response", rows.map((r, i) => [String(i), title(r)]), String(state.response), (i) => { state.response = Number(i); update(); }),
      select("Colour by", measures.map((name) => [name, MEASURES[name]]), state.measure, (name) => { state.measure = name; update(); }));
    prompt.textContent = visible(row.prompt);
    const cut = row.length > row.token.length ? ` The first ${row.token.length} of ${row.length} tokens.` : "";
    facts.textContent = `${title(row)}, advantage ${format(row.advantage)}.${cut}`;
    values.textContent = "Point at a token, or move to one with the arrow keys.";
    paint(row);
  }

  function paint(row) {
    const list = row[state.measure] ?? [];
    const found = list.filter((v) => v !== null);
    const low = Math.min(...found), high = Math.max(...found), diverging = low < 0;
    const span = diverging ? Math.max(-low, high) : high - low;
    const colour = (v) => {
      if (v === null || v === undefined) return "";
      const strength = span === 0 ? 0 : diverging ? Math.abs(v) / span : (v - low) / span;
      return `rgb(${diverging && v < 0 ? "86 120 240" : "230 130 20"} / ${(0.75 * strength).toFixed(3)})`;
    };
    const tokens = row.token.map((token, i) => {
      const element = h("span", { class: "token", tabindex: i === 0 ? "0" : "-1", "data-at": i }, shown(token));
      element.style.backgroundColor = colour(list[i]);
      return element;
    });
    text.replaceChildren(...tokens);
    text.onpointerover = text.onfocusin = (event) => tell(row, event.target.dataset.at);
    text.onkeydown = (event) => step(event, tokens);
    const ends = diverging ? [-span, 0, span] : [low, high];
    legend.replaceChildren(...(found.length ? ends.flatMap((v) => {
      const patch = h("i", {});
      patch.style.backgroundColor = colour(v);
      return [patch, format(v)];
    }) : ["No measure stored for this response."]));
  }

  function tell(row, at) {
    if (at === undefined) return;
    const parts = Object.keys(MEASURES).filter((name) => row[name]).map((name) => `${name} ${format(row[name][at])}`);
    values.textContent = `Token ${Number(at) + 1} \u201c${shown(row.token[at])}\u201d: ${parts.join(", ")}`;
  }

  function step(event, tokens) {
    const here = tokens.indexOf(document.activeElement);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (here < 0 || tokens[to] === undefined) return;
    event.preventDefault();
    tokens[here].tabIndex = -1;
    tokens[to].tabIndex = 0;
    tokens[to].focus();
  }

  root.replaceChildren(choose, facts, h("h3", {}, "Prompt"), prompt, h("h3", {}, "Response"), legend, text, values);
  update();
}

function keyLabel(key) {
  const cut = key.lastIndexOf("/");
  return `${runLabel(key.slice(0, cut))}, seed ${key.slice(cut + 1)}`;
}

function title(row) {
  return `step ${row.step ?? "?"}, ${visible(row.benchmark ?? "")} ${visible(row.id ?? "")}, ${row.verdict ?? "not graded"}`;
}

function shown(token) {
  return visible(token).replace(/\n/g, "\u21b5\n");
}
