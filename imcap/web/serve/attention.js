// Light on what is looked at: weights over a grid, drawn over a picture.

const SIDE = 160; // pixels of the drawing; the browser stretches it smoothly
const DIM = 0.25; // brightness left where nobody looks
const GLOW = [255, 160, 30];
const GLOWING = 0.25; // of that colour where the model looks most
const TURN = 180; // milliseconds from one word to the next

export class AttentionView {
  constructor(canvas) {
    this.canvas = canvas;
    canvas.width = canvas.height = SIDE;
    this.context = canvas.getContext("2d");
    this.shown = null; // weights on the canvas, the largest 1
    this.frame = 0;
  }

  // The canvas covers the picture as it is displayed, upright: the model
  // sees it stretched to a square, so cells are shares of width and height.
  show(weights, grid) {
    const peak = Math.max(...weights, 1e-9);
    const wanted = weights.map((weight) => weight / peak);
    const lit = this.canvas.classList.contains("lit");
    const from = lit && this.shown?.length === wanted.length ? this.shown : wanted;
    this.spread = spreading(grid);
    this.canvas.classList.add("lit");
    this.turn(from, wanted);
  }

  clear() {
    this.canvas.classList.remove("lit");
  }

  turn(from, wanted) {
    cancelAnimationFrame(this.frame);
    delete this.canvas.dataset.settled;
    const began = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = (now) => {
      const way = still || from === wanted ? 1 : Math.min(1, (now - began) / TURN);
      const eased = way * way * (3 - 2 * way);
      this.shown = wanted.map((to, k) => from[k] + (to - from[k]) * Math.max(0, eased));
      this.draw();
      if (way < 1) this.frame = requestAnimationFrame(step);
      else this.canvas.dataset.settled = "";
    };
    step(began);
  }

  draw() {
    const image = this.context.createImageData(SIDE, SIDE);
    const heat = this.spread(this.shown);
    for (let at = 0; at < heat.length; at++) {
      const light = Math.min(1, Math.max(0, heat[at]));
      // picture · kept + glow · shining, as one colour of some opacity
      const shining = GLOWING * light;
      const kept = (DIM + (1 - DIM) * light) * (1 - shining);
      const opacity = 1 - kept;
      for (let part = 0; part < 3; part++) {
        image.data[4 * at + part] = (GLOW[part] * shining) / opacity;
      }
      image.data[4 * at + 3] = 255 * opacity;
    }
    this.context.putImageData(image, 0, 0);
  }
}

// A function of weights (h · w) to SIDE · SIDE numbers, bicubic.
function spreading([height, width]) {
  const down = rows(height);
  const across = rows(width);
  return (weights) => {
    const wide = new Float32Array(height * SIDE);
    for (let i = 0; i < height; i++) {
      for (let x = 0; x < SIDE; x++) {
        let sum = 0;
        for (let j = 0; j < width; j++) sum += across[x][j] * weights[i * width + j];
        wide[i * SIDE + x] = sum;
      }
    }
    const heat = new Float32Array(SIDE * SIDE);
    for (let y = 0; y < SIDE; y++) {
      for (let i = 0; i < height; i++) {
        const share = down[y][i];
        if (!share) continue;
        for (let x = 0; x < SIDE; x++) heat[y * SIDE + x] += share * wide[i * SIDE + x];
      }
    }
    return heat;
  };
}

// For each of SIDE pixels, the shares of `count` cells in it.
function rows(count) {
  return Array.from({ length: SIDE }, (_, pixel) => {
    const place = ((pixel + 0.5) * count) / SIDE - 0.5;
    const shares = new Float32Array(count);
    for (let cell = Math.floor(place) - 1; cell <= Math.floor(place) + 2; cell++) {
      const inside = Math.min(count - 1, Math.max(0, cell));
      shares[inside] += cubic(Math.abs(place - cell));
    }
    return shares;
  });
}

function cubic(x) {
  if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  if (x < 2) return -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2;
  return 0;
}
