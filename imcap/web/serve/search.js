// The page of a matching run: a sentence in, pictures out.

import { AttentionOverlay } from "./attention.js";
import { ask, element, showError } from "./server.js";
import { Reader } from "./words.js";

const TOP = 12;
const at = (id) => document.getElementById(id);
const reader = new Reader({ look, rest });
let views = []; // [{view, attention}], one a picture
let grid = null;
let asking = null;

start();

async function start() {
  at("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  try {
    const about = await ask("/api/health");
    at("model").textContent = about.model;
    at("hint").textContent = `${about.pictures} ${about.pictures === 1 ? "picture" : "pictures"} to look through.`;
  } catch (error) {
    showError(at("error"), error.message);
  }
}

async function search() {
  asking?.abort();
  const mine = (asking = new AbortController());
  showError(at("error"), "");
  document.body.classList.add("busy");
  try {
    const query = new URLSearchParams({ q: at("question").value, top: TOP });
    const answer = await ask(`/api/search?${query}`, { signal: mine.signal });
    if (asking === mine) write(answer);
  } catch (error) {
    if (error.name === "AbortError" || asking !== mine) return;
    clear();
    showError(at("error"), error.message);
  } finally {
    if (asking === mine) document.body.classList.remove("busy");
  }
}

function clear() {
  reader.clear();
  views = [];
  at("sentence").replaceChildren();
  at("results").replaceChildren();
  at("hint").textContent = "";
}

function write(answer) {
  clear();
  grid = answer.grid;
  const unknown = new Set(answer.unknown);
  const line = reader.line(
    answer.words.map((word) => ({
      word,
      plain: unknown.has(word),
      title: unknown.has(word) ? "the model does not know this word" : "",
    }))
  );
  at("sentence").append(line.node);
  at("hint").textContent = "Point at a word, or tap it, to see where it is in each picture.";
  answer.results.forEach((found, place) => at("results").append(card(found, place)));
}

function card(found, place) {
  const item = element("li", "result");
  const figure = element("figure");
  const picture = element("img");
  picture.src = found.thumbnail;
  picture.alt = found.name;
  picture.loading = place < 8 ? "eager" : "lazy";
  const canvas = element("canvas", "attention");
  canvas.setAttribute("aria-hidden", "true");
  figure.append(picture, canvas);
  views.push({ view: new AttentionOverlay(canvas), attention: found.attention });
  const foot = element("p", "foot quiet");
  const name = element("span", "name", found.name);
  name.title = found.name;
  foot.append(name, element("span", "", found.score.toFixed(3)));
  item.append(figure, foot);
  return item;
}

function look(line, index) {
  for (const { view, attention } of views) {
    if (attention[index]) view.show(attention[index], { grid });
    view.canvas.dataset.word = line.buttons[index].textContent;
  }
}

function rest() {
  for (const { view } of views) {
    view.clear();
    delete view.canvas.dataset.word;
  }
}
