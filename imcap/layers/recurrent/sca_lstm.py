"""The LSTM of SCA-CNN: the end of a picture network, anew for each word."""

import keras
from keras import ops

from imcap.layers.attention.attended_map import AttendedMap, each_mask
from imcap.layers.cnn.sub_network import SubNetwork
from imcap.layers.dense import RowDense, UnitLength
from imcap.layers.initializers import OrthogonalBlocks
from imcap.layers.kernels.loops import Recomputed, unroll
from imcap.layers.masking import MaskedMean
from imcap.layers.recurrent.lstm import lstm_step, spread_state


@keras.saving.register_keras_serializable(package="imcap")
class ScaLSTM(keras.layers.Layer):
    """LSTM that reads a network's map under channel and spatial attention.

    For each word, with h the last state: the first map is attended
    (`AttendedMap`), passes the network's layers up to the next attended map,
    and so on to the last; `z` is its mean over locations, at length √C;
    `z ← σ(w·h + b) z` with the selector; `h' = LSTM([x; z], h)`.

    The original map is attended anew for every word. Modulated maps are
    (B·N, K, C) and are made again for the gradient, a word at a time.

    Args:
        units: int, U of the LSTM.
        attention_units: int, A, width of the scores' hidden layers.
        attended: list of dicts, one for each attended map: "channels", its
            C; "then", operations up to the next map (see `SubNetwork`).
        order: "C-S", "S-C", "C" or "S", see `AttendedMap`.
        selector: bool, the scalar gate on z.
        grid: (h, w) of the locations, for kernels above 1.
        stddev: float, spread of the scores' initial weights.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        words: float tensor (B, N, T, E).
        values: float tensor (B, K, C), the first map.
        known: what `prepare` makes of the values.
        start: float tensor (B, 2U), h and c before the first word.
        side: float tensor (B, K, R) of what operations add, or None.
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Dict of hidden (B, N, T, U), context (B, N, T, C), z before the
        selector, and for map i = 1, 2, … weights_i (B, N, T, K) and
        channels_i (B, N, T, C), as far as the order has them.

    Raises:
        ValueError: a mask, and a kernel above 1 that would look under it.

    Example:
        >>> lstm = ScaLSTM(512, 512, [{"channels": 1280}])
        >>> outputs = lstm(words, values, lstm.prepare(values), start)

    Reference:
        Chen et al., 2017, "SCA-CNN: spatial and channel-wise attention in
        convolutional networks for image captioning".
    """

    def __init__(
        self,
        units,
        attention_units,
        attended,
        order="C-S",
        selector=False,
        grid=(7, 7),
        stddev=0.01,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.attention_units = attention_units
        self.attended = [dict(each) for each in attended]
        self.order = order
        self.selector = selector
        self.grid = tuple(grid)
        self.stddev = stddev
        policy = self.dtype_policy

        def dense(width, name, **more):
            return RowDense(width, dtype=policy, name=name, **more)

        self.word_dense = dense(4 * units, "word_gates")
        self.context_dense = dense(4 * units, "context_gates", use_bias=False)
        self.gate = None
        if selector:
            self.gate = dense(1, "selector", activation="sigmoid")
        self.mean = MaskedMean(dtype=policy, name="mean")
        self.normalize = UnitLength(dtype=policy, name="unit_length")
        self.maps = [
            AttendedMap(
                attention_units, order, stddev, dtype=policy, name=f"map_{i}"
            )
            for i, _ in enumerate(self.attended, 1)
        ]
        self.networks = [
            SubNetwork(
                each.get("then", ()), grid, dtype=policy, name=f"network_{i}"
            )
            for i, each in enumerate(self.attended, 1)
        ]

    def build(self, words_shape, *shapes):
        state = (None, None, self.units)
        width = self.attended[0]["channels"]
        pairs = zip(self.attended, self.maps, self.networks, strict=True)
        for each, attended_map, network in pairs:
            if width != each["channels"]:
                raise ValueError(
                    f"attended map of {each['channels']} channels, but what "
                    f"comes before it makes {width}"
                )
            if not attended_map.built:  # prepare() may have come first
                attended_map.build(state, (None, None, width))
            if not network.built:
                network.build((None, None, width))
            spec = keras.KerasTensor((None, None, width))
            width = network.compute_output_spec(spec).shape[-1]
        if not self.word_dense.built:  # step() may have come first
            self.word_dense.build(words_shape)
        self.context_dense.build((None, None, width))
        if self.gate is not None:
            self.gate.build(state)
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units),
            initializer=OrthogonalBlocks(4),
            name="recurrent_kernel",
        )
        self.built = True

    def prepare(self, values, location_mask=None):
        """Precomputes what no word changes of the first map (B, K, C)."""
        return self.maps[0].prepare(values, location_mask)

    def unattended(self, values, side=None, location_mask=None):
        """z (B, C) of the map (B, K, C) if nothing attended to anything."""
        for place, network in enumerate(self.networks):
            values = network(values, self._side(side, place))
        return self._rescaled(self.mean(values, location_mask))

    def _rescaled(self, values):
        """At length √C: entries as large as those of words and states.

        Of length one only kernels would differ in scale, but an optimiser of
        equal steps learns late what small entries tell.
        """
        return self.normalize(values) * values.shape[-1] ** 0.5

    def _side(self, side, place):
        """What the operations after one attended map add."""
        widths = [
            sum(one.get("add", 0) for one in each.get("then", ()))
            for each in self.attended
        ]
        if not widths[place]:
            return None
        first = sum(widths[:place])
        return side[..., first : first + widths[place]]

    def attend(self, hidden, memory, mask=None):
        """The context z of states (B, N, U), and their attention.

        Args:
            hidden: h of the last word.
            memory: dict of values, known and perhaps side, as in `call`.
            mask: boolean tensor (B, K) or None.

        Returns:
            z (B, N, C) and a dict of attention, as `call` names it.
        """
        if mask is not None and any(
            each.has_spatial_kernel for each in self.networks
        ):
            raise ValueError(
                "locations that are left out need sub-networks of 1 x 1 "
                "convolutions; these look at neighbours"
            )
        count, query = ops.shape(hidden)[1], hidden
        values, known = memory["values"], memory["known"]
        attention = {}
        last = len(self.maps) - 1
        for place, attended_map in enumerate(self.maps):
            if place:  # each hypothesis has a map of its own by now
                known = attended_map.prepare(values, mask)
            network = self.networks[place]
            whole = place < last or bool(network.then)
            context, values, weighed = attended_map(
                query, values, known, mask, whole=whole
            )
            for name, weights in weighed.items():
                shape = (*ops.shape(hidden)[:2], ops.shape(weights)[-1])
                attention[f"{name}_{place + 1}"] = ops.reshape(weights, shape)
            if values is not None:
                values = network(values, self._side(memory.get("side"), place))
            if not place:
                query = ops.reshape(hidden, (-1, 1, self.units))
                mask = each_mask(mask, count)
        if values is not None:
            context = self.mean(values, mask)
        shape = (*ops.shape(hidden)[:2], context.shape[-1])
        return self._rescaled(ops.reshape(context, shape)), attention

    def step(self, gates, state, memory, mask=None):
        """One step of the LSTM: gate inputs (B, N, 4U) of a word, and h and c.

        Args:
            gates: what `word_dense` makes of the word.
            state: h and c, (B, N, U) each.
            memory, mask: as in `attend`.

        Returns:
            Dict as `call` returns, without T, and the new state.
        """
        context, attention = self.attend(state[0], memory, mask)
        gated = context
        if self.gate is not None:
            gated = self.gate(state[0]) * context
        gates = gates + self.context_dense(gated)
        state = lstm_step(gates, state, self.recurrent_kernel)
        return {"hidden": state[0], "context": context, **attention}, state

    def call(self, words, values, known, start, side=None, location_mask=None):
        gates = self.word_dense(words)  # (B, N, T, 4U)
        memory = {"values": values, "known": known}
        if side is not None:
            memory["side"] = side

        def step(gates, state, memory):
            return self.step(gates, state, memory, location_mask)

        step = Recomputed(step, memory, self._step_variables())
        state = spread_state(start, ops.shape(words)[1])
        return unroll(step, gates, step.begin(state))

    def _step_variables(self):
        outside = {id(each) for each in self.word_dense.variables}
        return [each for each in self.variables if id(each) not in outside]

    def compute_output_spec(
        self, words, values, known, start, side=None, location_mask=None
    ):
        leading, locations = words.shape[:3], values.shape[1]
        widths = {"hidden": self.units}
        for place, each in enumerate(self.attended, 1):
            if "S" in self.order:
                widths[f"weights_{place}"] = locations
            if "C" in self.order:
                widths[f"channels_{place}"] = each["channels"]
        widths["context"] = self.context_dense.kernel.shape[0]
        return {
            name: keras.KerasTensor((*leading, width), self.compute_dtype)
            for name, width in widths.items()
        }

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            attention_units=self.attention_units,
            attended=attended_config(self.attended),
            order=self.order,
            selector=self.selector,
            grid=list(self.grid),
            stddev=self.stddev,
        )
        return config


def attended_config(attended):
    """Config of attended maps: lists and dicts of plain values."""
    return [
        dict(each) | {"then": [dict(one) for one in each.get("then", ())]}
        for each in attended
    ]


@keras.saving.register_keras_serializable(package="imcap")
class ZeroFirst(keras.layers.Layer):
    """Zeros in the place of the first word of each caption.

    Call arguments:
        words: float tensor (B, N, T, E).

    Returns:
        Float tensor (B, N, T, E).

    Example:
        >>> ZeroFirst()(embedding(tokens))
    """

    def call(self, words):
        later = ops.arange(ops.shape(words)[2], dtype="int32") > 0
        return words * ops.cast(later, words.dtype)[:, None]

    def compute_output_spec(self, words):
        return keras.KerasTensor(words.shape, dtype=words.dtype)
