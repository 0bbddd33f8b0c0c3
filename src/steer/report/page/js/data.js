// The page's data: a small index, and packed pieces that are unpacked when first asked for.

const index = JSON.parse(document.getElementById("index").textContent);
const packed = new Map();
for (const element of document.querySelectorAll("script[data-chunk]")) packed.set(element.dataset.chunk, element);
const unpacked = new Map();

function chunk(name) {
  if (!unpacked.has(name)) unpacked.set(name, unpack(packed.get(name).textContent));
  return unpacked.get(name);
}

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const runByName = new Map(index.runs.map((run) => [run.name, run]));

function runLabel(name) {
  return runByName.get(name)?.label ?? name;
}
