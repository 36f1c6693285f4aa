// A sentence whose words can be pointed at, focused, tapped and played.

import { element } from "./server.js";

const PACE = 750; // milliseconds a word is shown when the sentence is played

// Words that share one `look`: only one of them is looked at, or pinned.
export class Reader {
  // look(line, index): a word is looked at; rest(): none is.
  constructor({ look, rest }) {
    this.look = look;
    this.rest = rest;
    this.lines = [];
    this.pinned = null;
    this.timer = 0;
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.release();
    });
  }

  clear() {
    this.release();
    this.lines = [];
  }

  // words: [{word, title, strength 0…1, plain}], plain: nothing to see.
  line(words) {
    const line = { buttons: [], node: element("p", "words") };
    words.forEach((one, index) => {
      const word = element("button", "word", one.word);
      word.type = "button";
      word.title = one.title || "";
      word.tabIndex = index ? -1 : 0;
      word.style.setProperty("--strength", one.strength ?? 1);
      if (one.plain) word.classList.add("unknown");
      this.listen(word, line, index);
      line.buttons.push(word);
      line.node.append(word, " ");
    });
    line.node.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.settle();
    });
    this.lines.push(line);
    return line;
  }

  listen(word, line, index) {
    word.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") this.show(line, index);
    });
    word.addEventListener("focus", () => {
      if (word.matches(":focus-visible")) this.show(line, index);
    });
    word.addEventListener("blur", () => this.settle());
    word.addEventListener("click", () => this.pin(line, index));
    word.addEventListener("keydown", (event) => this.walk(event, line, index));
  }

  walk(event, line, index) {
    const last = line.buttons.length - 1;
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = line.buttons[Math.min(last, Math.max(0, to))];
    line.buttons.forEach((word) => (word.tabIndex = word === next ? 0 : -1));
    next.focus();
  }

  show(line, index) {
    this.stop();
    this.mark(line, index);
  }

  mark(line, index) {
    this.lines.forEach((other) =>
      other.buttons.forEach((word, at) => word.classList.toggle("looked", other === line && at === index))
    );
    if (line) this.look(line, index);
    else this.rest();
  }

  pin(line, index) {
    const same = this.pinned?.line === line && this.pinned.index === index;
    this.press(false);
    this.pinned = same ? null : { line, index };
    this.press(true);
    this.stop();
    this.settle();
  }

  press(down) {
    if (!this.pinned) return;
    const word = this.pinned.line.buttons[this.pinned.index];
    if (down) word.setAttribute("aria-pressed", "true");
    else word.removeAttribute("aria-pressed");
  }

  // Back to the pinned word, or to none.
  settle() {
    if (this.timer) return;
    this.mark(this.pinned?.line, this.pinned?.index);
  }

  release() {
    this.press(false);
    this.pinned = null;
    this.stop();
    this.mark(null);
  }

  play(line) {
    this.release();
    let index = 0;
    this.mark(line, 0);
    this.timer = setInterval(() => {
      index += 1;
      if (index < line.buttons.length) this.mark(line, index);
      else this.release();
    }, PACE);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
  }
}
