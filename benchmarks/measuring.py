"""Timing, and the plain matrix product that everything is compared with."""

import resource
import statistics
import time

import tensorflow as tf

PRODUCT = (4096, 1024, 4096)


def seconds(function, runs=7, warmup=2):
    """Median seconds of a call, after warm-up."""
    for _ in range(warmup):
        function()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def product_rate(dtype="float32"):
    """FLOP/s of a plain product of 4096 x 1024 by 1024 x 4096."""
    rows, inner, columns = PRODUCT
    left = tf.cast(tf.random.normal((rows, inner)), dtype)
    right = tf.cast(tf.random.normal((inner, columns)), dtype)
    product = tf.function(lambda: tf.matmul(left, right))
    took = seconds(lambda: product()[0, 0].numpy())
    return 2 * rows * inner * columns / took


def peak_memory():
    """Largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def product_operations(function):
    """Floating-point operations of the matrix products of a function.

    Args:
        function: without arguments, of tensors whose shapes are known.

    Returns:
        int, two for each multiplication. Products inside compiled loops
        count once.
    """
    graph = tf.function(function).get_concrete_function().graph
    return sum(_operations(operation) for operation in graph.get_operations())


def _operations(operation):
    if operation.type not in ("MatMul", "BatchMatMulV2"):
        return 0
    left = operation.inputs[0].shape
    rows = operation.outputs[0].shape.num_elements() or 0
    turned = operation.get_attr(
        "transpose_a" if operation.type == "MatMul" else "adj_x"
    )
    return 2 * rows * (left[-2 if turned else -1] or 0)


def line(name, value, unit="", note=""):
    """Prints one row of a report."""
    print(f"{name:48} {value:>12} {unit:8} {note}", flush=True)
