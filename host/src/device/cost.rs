//! What a race costs a board beside its storage: bytes that every image takes, and instructions.
//! The numbers are measured, on the images of `firmware`, and a test holds them against the
//! images again.

use derby_boards::{Core, Link};
use derby_core::{Entry, Optimizer};

/// Bytes of static data that an image has beside the race: in QEMU the log's encoder and a flag;
/// with a probe also the channels' buffers and their control block.
pub const fn own_ram(link: Link) -> usize {
    match link {
        Link::Semihosting => 20,
        Link::Rtt => 2168,
    }
}

/// Bytes of flash that the image of a race takes without its entries: code, texts and tables,
/// measured with the default race of each board. Which task a race has and how the board is
/// linked moves it by some kilobytes.
pub const fn base_flash(core: Core) -> usize {
    match core {
        Core::M0 => 45_700,
        Core::M3 => 44_500,
        Core::M4F | Core::M7 => 52_300,
        Core::M33 => 53_100,
    }
}

/// Bytes of flash for each entry.
pub const ENTRY_FLASH: usize = 88;

/// Instructions of training on a processor.
#[derive(Clone, Copy, Debug)]
struct Instructions {
    /// For each multiply-accumulate of a sample.
    mac: f64,
    /// For each multiply-accumulate of a batch, however many samples it has.
    batch_mac: f64,
    /// For each parameter and step of an optimizer that takes a root and divides.
    root: f64,
}

/// Measured in QEMU as the image `bench` does, net 16-32x2-16 (on a Cortex-M0 16-16x1-8), batches
/// of 1 sample and of 10, with SGD and with RMSprop. Adam takes up to half as much again as
/// RMSprop's root.
const fn instructions(core: Core) -> Instructions {
    match core {
        Core::M0 => Instructions { mac: 95.0, batch_mac: 0.0, root: 1400.0 },
        Core::M3 => Instructions { mac: 56.0, batch_mac: 0.0, root: 660.0 },
        Core::M4F | Core::M7 | Core::M33 => Instructions { mac: 2.3, batch_mac: 0.7, root: 105.0 },
    }
}

/// Multiply-accumulates of one sample of a batch: three for each weight, forward, backward and
/// for the gradient.
pub const fn macs(entry: &Entry) -> usize {
    entry.shape.macs().saturating_mul(3)
}

/// About how many instructions training a net takes for each sample, in batches of `batch`.
pub fn per_sample(core: Core, entry: &Entry, batch: usize) -> f64 {
    let Instructions { mac, batch_mac, root } = instructions(core);
    let batch = batch.max(1) as f64;
    let [output, hidden] = [entry.optimizer, entry.hidden_optimizer].map(has_root);
    let roots = entry.shape.output_parameters() * usize::from(output)
        + entry.shape.hidden_parameters() * usize::from(hidden);
    macs(entry) as f64 * (mac + batch_mac / batch) + roots as f64 * root / batch
}

fn has_root(optimizer: Optimizer) -> bool {
    !matches!(
        optimizer,
        Optimizer::Sgd { .. }
            | Optimizer::Momentum { .. }
            | Optimizer::Rprop { .. }
            | Optimizer::PaperSgd { .. }
    )
}
