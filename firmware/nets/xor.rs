// The net (8, 1) of a race, 108 parameters, 432 bytes.
// Raced with derby 0.1.0 on 20000 samples; held out: loss 0.1352, 86.5 % right:
//   derby race --held-back 0 --task xor --bits 8 --nets 8x1 --optimizer rmsprop --init glorot --samples 20000 --out run.jsonl
//
// Plain Rust without std, allocation or panics, to be saved as a module. The answers are derby's
// to the bit on every machine.

/// Numbers in a sample.
pub const INPUTS: usize = 8;
/// Numbers in an answer.
pub const OUTPUTS: usize = 4;
/// What each input is; `name=value` is 1 where the column holds that value, and else 0.
#[allow(dead_code)]
pub const INPUT_NAMES: [&str; INPUTS] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7",
];
/// What each output is.
#[allow(dead_code)]
pub const OUTPUT_NAMES: [&str; OUTPUTS] = [
    "y0", "y1", "y2", "y3",
];

/// Answers one sample. Inputs and outputs are in their own units; outputs that are classes get
/// shares of trust, which sum to 1.
#[allow(dead_code)]
pub fn predict(inputs: &[f32; INPUTS]) -> [f32; OUTPUTS] {
    net_0(inputs)
}

/// The net (8, 1), from scaled inputs to unscaled outputs.
fn net_0(x: &[f32; INPUTS]) -> [f32; OUTPUTS] {
    let x = dense(x, &WEIGHTS_0_0, &BIASES_0_0, sigmoid);
    dense(&x, &WEIGHTS_0_1, &BIASES_0_1, sigmoid)
}

/// `z_j = f(((0 + w_0j x_0) + w_1j x_1) + .. + b_j)`: inputs in order, the bias last.
fn dense<const I: usize, const O: usize>(
    x: &[f32; I],
    weights: &[[f32; I]; O],
    biases: &[f32; O],
    f: impl Fn(f32) -> f32,
) -> [f32; O] {
    let mut z = [0.0; O];
    for ((z, row), bias) in z.iter_mut().zip(weights).zip(biases) {
        let mut sum = 0.0;
        for (x, w) in x.iter().zip(row) {
            sum += w * x;
        }
        *z = f(sum + bias);
    }
    z
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + exp(-z))
}

/// `e^x` with a relative error below 1.2e-7; beyond -87.33..=88.37 it stays at the bound's.
fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: n * LN2_HIGH is exact for every n that occurs.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Written as comparisons, through which NaN passes.
    let x = if x < -87.33 { -87.33 } else { x };
    let x = if x > 88.37 { 88.37 } else { x };
    let shifted = x * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // Coefficients of Cephes' expf (S. L. Moshier), in Estrin's order.
    let r2 = r * r;
    let low = 5.000_000_3e-1 + r * 1.666_666_5e-1;
    let middle = 4.166_579_5e-2 + r * 8.333_452e-3;
    let high = 1.398_2e-3 + r * 1.987_569_2e-4;
    let power = (1.0 + r) + r2 * (low + r2 * (middle + r2 * high));
    // The low bits of `shifted` are n; moved to the exponent with its bias they are 2^n.
    power * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

// `[output][input]`
static WEIGHTS_0_0: [[f32; 8]; 8] = [
    [
        0.36830986, 0.7485153, -3.1655636, -1.599098, 2.9223294, 0.53998494, 6.8796043, -1.6284302,
    ],
    [
        0.62971425, 0.54917294, 2.447864, 0.43223873, -2.3679702, 0.5632656, 1.224489, 0.40984836,
    ],
    [
        -0.8097474, -0.8265845, 11.48165, -0.6574916, 1.9113505, -1.0269892, 12.845404, -1.0668794,
    ],
    [
        0.17241809, -8.673666, -0.44942582, -0.91076297, -0.06752653, -8.973186, -0.6091458,
        -0.9296481,
    ],
    [
        -0.05089622, -2.959561, 0.89445263, 1.3976865, 0.2831034, -2.957831, 1.0267055, 1.3725649,
    ],
    [
        8.933273, -0.020325292, -1.3528066, 1.1547414, 3.23018, -0.0445406, 0.17833169, 1.3149012,
    ],
    [
        12.644847, 0.0036886055, -0.32419342, -0.033043206, -8.230465, -0.004087331, 0.12668422,
        0.6091652,
    ],
    [
        0.015399668, -1.6578897, 0.4958147, -12.1358595, -0.25706843, -1.3597016, 0.6091769,
        -12.615923,
    ],
];
static BIASES_0_0: [f32; 8] = [
    1.3163853, -2.072685, -2.244948, 2.7786872, 1.0024284, -1.9662471, 3.7360208, 2.7944224,
];
// `[output][input]`
static WEIGHTS_0_1: [[f32; 8]; 4] = [
    [
        -0.57038015, 4.7524576, -1.6611637, 1.0917097, -0.74762964, 3.976696, -5.2145367,
        0.48646355,
    ],
    [
        -1.1179053, -2.0796824, -0.79118943, -10.072517, 6.5357428, -0.2642763, 0.5616165,
        2.309514,
    ],
    [
        -3.486199, -5.8750534, 6.531634, 0.24749579, -2.075192, -0.0063251136, 1.818431,
        -0.83588284,
    ],
    [
        1.256564, -1.1331254, 1.2561156, 1.8714234, -3.2027974, -1.2666781, 0.5976646, -10.076894,
    ],
];
static BIASES_0_1: [f32; 4] = [
    0.3806426, -0.19610693, 0.20414574, 1.674554,
];
