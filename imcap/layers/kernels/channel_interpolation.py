"""The channel score interpolated: many channels from a few values.

A channel has one number, v̄, so for a query its score
`f(v̄) = u · tanh(v̄ w + q)` is a smooth function of one variable: a sum of
hyperbolic tangents. A polynomial through its values at Chebyshev nodes meets
it to the last digits of float32 as long as the steepest tangent is not too
steep, and costs `NODES` tangents a unit, however many channels there are.

With x in −1..1 the interval of v̄ and r the largest |w| times half its
length, the nearest poles lie at a height of π/(2r), and the error falls as ρ
to the power −NODES, ρ = π/(2r) + √(1 + π²/(4r²)). At `STEEPEST` it is below
1e-7 of Σ |u|.

Reference: Trefethen, 2013, "Approximation theory and approximation practice",
theorem 8.2.
"""

import numpy as np
from keras import ops

from imcap.layers.kernels.written_out import times_column

NODES = 32
STEEPEST = 2.5


def _nodes():
    """Nodes (J,), and what takes values there to coefficients (J, J)."""
    angles = (np.arange(NODES) + 0.5) * np.pi / NODES
    orders = np.arange(NODES)
    matrix = np.cos(angles[:, None] * orders) * 2 / NODES
    matrix[:, 0] /= 2
    return np.cos(angles).astype("float32"), matrix.astype("float32")


PLACES, TO_COEFFICIENTS = _nodes()


class Interpolation:
    """Values v̄ (B, C) on the intervals that they fill, row by row.

    Args:
        means: float tensor (B, C).
        kernel: float tensor (A,), w.
    """

    def __init__(self, means, kernel):
        self.kernel = kernel
        means = ops.cast(means, "float32")
        low = ops.min(means, axis=1, keepdims=True)  # (B, 1)
        high = ops.max(means, axis=1, keepdims=True)
        # Never 0: all channels may be alike.
        self.half = ops.maximum((high - low) / 2, 1e-6)
        middle = (high + low) / 2
        # Rounding leads outside where large values are nearly alike, and
        # there the polynomial runs away.
        places = (means - middle) / self.half
        self.places = ops.clip(places, -1.0, 1.0)  # (B, C)
        values = middle + self.half * PLACES  # (B, J)
        self.values = ops.cast(values, kernel.dtype)

    def is_close(self):
        """Whether the polynomial meets the score: a boolean scalar.

        One answer for the whole batch: a picture whose values are far apart
        takes the others along, and last digits with them.
        """
        steepest = ops.max(ops.abs(ops.cast(self.kernel, "float32")))
        return ops.max(self.half) * steepest <= STEEPEST

    def scores(self, query, weight):
        """Scores (B, Q, C) of queries (B, Q, A)."""
        at_nodes = times_column(self._hidden(query), weight)  # (B, Q, J)
        powers = ops.stack(list(_first_kind(self.places)), axis=1)
        scores = ops.matmul(_coefficients(at_nodes), powers)
        return ops.cast(scores, query.dtype)

    def _hidden(self, query):
        """The score's hidden layer (B, Q, J, A) at the nodes."""
        keys = self.values[..., None] * self.kernel  # (B, J, A)
        return ops.tanh(keys[:, None] + query[:, :, None])

    def gradients(self, query, weight, slopes):
        """Gradients of query, means, kernel and weight, shaped like them.

        Args:
            query: float tensor (B, Q, A).
            weight: float tensor (A, 1).
            slopes: float tensor (B, Q, C), of the scores.
        """
        units = weight.shape[0]
        row = ops.reshape(weight, (units,))
        hidden = self._hidden(query)
        bent = 1 - hidden * hidden
        slopes = ops.cast(slopes, "float32")
        powers = ops.stack(list(_first_kind(self.places)), axis=1)
        # The score's own derivative is interpolated: the polynomial's would
        # lose digits at the ends.
        derived = ops.reshape(row * self.kernel, (units, 1))
        derived = _coefficients(times_column(bent, derived))
        for_means = ops.sum(slopes * ops.matmul(derived, powers), axis=1)
        above = ops.matmul(slopes, ops.swapaxes(powers, 1, 2))  # (B, Q, J)
        above = ops.matmul(above, TO_COEFFICIENTS.T)
        above = ops.cast(above, query.dtype)
        for_weight = ops.matmul(
            ops.transpose(ops.reshape(hidden, (-1, units))),
            ops.reshape(above, (-1, 1)),
        )
        below = bent * above[..., None]  # but for the weight
        share = ops.sum(below, axis=1)  # (B, J, A)
        for_kernel = ops.matmul(
            ops.reshape(self.values, (1, -1)), ops.reshape(share, (-1, units))
        )
        return (
            ops.sum(below, axis=2) * row,
            ops.cast(for_means, query.dtype),
            for_kernel[0] * row,
            for_weight,
        )


def _coefficients(values):
    """Chebyshev coefficients (B, Q, J) of values at the nodes."""
    return ops.matmul(ops.cast(values, "float32"), TO_COEFFICIENTS)


def _first_kind(places):
    """Yields T_0 to T_{J−1} of the places, a tensor each."""
    before, now = ops.ones_like(places), places
    for _ in range(NODES):
        yield before
        before, now = now, 2 * places * now - before
