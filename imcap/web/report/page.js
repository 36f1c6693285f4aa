// The cards of a page: words that light their picture, order and filter.
// The page puts attention.js before it, in the same module.

const DATA = JSON.parse(document.getElementById("data").textContent);
const LOWER = new Set(DATA.lowerIsBetter);
const byId = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;

let chosenHead = null; // null is the mean of all

/** One card: hovered or focused words show, clicked ones stay. */
class Card {
  constructor(element) {
    this.element = element;
    this.row = Number(element.dataset.row);
    this.data = DATA.cards[this.row];
    const canvas = element.querySelector("canvas");
    this.overlay = canvas && new AttentionOverlay(canvas);
    this.told = element.querySelector(".told");
    this.channels = element.querySelector(".channels");
    this.pinned = null;
    this.active = null;
    this.text = element.textContent.toLowerCase();
    for (const line of element.querySelectorAll(".line")) {
      // One stop of the tab key a caption; arrows go from word to word.
      line.querySelectorAll(".word").forEach((word, place) => {
        word.tabIndex = place ? -1 : 0;
      });
    }
    element.addEventListener("mouseover", (event) => this.at(event, "hover"));
    element.addEventListener("mouseout", (event) => this.leave(event));
    element.addEventListener("focusin", (event) => this.at(event, "focus"));
    element.addEventListener("focusout", (event) => this.leave(event));
    element.addEventListener("click", (event) => this.at(event, "click"));
    element.addEventListener("keydown", (event) => this.key(event));
  }

  at(event, how) {
    const word = event.target.closest(".word");
    if (!word) return;
    if (how === "click") this.pin(this.pinned === word ? null : word);
    this.show(word);
  }

  leave(event) {
    if (event.target.closest(".word")) this.show(this.pinned);
  }

  pin(word) {
    this.pinned?.classList.remove("pinned");
    this.pinned?.removeAttribute("aria-pressed");
    this.pinned = word;
    word?.classList.add("pinned");
    word?.setAttribute("aria-pressed", "true");
  }

  key(event) {
    const word = event.target.closest(".word");
    if (!word) return;
    if (event.key === "Escape") {
      this.pin(null);
      return this.show(null);
    }
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const words = [...word.closest(".line").querySelectorAll(".word")];
    const next = words[words.indexOf(word) + step];
    if (!next) return;
    event.preventDefault();
    word.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** Shows the attention of a word; null shows the plain picture. */
  show(word) {
    this.active?.classList.remove("active");
    this.active = word;
    word?.classList.add("active");
    this.element.classList.toggle("looking", word !== null);
    if (word === null) {
      this.overlay?.clear();
      this.told.textContent = "";
      this.channels.replaceChildren();
      return;
    }
    const line = word.closest(".line");
    const place = [...line.querySelectorAll(".word")].indexOf(word);
    const attention = this.data.lines[Number(line.dataset.line)];
    this.tell(word, attention, place);
    this.light(attention, place);
    this.listChannels(attention, place);
  }

  light(attention, place) {
    const located = this.data.grid || this.data.boxes;
    if (!this.overlay || !attention.weights || !located) return;
    const share = attention.share ? attention.share[place] : 1;
    const weights = headWeights(attention, place, chosenHead);
    this.overlay.show(weights, this.data, 0.3 + 0.7 * share);
  }

  tell(word, attention, place) {
    const said = [`“${word.textContent.trim()}”`];
    if (attention.share) {
      const [visual, rest] = attention.names;
      said.push(`${visual} ${percent(attention.share[place])}`);
      said.push(`${rest} ${percent(1 - attention.share[place])}`);
    }
    if (attention.weights) {
      const weights = headWeights(attention, place, chosenHead);
      said.push(`heaviest location ${percent(Math.max(...weights))}`);
    }
    this.told.textContent = said.join(" · ");
  }

  listChannels(attention, place) {
    if (!attention.channels) return;
    const rows = attention.channels[place];
    const most = Math.max(...rows.map(([, times]) => times), 3);
    const list = rows.map(([channel, times]) => {
      const row = document.createElement("div");
      const bar = document.createElement("i");
      bar.style.setProperty("--share", times / most);
      row.append(`${channel}`, bar, `${times.toFixed(1)}×`);
      return row;
    });
    const head = document.createElement("p");
    head.textContent = `strongest channels, 1× = the mean of ${attention.total}; `
      + `half of the weight lies on ${attention.half[place]}`;
    this.channels.replaceChildren(head, ...list);
  }
}

const cards = [...document.querySelectorAll(".card")].map(
  (element) => new Card(element));

for (const card of cards) {
  if (card.data.lines.some((line) => line?.channels)) {
    card.channels.hidden = false; // its room is kept, so that nothing jumps
  }
  card.told.hidden = !card.data.lines.some((line) => line);
}

/** Puts cards in order; those without the score come last. */
function sort() {
  const name = byId("sort").value;
  byId("turn").disabled = !name;
  const bestFirst = byId("turn").dataset.worst === undefined;
  const sign = bestFirst === LOWER.has(name) ? 1 : -1;
  const value = (card) => card.data.scores[name];
  const ordered = [...cards].sort((one, other) => {
    if (!name) return one.row - other.row;
    const [a, b] = [value(one), value(other)];
    if (a === undefined || b === undefined) {
      return (a === undefined) - (b === undefined) || one.row - other.row;
    }
    return sign * (a - b) || one.row - other.row;
  });
  byId("cards").append(...ordered.map((card) => card.element));
  for (const chip of document.querySelectorAll(".scores > div")) {
    chip.classList.toggle("chosen", chip.dataset.name === name);
  }
}

/** Hides the cards that lack a word of the filter. */
function filter() {
  const wanted = byId("filter").value.toLowerCase().split(/\s+/);
  let shown = 0;
  for (const card of cards) {
    const fits = wanted.every((word) => card.text.includes(word));
    card.element.hidden = !fits;
    shown += fits;
  }
  byId("none").hidden = shown > 0;
  const all = cards.length;
  byId("count").textContent = shown === all
    ? `${all} picture${all === 1 ? "" : "s"}` : `${shown} of ${all}`;
}

byId("sort").addEventListener("change", sort);
byId("filter").addEventListener("input", filter);
byId("turn").addEventListener("click", () => {
  const turn = byId("turn");
  const worst = turn.dataset.worst === undefined;
  if (worst) turn.dataset.worst = "";
  else delete turn.dataset.worst;
  turn.textContent = worst ? "worst first" : "best first";
  sort();
});
byId("head").addEventListener("change", () => {
  const value = byId("head").value;
  chosenHead = value ? Number(value) - 1 : null;
  for (const card of cards) if (card.active) card.show(card.active);
});
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

sort();
filter();
