"""The paper's race in JAX: the same 18 nets, batches, optimizers and mixer, f32, one compiled
scan over 50 batches. Prints samples/s, the median of 5 rounds, as `derby bench` does."""

import os
import time
from statistics import median

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
import jax
import jax.numpy as jnp

BATCH, BATCHES, BITS = 10, 50, 16
SHAPES = [(hidden, layers) for hidden in (16, 24, 32, 40, 48, 56) for layers in (1, 2, 3)]


def net(key, hidden, layers):
    sizes = [BITS, *[hidden] * layers, BITS]
    parameters = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        key, part = jax.random.split(key)
        bound = 6.0**0.5 / (fan_in + 1 + fan_out)
        parameters.append(jax.random.uniform(part, (fan_in + 1, fan_out), minval=-bound, maxval=bound))
    return parameters


def forward(parameters, x):
    for w in parameters:
        x = jax.nn.sigmoid(x @ w[:-1] + w[-1])
    return x


def loss(parameters, x, y):
    answers = forward(parameters, x)
    return 0.5 * jnp.sum((answers - y) ** 2) / BATCH, answers


def rms_prop(w, g, state, decay=0.0):
    mean, before = state
    step = 0.01 * jnp.where(mean == 0, g, g / jnp.sqrt(0.9 * mean + 0.1 * g * g + 1e-5))
    mean = jnp.where(mean == 0, g * g, 0.9 * mean + 0.1 * g * g)
    return w - step - 0.6 * before - decay * w, (mean, g)


def learn(carry, batch):
    nets, states, weights, mixing = carry
    x, y = batch
    new_nets, new_states, answers = [], [], []
    for parameters, state in zip(nets, states):
        gradients, out = jax.grad(loss, has_aux=True)(parameters, x, y)
        answers.append(out)
        # The reference program's steps: RMSprop for the output layer alone, and all layers
        # move on by the last gradient.
        new = [w - 0.01 * g - 0.6 * before for w, g, before in zip(parameters[:-1], gradients, state)]
        last, moments = rms_prop(parameters[-1], gradients[-1], state[-1])
        new_nets.append([*new, last])
        new_states.append([*gradients[:-1], moments])
    parts = jnp.stack(answers) * weights[:, None, :]
    rest = parts.sum(0) - y
    error = 0.5 * jnp.sum(rest**2) / BATCH
    slope = (parts * rest).sum(1) / BATCH
    weights, mixing = rms_prop(weights, slope, mixing, decay=0.001)
    low, high = weights.min(0), weights.max(0)
    weights = jnp.where(low < 0, 0.001 + (weights - low) / (high - low) * 0.99, weights)
    weights = weights / weights.sum(0)
    return (new_nets, new_states, weights, mixing), error


@jax.jit
def stretch(carry, x, y):
    return jax.lax.scan(learn, carry, (x, y))


keys = jax.random.split(jax.random.key(0), len(SHAPES))
nets = [net(key, *shape) for key, shape in zip(keys, SHAPES)]
zeros = lambda tree: jax.tree.map(jnp.zeros_like, tree)
states = [[*zeros(parameters[:-1]), (zeros(parameters[-1]),) * 2] for parameters in nets]
weights = jnp.full((len(SHAPES), BITS), 1.0 / len(SHAPES))
carry = (nets, states, weights, (zeros(weights),) * 2)
numbers = jax.random.randint(jax.random.key(1), (BATCHES, BATCH), 1, 65535)
bits = lambda n: ((n[..., None] >> jnp.arange(BITS)) & 1).astype(jnp.float32)
x, y = bits(numbers), bits((1000 * jnp.log(numbers.astype(jnp.float32))).astype(jnp.int32))

carry, _ = jax.block_until_ready(stretch(carry, x, y))
speeds = []
for _ in range(5):
    start = time.perf_counter()
    for _ in range(40):
        carry, errors = stretch(carry, x, y)
    jax.block_until_ready(carry)
    speeds.append(40 * BATCHES * BATCH / (time.perf_counter() - start))
assert jnp.isfinite(errors).all()
print(f"{median(speeds):.0f}")
