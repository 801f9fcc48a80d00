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
/// measured with the default race of `firmware/races`. Which task and optimizers a race has
/// moves it by some kilobytes.
pub const fn base_flash(core: Core) -> usize {
    match core {
        Core::M0 => 47_700,
        Core::M3 => 46_000,
        Core::M4F | Core::M7 => 41_600,
        Core::M33 => 42_400,
    }
}

/// Bytes of flash for each entry.
pub const ENTRY_FLASH: usize = 88;

/// Instructions of training on a processor.
#[derive(Clone, Copy, Debug)]
struct Instructions {
    /// For each multiply-accumulate.
    mac: f64,
    /// For each multiply-accumulate of a batch, however many samples it has.
    batch_mac: f64,
    /// For each parameter and step, of an optimizer that takes a square root and divides.
    root: f64,
}

/// Measured in QEMU with the image `bench`, net 16-56x2-16 (16-32x2-16 where there is no FPU):
/// batches of 1 sample and of 10.
const fn instructions(core: Core) -> Instructions {
    match core {
        Core::M0 => Instructions { mac: 264.0, batch_mac: 0.0, root: 1500.0 },
        Core::M3 => Instructions { mac: 158.0, batch_mac: 0.0, root: 900.0 },
        Core::M4F | Core::M7 | Core::M33 => Instructions { mac: 3.1, batch_mac: 7.8, root: 8.0 },
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
    let has_root = |optimizer| {
        !matches!(
            optimizer,
            Optimizer::Sgd { .. }
                | Optimizer::Momentum { .. }
                | Optimizer::Rprop { .. }
                | Optimizer::PaperSgd { .. }
        )
    };
    let mut roots = 0;
    if has_root(entry.optimizer) {
        roots += entry.shape.output_parameters();
    }
    if has_root(entry.hidden_optimizer) {
        roots += entry.shape.hidden_parameters();
    }
    macs(entry) as f64 * (mac + batch_mac / batch) + roots as f64 * root / batch
}
