"""Positional encodings, of words in captions and locations in pictures."""

import math

import keras
import numpy as np
from keras import ops

from imcap.layers.dense import RowDense


def sinusoid(count, width, cosine_first=False):
    """Sinusoidal positional encoding of `count` places.

    `PE[p, 2i] = sin(p / 10000^(2i / d))`, `PE[p, 2i + 1]` its cosine.

    Args:
        count: int, places.
        width: int, d.
        cosine_first: bool, cosines at even and sines at odd numbers.

    Returns:
        Float32 array (count, d).

    Reference:
        Vaswani et al., 2017, "Attention is all you need", section 3.5.
    """
    even = np.arange(0, width, 2)
    angles = np.arange(count)[:, None] * np.exp(even * (-math.log(1e4) / width))
    waves = [np.sin(angles), np.cos(angles)]
    if cosine_first:
        waves.reverse()
    table = np.stack(waves, axis=-1).reshape(count, -1)
    return table[:, :width].astype("float32")


class _Positions(keras.layers.Layer):
    """Base of the encodings below: they add to features of their width."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def compute_output_spec(self, features, positions, training=None):
        return keras.KerasTensor(features.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"units": self.units}

    def _dense(self, name, units=None, activation=None):
        return RowDense(
            units or self.units,
            activation=activation,
            dtype=self.dtype_policy,
            name=name,
        )


@keras.saving.register_keras_serializable(package="imcap")
class GridPositions(_Positions):
    """Grid encoding "gxg": adds rows and columns apart.

    `drop(W_3 x + b_3 + W_1 Σ_columns p + b_1 + W_2 Σ_rows p + b_2)`.

    Args:
        units: int, width d of features.
        dropout: float, share dropped in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        features: float tensor (B, K, d).
        positions: float tensor (B, K, G), shares of the G = g × g cells that
            each location covers, row by row.
        training: bool.

    Returns:
        Float tensor (B, K, d).

    Example:
        >>> GridPositions(512)(features, grid_vectors)

    Reference: the Spatial-Image-Captioning code, `enc_pos_type gxg`.
    """

    def __init__(self, units, dropout=0.0, **kwargs):
        super().__init__(units, **kwargs)
        self.dropout = dropout
        self.of_rows = self._dense("of_rows")
        self.of_columns = self._dense("of_columns")
        self.of_features = self._dense("of_features")
        self.drop = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="drop"
        )

    def build(self, features_shape, positions_shape):
        side = grid_side(positions_shape[-1])
        self.of_rows.build((None, None, side))
        self.of_columns.build((None, None, side))
        self.of_features.build(features_shape)
        self.built = True

    def call(self, features, positions, training=None):
        rows, columns = rows_and_columns(positions)
        encoded = self.of_rows(rows) + self.of_columns(columns)
        encoded = self.of_features(features) + encoded
        return self.drop(encoded, training=training)

    def get_config(self):
        return super().get_config() | {"dropout": self.dropout}


@keras.saving.register_keras_serializable(package="imcap")
class FlatGridPositions(_Positions):
    """Grid encoding "g2": adds a projection of all cells, `x + W p + b`.

    Arguments as in `GridPositions`, without dropout.

    Example:
        >>> FlatGridPositions(512)(features, grid_vectors)
    """

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.of_cells = self._dense("of_cells")

    def build(self, features_shape, positions_shape):
        self.of_cells.build(positions_shape)
        self.built = True

    def call(self, features, positions, training=None):
        return features + self.of_cells(positions)


@keras.saving.register_keras_serializable(package="imcap")
class BoxPositions(_Positions):
    """Box encoding "box-coord": `x + W_2 relu(W_1 p + b_1) + b_2`.

    Arguments as in `GridPositions`, without dropout; positions are relative
    boxes (B, K, 4) of x1, y1, x2, y2, the hidden layer has d // 2 units.

    Example:
        >>> BoxPositions(512)(features, boxes)
    """

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.hidden = self._dense("hidden", max(1, units // 2), "relu")
        self.outer = self._dense("outer")

    def build(self, features_shape, positions_shape):
        self.hidden.build(positions_shape)
        self.outer.build((*positions_shape[:-1], self.hidden.units))
        self.built = True

    def call(self, features, positions, training=None):
        return features + self.outer(self.hidden(positions))


@keras.saving.register_keras_serializable(package="imcap")
class FixedGridPositions(_Positions):
    """Fixed encoding: sinusoids of the cells covered, nothing is learnt.

    `x + Σ_cells p (PE_1[column] + PE_2[row])`, PE_1 with sines and PE_2 with
    cosines first, so that rows and columns do not look alike.

    Arguments as in `GridPositions`, without dropout.

    Example:
        >>> FixedGridPositions(512)(features, grid_vectors)
    """

    def build(self, features_shape, positions_shape):
        grid_side(positions_shape[-1])
        self.built = True

    def call(self, features, positions, training=None):
        rows, columns = rows_and_columns(positions)
        side = rows.shape[-1]
        for shares, cosine_first in ((columns, False), (rows, True)):
            table = sinusoid(side, self.units, cosine_first)
            table = ops.convert_to_tensor(table, dtype=shares.dtype)
            features = features + ops.matmul(shares, table)
        return features


def grid_side(cells):
    """g of a grid of g × g cells.

    Raises:
        ValueError: `cells` is no square.
    """
    side = math.isqrt(cells)
    if side * side != cells:
        raise ValueError(f"a grid of {cells} cells is not square")
    return side


def rows_and_columns(positions):
    """Shares of rows and of columns, (B, K, g) each, of cells (B, K, G)."""
    side = grid_side(positions.shape[-1])
    shape = (*ops.shape(positions)[:-1], side, side)
    cells = ops.reshape(positions, shape)  # (B, K, row, column)
    return ops.sum(cells, axis=-1), ops.sum(cells, axis=-2)


LEARNT = {
    "gxg": GridPositions,
    "g2": FlatGridPositions,
    "box-coord": BoxPositions,
}


def location_positions(enc_pos_type, units, dropout=0.0, **kwargs):
    """The positional encoding of a name on the command line.

    Args:
        enc_pos_type: "gxg", "g2", "box-coord", or "fixed".
        units: int, width d of features.
        dropout: float, for gxg.
        **kwargs: see `keras.layers.Layer`.

    Raises:
        ValueError: another name.
    """
    if enc_pos_type == "gxg":
        kwargs["dropout"] = dropout
    encodings = {**LEARNT, "fixed": FixedGridPositions}
    if enc_pos_type not in encodings:
        raise ValueError(
            f"enc_pos_type must be 'gxg', 'g2' or 'box-coord', "
            f"got {enc_pos_type!r}"
        )
    return encodings[enc_pos_type](units, **kwargs)
