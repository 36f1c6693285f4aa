// The page of a captioning run: a picture in, captions out.

import { AttentionOverlay } from "./attention.js";
import { ask, element, showError } from "./server.js";
import { Reader } from "./words.js";

const MEANINGS = {
  beam: "The likeliest sentences, several kept at each word.",
  greedy: "The likeliest next word, again and again.",
  sample: "Five sentences drawn by chance.",
};
const HINT = "Point at a word, or tap it, to see where the model looked as it said it.";
const NO_HINT = "Point at a word, or tap it, to see how sure the model was of it.";
const at = (id) => document.getElementById(id);
const view = new AttentionOverlay(at("attention"));
const reader = new Reader({ look, rest });
const entries = new Map(); // line of words → caption
let about = null;
let grid = null;
let file = null;
let asking = null;

start();

async function start() {
  at("file").addEventListener("change", chosen);
  at("camera").addEventListener("change", chosen);
  at("picture").addEventListener("load", shape);
  at("decoding").addEventListener("change", () => (explain(), caption()));
  document.addEventListener("paste", pasted);
  listenForDrops();
  try {
    about = await ask("/api/health");
  } catch (error) {
    showError(at("error"), error.message);
    return;
  }
  at("model").textContent = about.model;
  fill(at("beam_size"), about.decoding.beam_sizes, 3);
  fill(at("temperature"), about.decoding.temperatures, 1);
  explain();
}

function fill(select, values, preset) {
  for (const value of values) {
    select.append(new Option(String(value), value, value === preset, value === preset));
  }
}

function explain() {
  const method = at("decoding").elements.method.value;
  at("beams").hidden = method !== "beam";
  at("warmth").hidden = method !== "sample";
  at("meaning").textContent = MEANINGS[method];
}

// ---- where pictures come from

function chosen(event) {
  take(event.target.files[0]);
  event.target.value = ""; // the same file may be chosen again
}

function pasted(event) {
  const [found] = event.clipboardData?.files ?? [];
  if (found) take(found);
}

function listenForDrops() {
  let inside = 0; // enter and leave come for every child, too
  const mark = () => document.body.classList.toggle("dropping", inside > 0);
  document.addEventListener("dragenter", () => ((inside += 1), mark()));
  document.addEventListener("dragleave", () => ((inside -= 1), mark()));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    mark();
    take(event.dataTransfer.files[0]);
  });
}

async function take(picture) {
  if (!picture) return;
  file = picture;
  show(picture);
  if (about && picture.size > about.limits.bytes) {
    fail(`“${picture.name}” is larger than ${Math.round(about.limits.bytes / 1e6)} MB.`);
    return;
  }
  caption();
}

function show(picture) {
  URL.revokeObjectURL(at("picture").src);
  at("picture").src = URL.createObjectURL(picture);
  at("shown").hidden = false;
  at("invitation").hidden = true;
}

// Small pictures are enlarged; what covers the picture has its very size.
function shape() {
  const { naturalWidth, naturalHeight } = at("picture");
  at("shown").style.setProperty("--ratio", naturalWidth / naturalHeight);
}

function fail(message) {
  asking?.abort();
  showError(at("error"), message);
  file = null;
  clear();
  at("shown").hidden = true;
  at("invitation").hidden = false;
}

// ---- captions

async function caption() {
  asking?.abort();
  if (!file) return;
  const mine = (asking = new AbortController());
  clear();
  showError(at("error"), "");
  document.body.classList.add("busy");
  try {
    const query = new URLSearchParams(settings());
    const answer = await ask(`/api/caption?${query}`, {
      method: "POST",
      body: file,
      signal: mine.signal,
    });
    if (asking !== mine) return;
    grid = answer.grid;
    write(answer.captions);
  } catch (error) {
    if (error.name === "AbortError" || asking !== mine) return;
    if (error.passes) showError(at("error"), error.message);
    else fail(`“${file.name}”: ${error.message}`);
  } finally {
    if (asking === mine) document.body.classList.remove("busy");
  }
}

function settings() {
  const method = at("decoding").elements.method.value;
  if (method === "greedy") return { method };
  if (method === "sample") return { method, temperature: at("temperature").value, captions: 5 };
  const beams = at("beam_size").value;
  return { method, beam_size: beams, captions: Math.min(beams, 5) };
}

function clear() {
  reader.clear();
  entries.clear();
  at("captions").replaceChildren();
  at("reading").hidden = true;
}

function write(captions) {
  for (const entry of captions) at("captions").append(card(entry));
  at("reading").hidden = false;
  at("share").hidden = !captions[0]?.shares;
  const looked = captions.some((entry) => entry.attention);
  at("hint").textContent = looked ? HINT : NO_HINT;
}

function card(entry) {
  const line = reader.line(
    entry.words.map(({ word, log_probability }) => ({
      word,
      title: `probability ${percent(Math.exp(log_probability))}`,
      strength: Math.exp(log_probability / 2).toFixed(3),
    }))
  );
  entries.set(line, entry);
  const article = element("article", "caption");
  if (entry.sure === false) {
    article.append(element("div", "quiet", "Not sure what this shows. Perhaps:"));
  }
  article.append(line.node);
  if (!entry.words.length) line.node.textContent = "(no words)";
  const foot = element("div", "foot quiet");
  foot.append(element("span", "", `log-probability ${entry.log_probability.toFixed(2).replace("-", "−")}`));
  if ("confidence" in entry) {
    foot.append(element("span", "", `confidence ${percent(entry.confidence)}`));
  }
  if (entry.attention) {
    const play = element("button", "play", "Play");
    play.type = "button";
    play.title = "Show one word after another";
    play.addEventListener("click", () => reader.play(line));
    foot.append(play);
  }
  article.append(foot);
  return article;
}

// ---- what a word looked at

function look(line, index) {
  const entry = entries.get(line);
  const word = entry.words[index];
  if (entry.attention) view.show(entry.attention[index], { grid });
  at("attention").dataset.word = word.word;
  at("word").textContent = word.word;
  at("chance").textContent = `probability ${percent(Math.exp(word.log_probability))}`;
  if (word.share !== undefined) {
    const [seen, other] = entry.shares;
    at("part").style.width = `${100 * word.share}%`;
    at("seen").textContent = `${seen} ${percent(word.share)}`;
    at("other").textContent = `${other} ${percent(1 - word.share)}`;
  }
  at("reading").classList.add("read");
}

function rest() {
  view.clear();
  delete at("attention").dataset.word;
  at("reading").classList.remove("read");
}

function percent(share) {
  return share > 0 && share < 0.01 ? "< 1%" : `${Math.round(100 * share)}%`;
}
