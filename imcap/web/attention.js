"use strict";
// Light on a picture where a word looked, drawn from a few numbers.

const DIM = 0.25; // brightness left where nobody looks
const GLOW = [255, 160, 30]; // laid over what is looked at
const FINE = 96; // pixels a side of what is drawn; the browser smooths it
const FADE = 160; // milliseconds from one word to the next
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** Weights (K) of a word: those of one head, or the mean of all. */
function headWeights(looked, word, head) {
  const rows = looked.weights[word];
  const peaks = looked.peaks[word];
  const used = head === null || head >= rows.length ? [...rows.keys()] : [head];
  return rows[0].map((_, cell) =>
    used.reduce((sum, one) => sum + peaks[one] * rows[one][cell], 0) /
    (999 * used.length));
}

/** Catmull and Rom's kernel: smooth, and true at the centres of cells. */
function cubic(distance) {
  const x = Math.abs(distance);
  if (x >= 2) return 0;
  if (x >= 1) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return (1.5 * x - 2.5) * x * x + 1;
}

/** For each of `to` places, [first cell, factors of the cells from there]. */
function taps(from, to) {
  return Array.from({ length: to }, (_, place) => {
    const centre = ((place + 0.5) * from) / to;
    const first = Math.max(Math.floor(centre - 1.5), 0);
    const last = Math.min(Math.floor(centre + 2.5), from);
    const factors = [];
    for (let cell = first; cell < last; cell++) {
      factors.push(cubic(cell + 0.5 - centre));
    }
    const sum = factors.reduce((a, b) => a + b, 0);
    return [first, factors.map((factor) => factor / sum)];
  });
}

function gridHeat(weights, [height, width]) {
  const wide = new Float32Array(height * FINE);
  taps(width, FINE).forEach(([first, factors], x) => {
    for (let y = 0; y < height; y++) {
      factors.forEach((factor, i) => {
        wide[y * FINE + x] += factor * weights[y * width + first + i];
      });
    }
  });
  const heat = new Float32Array(FINE * FINE);
  taps(height, FINE).forEach(([first, factors], y) => {
    factors.forEach((factor, i) => {
      for (let x = 0; x < FINE; x++) {
        heat[y * FINE + x] += factor * wide[(first + i) * FINE + x];
      }
    });
  });
  return heat;
}

function boxHeat(weights, boxes) {
  const heat = new Float32Array(FINE * FINE);
  boxes.forEach((box, region) => {
    const [left, top, right, bottom] = box.map((at) => Math.round(at * FINE));
    for (let y = Math.max(top, 0); y < Math.min(bottom, FINE); y++) {
      for (let x = Math.max(left, 0); x < Math.min(right, FINE); x++) {
        const place = y * FINE + x;
        heat[place] = Math.max(heat[place], weights[region]);
      }
    }
  });
  return heat;
}

/** Weights over a picture, FINE by FINE numbers, the largest `strength`.
 *  places: {grid: [h, w]} or {boxes: [[x1, y1, x2, y2], …]}, parts of 1. */
function heatOf(weights, places, strength) {
  const heat = places.boxes
    ? boxHeat(weights, places.boxes) : gridHeat(weights, places.grid);
  const most = heat.reduce((a, b) => Math.max(a, b), 1e-9);
  return heat.map((value) => (strength * Math.max(value, 0)) / most);
}

/** The canvas that lies over one picture. */
class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    canvas.width = canvas.height = FINE;
    this.context = canvas.getContext("2d");
    this.now = null; // what is drawn
    this.frame = 0;
  }

  /** Fades to a heat of `heatOf`; null fades to the plain picture. */
  show(heat) {
    cancelAnimationFrame(this.frame);
    this.canvas.classList.toggle("lit", heat !== null);
    if (heat === null) return; // the style sheet fades it out
    const before = this.now;
    if (before === null || STILL.matches || !this.visible()) {
      return this.paint(heat);
    }
    const began = performance.now();
    const mixed = new Float32Array(heat.length);
    const step = (time) => {
      const share = Math.min(Math.max((time - began) / FADE, 0), 1);
      for (let i = 0; i < mixed.length; i++) {
        mixed[i] = before[i] + share * (heat[i] - before[i]);
      }
      this.paint(share < 1 ? mixed : heat);
      if (share < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  visible() {
    return Number(getComputedStyle(this.canvas).opacity) > 0.05;
  }

  paint(heat) {
    this.now = Float32Array.from(heat);
    const image = this.context.createImageData(FINE, FINE);
    heat.forEach((value, place) => {
      const glow = 0.25 * value;
      const kept = (DIM + (1 - DIM) * value) * (1 - glow);
      const cover = 1 - kept;
      GLOW.forEach((color, channel) => {
        image.data[4 * place + channel] = (color * glow) / cover;
      });
      image.data[4 * place + 3] = 255 * cover;
    });
    this.context.putImageData(image, 0, 0);
  }
}
