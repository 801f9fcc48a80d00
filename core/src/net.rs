//! One net: its entry in the race, and how it answers and learns on lent memory.
//!
//! Parameters lie layer by layer from the inputs, each laid out as [`crate::kernel`] draws it.
//! The optimizer's memory follows the same order: for each layer its first slot, then its second.

use crate::kernel::{self, Run, Update};
use crate::lanes::{Lanes, Portable, Registers, Work};
use crate::optimizer::{Rule, Visitor};
use crate::shape::Layer;
use crate::{Activation, Init, Loss, Optimizer, Shape};

/// What enters the race: a shape with all that decides how it starts and learns.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Entry {
    /// Inputs, hidden units, hidden layers, outputs.
    pub shape: Shape,
    /// Activation of the hidden units.
    pub activation: Activation,
    /// Activation of the outputs.
    pub output: Activation,
    /// What training lowers.
    pub loss: Loss,
    /// Steps of the output layer.
    pub optimizer: Optimizer,
    /// Steps of the hidden layers.
    pub hidden_optimizer: Optimizer,
    /// Factor of the L2 penalty's slope: `decay * w` joins the gradient of each weight, and of
    /// no bias.
    pub decay: f32,
    /// How the first weights are drawn.
    pub init: Init,
    /// From what they are drawn, together with the shape.
    pub seed: u64,
}

impl Entry {
    /// A sigmoid net for outputs in 0..1: half squared error, RMSprop, Glorot's start with the
    /// gain that fits the sigmoid.
    pub const fn new(shape: Shape, seed: u64) -> Self {
        Self {
            shape,
            activation: Activation::Sigmoid,
            output: Activation::Sigmoid,
            loss: Loss::Squared,
            optimizer: Optimizer::RMSPROP,
            hidden_optimizer: Optimizer::RMSPROP,
            decay: 0.0,
            init: Init::Glorot { gain: Activation::Sigmoid.gain() },
            seed,
        }
    }

    /// Sets the hidden units' activation, and Glorot's start with its gain.
    pub const fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self.init = Init::Glorot { gain: activation.gain() };
        self
    }

    /// Sets the outputs' activation and the loss.
    pub const fn output(mut self, output: Activation, loss: Loss) -> Self {
        self.output = output;
        self.loss = loss;
        self
    }

    /// Sets one optimizer for all layers.
    pub const fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self.hidden_optimizer = optimizer;
        self
    }

    /// Sets one optimizer for the output layer and another for the rest.
    pub const fn optimizers(mut self, output: Optimizer, hidden: Optimizer) -> Self {
        self.optimizer = output;
        self.hidden_optimizer = hidden;
        self
    }

    /// Sets how the first weights are drawn.
    pub const fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Whether shape, activations and loss go together.
    pub const fn is_sound(&self) -> bool {
        self.shape.is_sound()
            && !matches!(self.activation, Activation::Softmax)
            && self.loss.suits(self.output)
    }

    /// Whether this build has its optimizers, its activations and its loss; see the feature
    /// `full`.
    pub const fn is_built(&self) -> bool {
        self.optimizer.is_built()
            && self.hidden_optimizer.is_built()
            && self.activation.is_built()
            && self.output.is_built()
            && self.loss.is_built()
    }

    /// The optimizer of a layer.
    const fn optimizer_of(&self, layer: Layer) -> Optimizer {
        if layer.last { self.optimizer } else { self.hidden_optimizer }
    }

    /// Numbers of optimizer memory that the net needs.
    pub const fn memory(&self) -> usize {
        let hidden = self.shape.hidden_parameters().saturating_mul(self.hidden_optimizer.slots());
        let output = self.shape.output_parameters().saturating_mul(self.optimizer.slots());
        hidden.saturating_add(output)
    }

    /// Numbers of scratch that [`Self::predict`] needs for each sample: hidden activations and,
    /// where the kernels want panels, room for inputs and outputs.
    pub const fn scratch(&self) -> usize {
        let Shape { inputs, outputs, .. } = self.shape;
        let ends = if kernel::IN_PANELS { inputs.saturating_add(outputs) } else { 0 };
        self.shape.hidden_units().saturating_add(ends)
    }

    /// Numbers of scratch that learning from `batch` samples needs: hidden activations, the deltas
    /// of two layers, and what [`Self::room`] tells.
    pub const fn training_scratch(&self, batch: usize) -> usize {
        let deltas = self.shape.widest().saturating_mul(2);
        let values = self.shape.hidden_units().saturating_add(deltas).saturating_mul(batch);
        values.saturating_add(self.room(batch))
    }

    /// Numbers of room that the kernels need to learn from `batch` samples: none on a Cortex-M.
    pub const fn room(&self, batch: usize) -> usize {
        self.panels(batch).saturating_add(kernel::room(self.shape.widest()))
    }

    /// Numbers of room for a batch's inputs in panels.
    const fn panels(&self, batch: usize) -> usize {
        let inputs = self.shape.inputs;
        if kernel::differs(inputs, batch) { inputs.saturating_mul(batch) } else { 0 }
    }

    /// Draws the first parameters.
    pub fn start(&self, parameters: &mut [f32]) {
        self.init.draw(self.shape, self.seed, parameters);
    }

    /// Answers samples `x`, `[sample][input]`, in `out`, `[sample][output]`. Slices that are too
    /// short leave `out` incomplete.
    #[inline(always)]
    pub fn predict(&self, parameters: &[f32], x: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        self.predict_on(Portable, parameters, x, out, scratch);
    }

    /// [`Self::predict`] in an instruction set's registers, to be called where they may be used.
    #[inline(always)]
    pub fn predict_on(
        &self,
        isa: impl Registers,
        parameters: &[f32],
        x: &[f32],
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        let samples = x.len() / self.shape.inputs.max(1);
        self.answer(isa, parameters, samples, x, out, scratch);
    }

    /// [`Self::forward`] from samples as they come.
    #[inline(always)]
    fn answer(
        &self,
        isa: impl Registers,
        parameters: &[f32],
        samples: usize,
        x: &[f32],
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        #[cfg(not(target_arch = "arm"))]
        let (scratch, panels) = self.parts(samples, scratch);
        #[cfg(not(target_arch = "arm"))]
        let x = in_panels(self.shape.inputs, samples, x, panels);
        self.forward(isa, parameters, samples, x, out, scratch);
    }

    /// Scratch for `samples` samples, and behind it the room for their inputs in panels.
    #[cfg(not(target_arch = "arm"))]
    #[inline(always)]
    fn parts<'s>(&self, samples: usize, scratch: &'s mut [f32]) -> (&'s mut [f32], &'s mut [f32]) {
        let scratch_alone = scratch.len().saturating_sub(self.panels(samples));
        scratch.split_at_mut_checked(scratch_alone).unwrap_or_default()
    }

    /// The place among the net's parameters of the weight from `input` to `output` in the given
    /// layer of weights; `input` = fan-in names the bias. `None` when there is no such weight.
    pub fn place(&self, layer: usize, input: usize, output: usize) -> Option<usize> {
        let own = self.shape.layer(layer);
        let place = kernel::place(own, input, output).filter(|_| layer < self.shape.depth())?;
        Some(own.below.saturating_add(place))
    }

    /// Runs `samples` samples through the net, leaves the hidden activations in `hidden`, layer
    /// by layer, and the outputs in `out`. `x` lies as the kernels want it; behind the activations
    /// `hidden` has room for outputs as the kernels give them.
    #[cfg_attr(feature = "full", inline(always))]
    #[cfg_attr(not(feature = "full"), inline(never))]
    fn forward<'x>(
        &self,
        isa: impl Registers,
        mut parameters: &[f32],
        samples: usize,
        mut x: &'x [f32],
        mut out: &'x mut [f32],
        mut hidden: &'x mut [f32],
    ) {
        for layer in self.shape.weight_layers() {
            let Some(own) = parameters.split_off(..layer.parameters()) else { return };
            let z = if layer.last {
                core::mem::take(&mut out)
            } else {
                let values = samples.saturating_mul(layer.fan_out);
                let Some(z) = hidden.split_off_mut(..values) else { return };
                z
            };
            let activation = if layer.last { self.output } else { self.activation };
            #[cfg(target_arch = "arm")]
            {
                kernel::forward(isa, layer, own, samples, x, z);
                activation.apply(isa, z, layer.fan_out);
            }
            #[cfg(not(target_arch = "arm"))]
            {
                let (parameters, room) = (own, &mut *hidden);
                isa.apart(LayerForward { layer, activation, parameters, samples, x, z, room });
            }
            x = z;
        }
    }
}

/// The forward pass of one layer, as work that is compiled on its own: in one function with the
/// rest, all would want the registers for their constants.
#[cfg(not(target_arch = "arm"))]
struct LayerForward<'f> {
    layer: Layer,
    activation: Activation,
    parameters: &'f [f32],
    samples: usize,
    x: &'f [f32],
    z: &'f mut [f32],
    /// For outputs as the kernels give them.
    room: &'f mut [f32],
}

#[cfg(not(target_arch = "arm"))]
impl Work for LayerForward<'_> {
    #[inline(always)]
    fn run(self, isa: impl Registers) {
        let Self { layer, activation, parameters, samples, x, z, room } = self;
        kernel::forward(isa, layer, parameters, samples, x, z);
        if layer.last && kernel::differs(layer.fan_out, samples) {
            copy(z, room);
            kernel::unpack(layer.fan_out, room, samples, z);
        }
        activation.apply(isa, z, layer.fan_out);
    }
}

/// The backward pass of one layer, with the slopes of the layer below.
#[cfg(not(target_arch = "arm"))]
struct LayerBackward<'b> {
    layer: Layer,
    activation: Activation,
    parameters: &'b [f32],
    samples: usize,
    d: &'b [f32],
    e: &'b mut [f32],
    x: &'b [f32],
    room: &'b mut [f32],
}

#[cfg(not(target_arch = "arm"))]
impl Work for LayerBackward<'_> {
    #[inline(always)]
    fn run(self, isa: impl Registers) {
        let Self { layer, activation, parameters, samples, d, e, x, room } = self;
        kernel::backward(isa, layer, parameters, samples, d, e, room);
        kernel::zip_panels(
            layer.fan_in,
            e,
            x,
            #[inline(always)]
            |e, x| activation.chain(e, x),
        );
    }
}

/// Copies numbers to the first of `room`.
#[cfg(not(target_arch = "arm"))]
fn copy(numbers: &[f32], room: &mut [f32]) {
    room.iter_mut().zip(numbers).for_each(|(slot, number)| *slot = *number);
}

/// Samples as the kernels want them: as they are, or in panels, which go to `room`.
#[cfg(not(target_arch = "arm"))]
#[inline(always)]
fn in_panels<'v>(
    units: usize,
    samples: usize,
    by_sample: &'v [f32],
    room: &'v mut [f32],
) -> &'v [f32] {
    if !kernel::differs(units, samples) {
        return by_sample;
    }
    kernel::pack(units, by_sample, samples, room);
    room
}

/// A batch to learn from, sample-major.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b> {
    /// `[sample][input]`.
    pub inputs: &'b [f32],
    /// `[sample][output]`.
    pub targets: &'b [f32],
    /// Number of samples.
    pub samples: usize,
    /// The last so many are scored and not learned from.
    pub held_back: usize,
}

/// Mean losses of a batch, from before the net learned from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchLoss {
    /// Over the samples learned from.
    pub trained: f32,
    /// Over those held back; 0 when there are none.
    pub held_back: f32,
}

impl BatchLoss {
    /// Whether both are numbers; else the net has diverged.
    pub fn is_finite(self) -> bool {
        self.trained.is_finite() && self.held_back.is_finite()
    }
}

/// A net on lent memory, ready to learn.
#[derive(Debug)]
pub struct Net<'a> {
    /// What it is.
    pub entry: &'a Entry,
    /// Its weights and biases, [`Shape::parameters`] of them.
    pub parameters: &'a mut [f32],
    /// Its optimizer's memory, [`Entry::memory`] numbers, all 0 before the first step.
    pub memory: &'a mut [f32],
    /// Steps taken so far.
    pub steps: u32,
}

impl Net<'_> {
    /// Answers `batch` in `out`, `[sample][output]`, and takes one step along the mean gradient
    /// of its samples. Where the loss is not finite it takes none.
    ///
    /// `scratch` holds [`Entry::training_scratch`] numbers of any value.
    pub fn learn(&mut self, batch: Batch<'_>, out: &mut [f32], scratch: &mut [f32]) -> BatchLoss {
        self.learn_on(Portable, batch, out, scratch)
    }

    /// [`Self::learn`] in an instruction set's registers, to be called where they may be used.
    #[inline(always)]
    pub fn learn_on(
        &mut self,
        isa: impl Registers,
        batch: Batch<'_>,
        out: &mut [f32],
        scratch: &mut [f32],
    ) -> BatchLoss {
        let entry = self.entry;
        let loss = self.answer(isa, batch, out, scratch);
        if !loss.is_finite() {
            return loss;
        }
        self.steps = self.steps.saturating_add(1);
        let carried = |layer| {
            let optimizer = entry.optimizer_of(layer);
            (optimizer.carried(), optimizer.is_plain(entry.decay))
        };
        let mut step = Step { entry, count: self.steps, memory: self.memory };
        descend(
            isa,
            entry,
            self.parameters,
            batch,
            out,
            scratch,
            carried,
            #[inline(always)]
            |layer, parameters, x, d| step.take(isa, layer, parameters, x, d),
        );
        loss
    }

    /// Writes the gradient of the batch's mean loss by each parameter, without the L2 penalty,
    /// and changes nothing of the net. `gradients` is laid out as the parameters.
    pub fn gradient(
        &mut self,
        batch: Batch<'_>,
        out: &mut [f32],
        scratch: &mut [f32],
        gradients: &mut [f32],
    ) -> BatchLoss {
        let loss = self.answer(Portable, batch, out, scratch);
        let keep = |layer: Layer, parameters: &mut [f32], x: &[f32], d: &[f32]| {
            kernel::gradient(Portable, layer, parameters, x, d, Keep { gradients });
        };
        descend(Portable, self.entry, self.parameters, batch, out, scratch, |_| (1.0, false), keep);
        loss
    }

    /// The forward pass and the losses.
    #[inline(always)]
    fn answer(
        &self,
        isa: impl Registers,
        batch: Batch<'_>,
        out: &mut [f32],
        scratch: &mut [f32],
    ) -> BatchLoss {
        let entry = self.entry;
        entry.answer(isa, self.parameters, batch.samples, batch.inputs, out, scratch);
        let trained = batch.samples.saturating_sub(batch.held_back);
        let (out, targets) = (&mut &*out, &mut &*batch.targets);
        // That of the deltas, which are yet to come.
        let hidden_values = entry.shape.hidden_units().saturating_mul(batch.samples);
        let room = scratch.get_mut(hidden_values..).unwrap_or_default();
        BatchLoss {
            trained: mean_loss(entry, out, targets, trained, room),
            held_back: mean_loss(entry, out, targets, batch.held_back, room),
        }
    }
}

/// A step of a net's optimizers under way.
struct Step<'u> {
    entry: &'u Entry,
    /// Steps with this one.
    count: u32,
    memory: &'u mut [f32],
}

impl Step<'_> {
    /// Takes it for one layer. There is a copy of the kernel for each rule, so that gradients
    /// become steps while they are in registers; on a Cortex-M, which is short of flash and not of
    /// time between two numbers, there is one for all.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    fn take(
        &mut self,
        isa: impl Registers,
        layer: Layer,
        parameters: &mut [f32],
        x: &[f32],
        d: &[f32],
    ) {
        let Entry { hidden_optimizer, decay, .. } = *self.entry;
        let optimizer = self.entry.optimizer_of(layer);
        let start = layer.below.saturating_mul(hidden_optimizer.slots());
        let memory = self.memory.get_mut(start..).unwrap_or_default();
        let (first, rest) = memory.split_at_mut_checked(parameters.len()).unwrap_or_default();
        let second = rest.get_mut(..parameters.len()).unwrap_or_default();
        let decay = decay * optimizer.carried();
        let layer_step = LayerStep { isa, layer, parameters, first, second, x, d, decay };
        if cfg!(target_arch = "arm") {
            layer_step.visit(optimizer.at(self.count));
        } else {
            optimizer.visit(self.count, layer_step);
        }
    }
}

/// A step of one layer, whose rule is not yet known.
struct LayerStep<'s, I> {
    isa: I,
    layer: Layer,
    parameters: &'s mut [f32],
    first: &'s mut [f32],
    second: &'s mut [f32],
    x: &'s [f32],
    d: &'s [f32],
    decay: f32,
}

impl<I: Registers> Visitor for LayerStep<'_, I> {
    #[inline(always)]
    fn visit(self, rule: impl Rule) {
        self.isa.apart(ByRule(self, rule));
    }
}

/// The same by a rule, as work that is compiled on its own: all rules in one function would take
/// the compiler minutes.
struct ByRule<'s, I, R>(LayerStep<'s, I>, R);

impl<I, R: Rule> Work for ByRule<'_, I, R> {
    #[inline(always)]
    fn run(self, isa: impl Registers) {
        let Self(LayerStep { layer, parameters, first, second, x, d, decay, .. }, rule) = self;
        kernel::gradient(isa, layer, parameters, x, d, Move { rule, decay, first, second });
    }
}

/// Moves parameters by a rule.
struct Move<'m, R> {
    rule: R,
    decay: f32,
    /// The rule's memory of the parameters that are still to come.
    first: &'m mut [f32],
    second: &'m mut [f32],
}

impl<I, R: Rule> Update<I> for Move<'_, R> {
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    fn run<const W: usize>(&mut self, isa: I, run: Run<'_, W>)
    where
        I: Lanes<W>,
    {
        let Run { parameters, gradients, biases, .. } = run;
        let count = parameters.as_flattened().len();
        let first = take::<R, W>(&mut self.first, 0, count);
        let second = take::<R, W>(&mut self.second, 1, count);
        let (Some(first), Some(second)) = (first, second) else { return };
        if self.decay != 0.0 && !biases {
            let decay = isa.splat(self.decay);
            for (g, w) in gradients.iter_mut().zip(parameters.iter()) {
                *g = isa.store(isa.load(g) + decay * isa.load(w));
            }
        }
        self.rule.step_rows(isa, parameters, gradients, first, second);
    }
}

/// Takes what a rule remembers in a slot of the next `count` parameters; nothing where it remembers
/// nothing.
#[inline(always)]
fn take<'n, R: Rule, const W: usize>(
    rest: &mut &'n mut [f32],
    slot: usize,
    count: usize,
) -> Option<&'n mut [[f32; W]]> {
    let taken = match R::SLOTS {
        Some(slots) if slots <= slot => &mut [],
        Some(_) => rest.split_off_mut(..count)?,
        None => rest.split_off_mut(..count).unwrap_or_default(),
    };
    Some(taken.as_chunks_mut().0)
}

/// Writes gradients down.
struct Keep<'k> {
    gradients: &'k mut [f32],
}

impl<I> Update<I> for Keep<'_> {
    fn run<const W: usize>(&mut self, _: I, run: Run<'_, W>)
    where
        I: Lanes<W>,
    {
        let own = self.gradients.iter_mut().skip(run.layer.below).skip(run.offset);
        let gradients = run.gradients.as_flattened();
        own.zip(gradients).for_each(|(slot, gradient)| *slot = *gradient);
    }
}

/// The mean loss of the next `count` samples, summed in order; 0 of none. `room` is for as many
/// numbers as they have outputs.
#[inline(always)]
fn mean_loss(
    entry: &Entry,
    out: &mut &[f32],
    targets: &mut &[f32],
    count: usize,
    room: &mut [f32],
) -> f32 {
    if count == 0 {
        return 0.0;
    }
    let Entry { shape, output, loss, .. } = *entry;
    let width = shape.outputs.max(1);
    let mut sum = 0.0;
    // Where there are vectors all squares come first, side by side.
    if cfg!(not(target_arch = "arm")) && loss == Loss::Squared {
        let values = count.saturating_mul(width);
        let (Some(a), Some(y), Some(squares)) =
            (out.split_off(..values), targets.split_off(..values), room.get_mut(..values))
        else {
            return 0.0;
        };
        for ((square, a), y) in squares.iter_mut().zip(a).zip(y) {
            *square = (a - y) * (a - y);
        }
        for squares in squares.chunks_exact(width) {
            let mut own = 0.0;
            squares.iter().for_each(|square| own += square);
            sum += 0.5 * own;
        }
        return sum / count as f32;
    }
    for _ in 0..count {
        let (Some(a), Some(y)) = (out.split_off(..width), targets.split_off(..width)) else {
            break;
        };
        sum += loss.of(output, a, y);
    }
    sum / count as f32
}

/// The backward pass, from the outputs that the forward pass left in `out` and the hidden
/// activations that it left in `scratch`. Shows `update` every parameter once, from the outputs'
/// layer down; gradients are scaled by the first number that `carried` gives for their layer.
/// Where it says that this already is the step, the kernel may take it itself and show nothing.
#[inline(always)]
fn descend<I: Registers>(
    isa: I,
    entry: &Entry,
    mut parameters: &mut [f32],
    batch: Batch<'_>,
    out: &[f32],
    scratch: &mut [f32],
    carried: impl Fn(Layer) -> (f32, bool),
    mut update: impl FnMut(Layer, &mut [f32], &[f32], &[f32]),
) {
    let Entry { shape, activation, output, loss, .. } = *entry;
    let trained = batch.samples.saturating_sub(batch.held_back);
    let hidden_values = shape.hidden_units().saturating_mul(batch.samples);
    #[cfg(not(target_arch = "arm"))]
    let (scratch, panels) = entry.parts(batch.samples, scratch);
    let Some((hidden, deltas)) = scratch.split_at_mut_checked(hidden_values) else { return };
    let mut hidden: &[f32] = hidden;
    let half = shape.widest().saturating_mul(batch.samples);
    let Some((mut above, mut below)) = deltas.split_at_mut_checked(half) else { return };
    #[cfg(not(target_arch = "arm"))]
    let room = below.split_off_mut(half..).unwrap_or_default();

    let values = trained.saturating_mul(shape.outputs);
    let Some(d) = above.get_mut(..values) else { return };
    loss.deltas(output, out, batch.targets, shape.outputs, d);
    if trained != 1 {
        let share = 1.0 / trained as f32;
        d.iter_mut().for_each(|d| *d *= share);
    }
    #[cfg(not(target_arch = "arm"))]
    if kernel::differs(shape.outputs, trained) {
        copy(d, below);
        let by_sample = below.get(..values).unwrap_or_default();
        kernel::pack(shape.outputs, by_sample, trained, above);
    }

    for layer in shape.weight_layers().rev() {
        let taken = core::mem::take(&mut parameters).split_at_mut_checked(layer.below);
        let Some((rest, own)) = taken else { return };
        parameters = rest;
        let is_first = layer.below == 0;
        let x = if is_first {
            batch.inputs
        } else {
            let at = hidden.len().saturating_sub(batch.samples.saturating_mul(layer.fan_in));
            let Some((rest, x)) = hidden.split_at_checked(at) else { return };
            hidden = rest;
            x
        };
        #[cfg(not(target_arch = "arm"))]
        let x = if is_first && kernel::differs(layer.fan_in, batch.samples) { &*panels } else { x };
        let Some(d) = above.get_mut(..trained.saturating_mul(layer.fan_out)) else { return };
        let mut e = None;
        if !is_first {
            let Some(own) = below.get_mut(..trained.saturating_mul(layer.fan_in)) else { return };
            e = Some(own);
        }
        let (carried, is_step) = carried(layer);
        let fused = kernel::FUSED && is_step;
        #[cfg(target_arch = "arm")]
        {
            let mut e = e;
            if fused {
                kernel::descend(isa, layer, own, carried, trained, x, d, e.as_deref_mut());
            } else if let Some(e) = e.as_deref_mut() {
                kernel::backward(isa, layer, own, trained, d, e);
            }
            if let Some(e) = e {
                activation.chain(e, x);
            }
        }
        #[cfg(not(target_arch = "arm"))]
        if let Some(e) = e {
            let (parameters, samples, room) = (&*own, trained, &mut *room);
            isa.apart(LayerBackward { layer, activation, parameters, samples, d, e, x, room });
        }
        if !fused {
            if carried != 1.0 {
                d.iter_mut().for_each(|d| *d *= carried);
            }
            update(layer, own, x, d);
        }
        core::mem::swap(&mut above, &mut below);
    }
}
