//! The boards Derby runs on: what the firmware's build script, the host's commands and their
//! tests know of a board, they know from the one table in [`BOARDS`].

mod table;

pub use table::BOARDS;

/// One board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// What `--board` takes.
    pub name: &'static str,
    /// The name its maker gave it.
    pub title: &'static str,
    /// The chip on it.
    pub chip: &'static str,
    /// The processor in the chip.
    pub core: Core,
    /// Where the image is stored.
    pub flash: Region,
    /// Where the race runs.
    pub ram: Region,
    /// Bytes at the bottom of `ram` that belong to the stack. What grows below them is not
    /// memory, so a stack that overflows stops the processor and reaches no variable.
    pub stack: u32,
    /// Clock of the processor after reset; the images leave it as it is.
    pub clock_hz: u32,
    /// The emulator's side of the board, where it has one.
    pub emulator: Option<Emulator>,
    /// What probe-rs calls the chip, where a probe can flash it.
    pub probe: Option<&'static str>,
    /// What the chip wants to find in flash before it starts an image.
    pub boot: Boot,
}

/// A processor, which decides the compiler's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// Cortex-M0: no FPU, no division, no long multiplication.
    M0,
    /// Cortex-M3: no FPU.
    M3,
    /// Cortex-M4 with an FPU for `f32`.
    M4F,
    /// Cortex-M7 with an FPU.
    M7,
    /// Cortex-M33 with an FPU.
    M33,
}

/// A stretch of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Address of its first byte.
    pub origin: u32,
    /// Its size in bytes.
    pub length: u32,
}

/// How QEMU emulates a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// What `-machine` takes.
    pub machine: &'static str,
    /// Clock of the emulated SysTick timer, which is the machine's, not always the chip's.
    pub systick_hz: u32,
}

/// What a chip wants to find in flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// A vector table at the start, no more.
    Vectors,
    /// A vector table, and in the first 4 KiB the block that tells the RP2350's boot ROM that
    /// this is an executable for its Arm cores (data sheet, 5.9.5.1 "Minimum Arm IMAGE_DEF").
    Rp2350,
}

/// QEMU's program for all the emulated boards.
pub const EMULATOR: &str = "qemu-system-arm";

/// With `-icount shift=7` an instruction takes 2^7 ns of the emulated clock.
pub const NANOSECONDS_PER_INSTRUCTION: u32 = 1 << 7;

impl Core {
    /// The compiler's target triple.
    pub const fn target(self) -> &'static str {
        match self {
            Self::M0 => "thumbv6m-none-eabi",
            Self::M3 => "thumbv7m-none-eabi",
            Self::M4F | Self::M7 => "thumbv7em-none-eabihf",
            Self::M33 => "thumbv8m.main-none-eabihf",
        }
    }
}

impl Board {
    /// The board of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        BOARDS.iter().find(|board| board.name == name)
    }

    /// Bytes of RAM for static data: all that is not stack.
    pub const fn static_ram(&self) -> u32 {
        self.ram.length.saturating_sub(self.stack)
    }

    /// Cargo's arguments that build `image` for this board, to be run in the firmware's folder
    /// with `DERBY_BOARD` set to the board's name. The image lies at
    /// `target/<target triple>/release/<image>` afterwards.
    pub fn cargo_arguments<'a>(&self, image: &'a str, link: Link) -> Vec<&'a str> {
        let mut arguments = vec!["build", "--release", "--locked", "--bin", image];
        arguments.extend(["--target", self.core.target()]);
        if link == Link::Rtt {
            arguments.extend(["--no-default-features", "--features", "full,rtt"]);
        }
        arguments
    }

    /// QEMU's arguments that start `image` on this board, `None` where QEMU has no such board.
    /// The emulator's standard output then carries the logs, its standard error the events, and
    /// its standard input the samples. With `count`, time is a count of instructions.
    pub fn emulator_arguments<'a>(&self, image: &'a str, count: bool) -> Option<Vec<&'a str>> {
        let emulator = self.emulator?;
        let mut arguments = vec!["-machine", emulator.machine, "-kernel", image];
        arguments.extend(["-display", "none", "-monitor", "none", "-serial", "none"]);
        arguments.extend(["-semihosting-config", "enable=on,target=native"]);
        if count {
            arguments.extend(["-icount", "shift=7"]);
        }
        Some(arguments)
    }

    /// The linker's memory map for this board (`memory.x` of cortex-m-rt).
    pub fn memory_map(&self) -> String {
        let Self { name, flash, ram, stack, .. } = self;
        let (flash_origin, flash_length) = (flash.origin, flash.length);
        let (bottom, top) = (ram.origin, ram.origin + stack);
        let statics = self.static_ram();
        let mut map = format!(
            "/* {name}: the stack lies at the bottom of RAM and grows out of it, not into the\n   \
             static data above. */\n\
             MEMORY\n{{\n  \
             FLASH : ORIGIN = {flash_origin:#010x}, LENGTH = {flash_length:#x}\n  \
             RAM : ORIGIN = {top:#010x}, LENGTH = {statics:#x}\n}}\n\
             _stack_end = {bottom:#010x};\n\
             _stack_start = {top:#010x};\n"
        );
        if self.boot == Boot::Rp2350 {
            map.push_str(RP2350_BLOCK);
        }
        map
    }
}

/// How an image talks to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Through the emulator's standard streams.
    Semihosting,
    /// Through a debug probe.
    Rtt,
}

/// Data sheet, 5.9.5.1: start marker; image type "executable, secure, Arm, RP2350"; last item;
/// no further block; end marker.
const RP2350_BLOCK: &str = "\
SECTIONS
{
  .start_block : ALIGN(4)
  {
    __start_block = .;
    LONG(0xffffded3)
    LONG(0x10210142)
    LONG(0x000001ff)
    LONG(0x00000000)
    LONG(0xab123579)
  } > FLASH
} INSERT AFTER .vector_table;
_stext = __start_block + 20;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for board in BOARDS {
            assert_eq!(Board::named(board.name), Some(board));
            assert_eq!(BOARDS.iter().filter(|other| other.name == board.name).count(), 1);
        }
        assert_eq!(Board::named("abacus"), None);
    }

    #[test]
    fn every_board_can_be_emulated_or_flashed() {
        for board in BOARDS {
            assert!(board.emulator.is_some() || board.probe.is_some(), "{}", board.name);
        }
    }

    #[test]
    fn regions_are_aligned_and_the_stack_leaves_room() {
        for Board { name, flash, ram, stack, .. } in BOARDS {
            for number in [flash.origin, flash.length, ram.origin, ram.length, *stack] {
                assert_eq!(number % 8, 0, "{name}");
            }
            assert!(*stack <= ram.length / 4, "{name}");
        }
    }

    #[test]
    fn the_stack_lies_below_the_static_data() {
        let map = Board::named("microbit").unwrap().memory_map();
        assert!(map.contains("RAM : ORIGIN = 0x20000800, LENGTH = 0x3800"), "{map}");
        assert!(map.contains("_stack_end = 0x20000000"), "{map}");
        assert!(map.contains("_stack_start = 0x20000800"), "{map}");
    }

    #[test]
    fn only_emulated_boards_have_emulator_arguments() {
        for board in BOARDS {
            let arguments = board.emulator_arguments("image", true);
            assert_eq!(arguments.is_some(), board.emulator.is_some(), "{}", board.name);
        }
    }
}
