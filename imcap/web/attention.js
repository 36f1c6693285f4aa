// Attention over a picture: weights of a grid or of boxes as a heatmap on a
// canvas. `imcap serve` serves this file, a report holds it in its page.

const SIDE = 160; // pixels a side of the heatmap; the browser smooths it
const DIM = 0.25; // brightness left where nobody looks
const GLOW = [255, 160, 30]; // laid over what is looked at
const GLOWING = 0.25; // of that colour where attention is largest
const FADE = 170; // milliseconds from one word to the next
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** Weights (K) of a word: those of one head, or the mean where it is null.
 *  packed: {weights: (L, H, K) in 0..999 of the largest, peaks: (L, H)}. */
export function headWeights(packed, word, head) {
  const rows = packed.weights[word];
  const peaks = packed.peaks[word];
  const used = head === null || head >= rows.length ? [...rows.keys()] : [head];
  return rows[0].map((_, cell) =>
    used.reduce((sum, one) => sum + peaks[one] * rows[one][cell], 0) /
    (999 * used.length));
}

/** Weights over a picture: SIDE by SIDE numbers, the largest `strength`.
 *  locations: {grid: [h, w]} or {boxes: [[x1, y1, x2, y2], …]}, shares of
 *  the picture's sides. */
export function heatmapOf(weights, locations, strength = 1) {
  const heatmap = locations.boxes
    ? boxHeatmap(weights, locations.boxes)
    : gridHeatmap(weights, locations.grid);
  const most = heatmap.reduce((a, b) => Math.max(a, b), 1e-9);
  return heatmap.map((value) => (strength * Math.max(value, 0)) / most);
}

/** Catmull and Rom's kernel: smooth, and true at the centres of cells. */
function cubic(distance) {
  const x = Math.abs(distance);
  if (x >= 2) return 0;
  if (x >= 1) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return (1.5 * x - 2.5) * x * x + 1;
}

/** For each of SIDE pixels, [first cell, factors of the cells from there]. */
function taps(cells) {
  return Array.from({ length: SIDE }, (_, pixel) => {
    const centre = ((pixel + 0.5) * cells) / SIDE;
    const first = Math.max(Math.floor(centre - 1.5), 0);
    const last = Math.min(Math.floor(centre + 2.5), cells);
    const factors = [];
    for (let cell = first; cell < last; cell++) {
      factors.push(cubic(cell + 0.5 - centre));
    }
    const sum = factors.reduce((a, b) => a + b, 0);
    return [first, factors.map((factor) => factor / sum)];
  });
}

function gridHeatmap(weights, [height, width]) {
  const wide = new Float32Array(height * SIDE);
  taps(width).forEach(([first, factors], x) => {
    for (let y = 0; y < height; y++) {
      factors.forEach((factor, i) => {
        wide[y * SIDE + x] += factor * weights[y * width + first + i];
      });
    }
  });
  const heatmap = new Float32Array(SIDE * SIDE);
  taps(height).forEach(([first, factors], y) => {
    factors.forEach((factor, i) => {
      for (let x = 0; x < SIDE; x++) {
        heatmap[y * SIDE + x] += factor * wide[(first + i) * SIDE + x];
      }
    });
  });
  return heatmap;
}

function boxHeatmap(weights, boxes) {
  const heatmap = new Float32Array(SIDE * SIDE);
  boxes.forEach((box, region) => {
    const [left, top, right, bottom] = box.map((at) => Math.round(at * SIDE));
    for (let y = Math.max(top, 0); y < Math.min(bottom, SIDE); y++) {
      for (let x = Math.max(left, 0); x < Math.min(right, SIDE); x++) {
        const place = y * SIDE + x;
        heatmap[place] = Math.max(heatmap[place], weights[region]);
      }
    }
  });
  return heatmap;
}

/** The canvas that lies over one picture. It covers the picture as shown,
 *  upright: networks see it stretched to a square, so cells are shares of
 *  its width and height. The style sheet shows it while it has the class
 *  "lit"; data-settled tells that it moves no more. */
export class AttentionOverlay {
  constructor(canvas) {
    this.canvas = canvas;
    canvas.width = canvas.height = SIDE;
    this.context = canvas.getContext("2d");
    this.heatmap = null; // what is drawn
    this.frame = 0;
  }

  /** Shows weights, see `heatmapOf`; fades there from those before. */
  show(weights, locations, strength = 1) {
    cancelAnimationFrame(this.frame);
    const from = this.isVisible() && !STILL.matches ? this.heatmap : null;
    const to = heatmapOf(weights, locations, strength);
    this.canvas.classList.add("lit");
    if (from === null) return this.settle(to);
    delete this.canvas.dataset.settled;
    const began = performance.now();
    const step = (now) => {
      const way = Math.min(Math.max((now - began) / FADE, 0), 1);
      if (way === 1) return this.settle(to);
      const eased = way * way * (3 - 2 * way);
      this.paint(to.map((value, at) => from[at] + eased * (value - from[at])));
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** Shows the plain picture; the style sheet fades the canvas out. */
  clear() {
    cancelAnimationFrame(this.frame);
    this.canvas.classList.remove("lit");
  }

  isVisible() {
    return this.heatmap !== null
      && Number(getComputedStyle(this.canvas).opacity) > 0.05;
  }

  settle(heatmap) {
    this.paint(heatmap);
    this.canvas.dataset.settled = "";
  }

  paint(heatmap) {
    this.heatmap = heatmap;
    const image = this.context.createImageData(SIDE, SIDE);
    for (let at = 0; at < heatmap.length; at++) {
      const light = Math.min(heatmap[at], 1);
      // picture · kept + colour · glow, as one colour of some opacity
      const glow = GLOWING * light;
      const kept = (DIM + (1 - DIM) * light) * (1 - glow);
      const opacity = 1 - kept;
      for (let part = 0; part < 3; part++) {
        image.data[4 * at + part] = (GLOW[part] * glow) / opacity;
      }
      image.data[4 * at + 3] = 255 * opacity;
    }
    this.context.putImageData(image, 0, 0);
  }
}
